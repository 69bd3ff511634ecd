package stats

import (
	"errors"
	"math"
)

// Smooth is a smooth function of the means of some columns of a table, such as
// a mean squared error or the difference of two.
type Smooth struct {
	rows, columns int
	values        []float64 // row by row
	// of gives the function and its derivatives by the means; NaN for what is undefined.
	of func(means, gradient []float64) (value float64)
	// logarithm tells that the value is one, so that its derivatives are relative.
	logarithm bool
	// means and gradient are scratch space.
	means, gradient []float64
}

// newSmooth reads columns of the same length.
func newSmooth(of func(means, gradient []float64) float64, logarithm bool, columns ...[]float64) *Smooth {
	s := &Smooth{rows: len(columns[0]), columns: len(columns), of: of, logarithm: logarithm}
	s.values = make([]float64, s.rows*s.columns)
	for c, values := range columns {
		for i, v := range values {
			s.values[i*s.columns+c] = v
		}
	}
	s.means, s.gradient = make([]float64, s.columns), make([]float64, s.columns)
	return s
}

// Rows of the table.
func (s *Smooth) Rows() int { return s.rows }

// row is a part of values.
func (s *Smooth) row(i int) []float64 { return s.values[i*s.columns : (i+1)*s.columns] }

// at gives the function of the rows drawn, each any number of times, and its
// standard error by the delta method; NaN for what is undefined.
func (s *Smooth) at(drawn []int32) (estimate, standardError float64) {
	n := float64(len(drawn))
	clear(s.means)
	for _, i := range drawn {
		for c, v := range s.row(int(i)) {
			s.means[c] += v
		}
	}
	for c := range s.means {
		s.means[c] /= n
	}
	estimate = s.of(s.means, s.gradient)
	squares := 0.0
	for _, i := range drawn {
		d := s.departure(int(i))
		squares += d * d
	}
	return estimate, math.Sqrt(squares / (n - 1) / n)
}

// departure is how much a row moves the function, per share of rows, by the
// means and the gradient that at has left.
func (s *Smooth) departure(i int) float64 {
	d := 0.0
	for c, v := range s.row(i) {
		d += s.gradient[c] * (v - s.means[c])
	}
	return d
}

// influences are the departures of all rows, whose mean is 0.
func (s *Smooth) influences() []float64 {
	out := make([]float64, s.rows)
	for i := range out {
		out[i] = s.departure(i)
	}
	return out
}

// LogMean is the logarithm of the mean of non-negative values.
func LogMean(values []float64) *Smooth {
	return newSmooth(func(means, gradient []float64) float64 {
		gradient[0] = 1 / means[0]
		return math.Log(means[0])
	}, true, values)
}

// LogUnexplained is the logarithm of 1 - R²: of the mean squared error over the
// variance of the truth.
func LogUnexplained(truth, squaredErrors []float64) (*Smooth, error) {
	if err := checkPaired(len(truth), len(squaredErrors)); err != nil {
		return nil, err
	}
	centered, squares := aboutMean(truth)
	return newSmooth(func(means, gradient []float64) float64 {
		variance := means[2] - means[1]*means[1]
		gradient[0], gradient[1], gradient[2] = 1/means[0], 2*means[1]/variance, -1/variance
		return math.Log(means[0] / variance)
	}, true, squaredErrors, centered, squares), nil
}

// MeanDifference is the mean of a less the mean of b, row by row.
func MeanDifference(a, b []float64) (*Smooth, error) {
	if err := checkPaired(len(a), len(b)); err != nil {
		return nil, err
	}
	differences := make([]float64, len(a))
	for i, v := range a {
		differences[i] = v - b[i]
	}
	return newSmooth(func(means, gradient []float64) float64 {
		gradient[0] = 1
		return means[0]
	}, false, differences), nil
}

// RootMeanDifference is the root of the mean of a less that of b, such as the
// difference of two root mean squared errors of the same rows.
func RootMeanDifference(a, b []float64) (*Smooth, error) {
	if err := checkPaired(len(a), len(b)); err != nil {
		return nil, err
	}
	return newSmooth(func(means, gradient []float64) float64 {
		x, y := math.Sqrt(means[0]), math.Sqrt(means[1])
		gradient[0], gradient[1] = 0.5/x, -0.5/y
		return x - y
	}, false, a, b), nil
}

// ExplainedDifference is R² of one model less that of another on the same rows,
// from the squared errors of both.
func ExplainedDifference(truth, a, b []float64) (*Smooth, error) {
	if err := errors.Join(checkPaired(len(truth), len(a)), checkPaired(len(truth), len(b))); err != nil {
		return nil, err
	}
	centered, squares := aboutMean(truth)
	gained := make([]float64, len(a))
	for i := range a {
		gained[i] = b[i] - a[i]
	}
	return newSmooth(func(means, gradient []float64) float64 {
		variance := means[2] - means[1]*means[1]
		value := means[0] / variance
		gradient[0], gradient[1], gradient[2] = 1/variance, 2*means[1]*value/variance, -value/variance
		return value
	}, false, gained, centered, squares), nil
}

// aboutMean centers values, whose squares then lose nothing to rounding.
func aboutMean(x []float64) (centered, squares []float64) {
	mean := 0.0
	for _, v := range x {
		mean += v / float64(len(x))
	}
	centered, squares = make([]float64, len(x)), make([]float64, len(x))
	for i, v := range x {
		centered[i] = v - mean
		squares[i] = centered[i] * centered[i]
	}
	return centered, squares
}
