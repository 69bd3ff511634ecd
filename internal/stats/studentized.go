package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Studentized is a statistic of some rows of a table, each drawn any number of
// times, with its standard error; NaN for what is undefined.
type Studentized func(drawn []int32) (estimate, standardError float64)

// StudentizedInterval is the two-sided confidence interval at 1-alpha of a
// statistic of all rows, by the studentized bootstrap (bootstrap-t): how far resamples
// lie from the table, each in its own standard errors, tells how far the table lies from the truth.
// It sees that tables without a large value underrate both the statistic and
// its error, which the BCa interval does not, and asks for a scale on which the
// standard error hardly depends on the statistic: a logarithm for means of errors.
//
// The same seed gives the same interval. The error is ErrUnstable where the
// statistic or its standard error is undefined, of the table or of half the resamples.
//
// Sources: B. Efron, "Nonparametric standard errors and confidence intervals",
// Canadian Journal of Statistics 9 (1981); P. Hall, Annals of Statistics 16 (1988).
func StudentizedInterval(rows, resamples int, seed uint64, alpha float64, statistic Studentized) (lo, hi float64, err error) {
	if err := checkAlpha(alpha); err != nil {
		return 0, 0, fmt.Errorf("studentized interval: %w", err)
	}
	if rows < 2 || rows > math.MaxInt32 || resamples < 1 {
		return 0, 0, fmt.Errorf("studentized interval: %d rows and %d resamples; want at least 2 and 1", rows, resamples)
	}
	drawn := make([]int32, rows)
	for i := range drawn {
		drawn[i] = int32(i)
	}
	estimate, width := statistic(drawn)
	switch {
	case !finite(estimate) || !finite(width):
		return 0, 0, fmt.Errorf("studentized interval: %w", ErrUnstable)
	case width == 0:
		return estimate, estimate, nil
	}
	random := rand.New(rand.NewPCG(seed, uint64(rows))) //nolint:gosec // statistics, not secrets
	var distances []float64
	for range resamples {
		for i := range drawn {
			drawn[i] = int32(random.IntN(rows))
		}
		v, e := statistic(drawn)
		if d := (v - estimate) / e; finite(d) {
			distances = append(distances, d)
		}
	}
	if 2*len(distances) < resamples {
		return 0, 0, fmt.Errorf("studentized interval: %w", ErrUnstable)
	}
	slices.Sort(distances)
	return estimate - width*quantileSorted(distances, 1-alpha/2), estimate - width*quantileSorted(distances, alpha/2), nil
}

// LogMeanInterval is the interval of LogMean over all values, whose upper end
// knows that a sample seldom holds the largest values of a heavy tail: it is
// the higher one of StudentizedInterval's and of that whose resamples come from the values with
// a generalised Pareto tail. The lower end is StudentizedInterval's.
func LogMeanInterval(values []float64, resamples int, seed uint64, alpha float64) (lo, hi float64, err error) {
	lo, hi, err = StudentizedInterval(len(values), resamples, seed, alpha, LogMean(values))
	if err != nil || lo == hi {
		return lo, hi, err
	}
	tail, ok := newParetoTail(values)
	if !ok {
		return lo, hi, nil
	}
	random := rand.New(rand.NewPCG(seed, math.MaxUint64-uint64(len(values)))) //nolint:gosec // statistics, not secrets
	drawn, all := make([]float64, len(values)), make([]int32, len(values))
	for i := range all {
		all[i] = int32(i)
	}
	estimate, width := LogMean(values)(all)
	center, of := math.Log(tail.mean()), LogMean(drawn)
	var distances []float64
	for range resamples {
		for i := range drawn {
			drawn[i] = tail.draw(random)
		}
		v, e := of(all)
		if d := (v - center) / e; finite(d) {
			distances = append(distances, d)
		}
	}
	if 2*len(distances) < resamples {
		return lo, hi, nil
	}
	slices.Sort(distances)
	return lo, max(hi, estimate-width*quantileSorted(distances, alpha/2)), nil
}

// LogMean is the logarithm of the mean of non-negative values, with the
// standard error that the delta method gives it.
func LogMean(values []float64) Studentized {
	return func(drawn []int32) (float64, float64) {
		n := float64(len(drawn))
		mean, squares := 0.0, 0.0
		for _, i := range drawn {
			mean += values[i]
		}
		mean /= n
		for _, i := range drawn {
			d := values[i] - mean
			squares += d * d
		}
		return math.Log(mean), math.Sqrt(squares/(n-1)/n) / mean
	}
}

// LogUnexplained is the logarithm of 1 - R²: of the mean squared error over the
// variance of the truth, with the standard error that the delta method gives it.
func LogUnexplained(truth, squaredErrors []float64) Studentized {
	return func(drawn []int32) (float64, float64) {
		n := float64(len(drawn))
		center, residual, total := 0.0, 0.0, 0.0
		for _, i := range drawn {
			center, residual = center+truth[i], residual+squaredErrors[i]
		}
		center, residual = center/n, residual/n
		for _, i := range drawn {
			total += (truth[i] - center) * (truth[i] - center)
		}
		total /= n
		squares := 0.0
		for _, i := range drawn {
			d := squaredErrors[i]/residual - (truth[i]-center)*(truth[i]-center)/total
			squares += d * d
		}
		return math.Log(residual / total), math.Sqrt(squares / (n - 1) / n)
	}
}
