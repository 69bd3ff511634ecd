package stats

import (
	"errors"
	"fmt"

	"gonum.org/v1/gonum/mat"
)

// Linear is a linear model: a row's scores are Intercepts + Weights·row.
type Linear struct {
	Intercepts []float64   // one for each score
	Weights    [][]float64 // by score, then by column
}

// Scores are those of a row.
func (l *Linear) Scores(row []float64) []float64 {
	out := make([]float64, len(l.Intercepts))
	for k, weights := range l.Weights {
		out[k] = l.Intercepts[k]
		for j, v := range row {
			if v != 0 {
				out[k] += weights[j] * v
			}
		}
	}
	return out
}

// FitRidge fits y by least squares with the penalty on the squared weights;
// the intercept is not penalised. x holds a row for each of y.
//
// It minimises |y - a - xw|² + penalty·|w|², as scikit-learn's Ridge does, by
// the normal equations of centred columns. The error is for inputs that do not
// match or are not finite, and for a penalty of 0 where columns depend on each other.
//
// Source: A. E. Hoerl and R. W. Kennard, Technometrics 12 (1970).
func FitRidge(x *mat.Dense, y []float64, penalty float64) (*Linear, error) {
	rows, columns := x.Dims()
	if rows != len(y) || penalty < 0 {
		return nil, fmt.Errorf("ridge regression: %d rows, %d values and penalty %v; want as many and no less than 0", rows, len(y), penalty)
	}
	means, centred := centre(x)
	level := 0.0
	for _, v := range y {
		level += v / float64(rows)
	}
	target := mat.NewVecDense(rows, nil)
	for i, v := range y {
		target.SetVec(i, v-level)
	}
	var gram mat.SymDense
	gram.SymOuterK(1, centred.T())
	for j := range columns {
		gram.SetSym(j, j, gram.At(j, j)+penalty)
	}
	var moment, weights mat.VecDense
	moment.MulVec(centred.T(), target)
	var factor mat.Cholesky
	if !factor.Factorize(&gram) {
		return nil, errors.New("ridge regression: the columns depend on each other; want a larger penalty")
	}
	if err := factor.SolveVecTo(&weights, &moment); err != nil && !isIllConditioned(err) {
		return nil, fmt.Errorf("ridge regression: %w", err)
	}
	out := &Linear{Intercepts: []float64{level}, Weights: [][]float64{weights.RawVector().Data}}
	for j, w := range out.Weights[0] {
		out.Intercepts[0] -= w * means[j]
	}
	if err := out.check(); err != nil {
		return nil, err
	}
	return out, nil
}

// centre gives the columns' means, and the table without them.
func centre(x *mat.Dense) ([]float64, *mat.Dense) {
	rows, columns := x.Dims()
	means := make([]float64, columns)
	for i := range rows {
		for j, v := range x.RawRowView(i) {
			means[j] += v / float64(rows)
		}
	}
	out := mat.DenseCopyOf(x)
	for i := range rows {
		row := out.RawRowView(i)
		for j := range row {
			row[j] -= means[j]
		}
	}
	return means, out
}

// isIllConditioned tells the warning that a solution may not be exact from a failure.
func isIllConditioned(err error) bool {
	var condition mat.Condition
	return errors.As(err, &condition)
}

// check is the error of a model that is no numbers.
func (l *Linear) check() error {
	for k, weights := range l.Weights {
		if !finite(l.Intercepts[k]) {
			return errNotFitted
		}
		for _, w := range weights {
			if !finite(w) {
				return errNotFitted
			}
		}
	}
	return nil
}

var errNotFitted = errors.New("the linear model is not finite; the columns are too large, or hold values that are no numbers")
