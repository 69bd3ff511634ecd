package stats

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// Summary describes one numeric column. All values come from the N finite
// numbers; where there are none, and for Std where there is only one, the
// field is 0, so that a Summary is always valid JSON: look at N first.
type Summary struct {
	N        int     `json:"n"`        // finite values
	Missing  int     `json:"missing"`  // NaN
	Infinite int     `json:"infinite"` // +Inf and -Inf, left out of the rest
	Mean     float64 `json:"mean"`
	Std      float64 `json:"std"` // sample standard deviation, divisor N-1
	Min      float64 `json:"min"`
	P25      float64 `json:"p25"`
	Median   float64 `json:"median"`
	P75      float64 `json:"p75"`
	Max      float64 `json:"max"`
}

// Describe summarises x as pandas' describe does: NaN counts as missing,
// quantiles are type 7 (see Quantile), the standard deviation has divisor N-1.
func Describe(x []float64) Summary {
	var s Summary
	values := make([]float64, 0, len(x))
	for _, v := range x {
		switch {
		case math.IsNaN(v):
			s.Missing++
		case math.IsInf(v, 0):
			s.Infinite++
		default:
			values = append(values, v)
		}
	}
	s.N = len(values)
	if s.N == 0 {
		return s
	}
	slices.Sort(values)
	s.Min, s.Max = values[0], values[s.N-1]
	s.P25 = quantileSorted(values, 0.25)
	s.Median = quantileSorted(values, 0.5)
	s.P75 = quantileSorted(values, 0.75)
	s.Mean, s.Std = meanStd(values)
	return s
}

// meanStd scales by a power of two, which is exact, so that squares of the
// largest and smallest numbers neither overflow nor vanish. values is
// overwritten.
func meanStd(values []float64) (mean, std float64) {
	_, exp := math.Frexp(max(math.Abs(values[0]), math.Abs(values[len(values)-1])))
	for i, v := range values {
		values[i] = math.Ldexp(v, -exp)
	}
	if len(values) == 1 {
		return math.Ldexp(values[0], exp), 0
	}
	mean, std = stat.MeanStdDev(values, nil)
	return math.Ldexp(mean, exp), min(math.Ldexp(std, exp), math.MaxFloat64)
}
