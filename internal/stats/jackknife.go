package stats

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Jackknife holds several statistics of one table and their standard errors,
// from leaving groups of rows out in turn: for tables with so many rows that
// statistics are normal and a bootstrap would take long.
//
// Source: J. Shao and D. Tu, "The Jackknife and Bootstrap" (1995), section 2.3.
type Jackknife struct {
	Groups    int
	estimates []float64
	errors    []float64 // standard errors; NaN where a group leaves the statistic undefined
}

// NewJackknife computes the statistics once for all rows and once without each
// group. Rows are dealt to the groups in turn. statistics is called as by NewBootstrap.
func NewJackknife(rows, groups int, statistics func(weights []float64) []float64) (*Jackknife, error) {
	if groups < 2 || rows < groups {
		return nil, fmt.Errorf("jackknife: %d groups of %d rows; want at least 2, and a row in each", groups, rows)
	}
	weights := make([]float64, rows)
	for i := range weights {
		weights[i] = 1
	}
	j := &Jackknife{Groups: groups, estimates: slices.Clone(statistics(weights))}
	left := leaveOut(rows, groups, weights, len(j.estimates), statistics)
	for k := range j.estimates {
		mean, squares := 0.0, 0.0
		for _, v := range left[k] {
			mean += v / float64(groups)
		}
		for _, v := range left[k] {
			squares += (v - mean) * (v - mean)
		}
		if len(left[k]) < groups {
			squares = math.NaN()
		}
		j.errors = append(j.errors, math.Sqrt(squares*float64(groups-1)/float64(groups)))
	}
	return j, nil
}

// leaveOut gives the finite values of each statistic without each group of rows.
func leaveOut(rows, groups int, weights []float64, count int, statistics func([]float64) []float64) [][]float64 {
	left := make([][]float64, count)
	for g := range groups {
		for i := range weights {
			weights[i] = 1
		}
		for i := g; i < rows; i += groups {
			weights[i] = 0
		}
		for k, v := range statistics(weights) {
			if finite(v) {
				left[k] = append(left[k], v)
			}
		}
	}
	return left
}

func (j *Jackknife) unstable(k int) bool { return !finite(j.estimates[k]) || !finite(j.errors[k]) }

// Interval is the two-sided confidence interval of statistic k at 1-alpha, by
// Student's t with one degree of freedom less than groups. The error is ErrUnstable where the statistic is undefined.
func (j *Jackknife) Interval(k int, alpha float64) (lo, hi float64, err error) {
	if err := checkAlpha(alpha); err != nil {
		return 0, 0, fmt.Errorf("jackknife interval: %w", err)
	}
	if j.unstable(k) {
		return 0, 0, fmt.Errorf("jackknife interval: %w", ErrUnstable)
	}
	half := j.student().Quantile(1-alpha/2) * j.errors[k]
	return j.estimates[k] - half, j.estimates[k] + half, nil
}

func (j *Jackknife) student() distuv.StudentsT {
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(j.Groups - 1)}
}

// AtMost is the one-sided p-value of "statistic k is at most value".
func (j *Jackknife) AtMost(k int, value float64) (float64, error) {
	return j.test(j.estimates[k]-value, k)
}

// AtLeast is the one-sided p-value of "statistic k is at least value".
func (j *Jackknife) AtLeast(k int, value float64) (float64, error) {
	return j.test(value-j.estimates[k], k)
}

func (j *Jackknife) test(distance float64, k int) (float64, error) {
	switch {
	case j.unstable(k):
		return 0, fmt.Errorf("jackknife test: %w", ErrUnstable)
	case j.errors[k] == 0 && distance > 0:
		return 0, nil
	case j.errors[k] == 0:
		return 1, nil
	}
	return j.student().CDF(-distance / j.errors[k]), nil
}
