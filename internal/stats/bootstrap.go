package stats

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// jackknifeGroups bounds how often a statistic is computed to see its skew.
const jackknifeGroups = 200

// Bootstrap holds the replicates of several statistics of one table, drawn
// together: rows are drawn with replacement, and each statistic is computed
// from how often each row was drawn.
//
// Source: B. Efron, Journal of the American Statistical Association 82 (1987),
// the bias-corrected and accelerated (BCa) interval; the acceleration from the
// jackknife, in at most 200 groups of rows.
type Bootstrap struct {
	Resamples int
	estimates []float64
	// replicates are ascending, by statistic; those that are undefined are left out.
	replicates   [][]float64
	bias         []float64 // z0
	acceleration []float64
}

// NewBootstrap draws resamples of rows with a seed: the same seed gives the
// same replicates. statistics is called with a weight for each row and returns
// as many numbers each time, NaN for what is undefined.
func NewBootstrap(rows, resamples int, seed uint64, statistics func(weights []float64) []float64) (*Bootstrap, error) {
	if rows < 2 || resamples < 1 {
		return nil, fmt.Errorf("bootstrap: %d rows and %d resamples; want at least 2 and 1", rows, resamples)
	}
	weights := make([]float64, rows)
	for i := range weights {
		weights[i] = 1
	}
	b := &Bootstrap{Resamples: resamples, estimates: slices.Clone(statistics(weights))}
	k := len(b.estimates)
	b.replicates, b.bias, b.acceleration = make([][]float64, k), make([]float64, k), make([]float64, k)
	random := rand.New(rand.NewPCG(seed, uint64(rows))) //nolint:gosec // statistics, not secrets
	for range resamples {
		clear(weights)
		for range rows {
			weights[random.IntN(rows)]++
		}
		for j, v := range statistics(weights) {
			if finite(v) {
				b.replicates[j] = append(b.replicates[j], v)
			}
		}
	}
	for j, values := range b.replicates {
		slices.Sort(values)
		b.bias[j] = b.medianBias(j)
	}
	b.accelerate(rows, weights, statistics)
	return b, nil
}

// medianBias is the normal quantile of the share of replicates below the
// estimate, ties counting one half, which matters for statistics of few values.
func (b *Bootstrap) medianBias(j int) float64 {
	below, _ := slices.BinarySearch(b.replicates[j], b.estimates[j])
	upTo, _ := slices.BinarySearch(b.replicates[j], math.Nextafter(b.estimates[j], math.Inf(1)))
	n := float64(len(b.replicates[j]))
	return normalQuantile((float64(below)+float64(upTo))/2, n)
}

// normalQuantile of the share k of n, kept half a replicate off the ends.
func normalQuantile(k, n float64) float64 {
	if n == 0 {
		return 0
	}
	return distuv.UnitNormal.Quantile(min(max(k, 0.5), n-0.5) / n)
}

// accelerate leaves groups of rows out in turn. Rows are dealt to the groups
// in turn, so that an order of the table does not matter.
func (b *Bootstrap) accelerate(rows int, weights []float64, statistics func([]float64) []float64) {
	groups := min(rows, jackknifeGroups)
	left := make([][]float64, len(b.estimates))
	for g := range groups {
		for i := range weights {
			weights[i] = 1
			if i%groups == g {
				weights[i] = 0
			}
		}
		for j, v := range statistics(weights) {
			if finite(v) {
				left[j] = append(left[j], v)
			}
		}
	}
	for j, values := range left {
		mean := 0.0
		for _, v := range values {
			mean += v / float64(len(values))
		}
		var squares, cubes float64
		for _, v := range values {
			d := mean - v
			squares, cubes = squares+d*d, cubes+d*d*d
		}
		if squares > 0 {
			b.acceleration[j] = cubes / (6 * math.Pow(squares, 1.5))
		}
	}
}

// Estimate is statistic j of the table itself.
func (b *Bootstrap) Estimate(j int) float64 { return b.estimates[j] }

// ErrUnstable says that a statistic is undefined for too many resamples.
var ErrUnstable = errors.New("the statistic is undefined for most resamples")

// Interval is the two-sided BCa confidence interval of statistic j at 1-alpha.
// The error is ErrUnstable where the statistic, or half its replicates, is undefined.
func (b *Bootstrap) Interval(j int, alpha float64) (lo, hi float64, err error) {
	if err := checkAlpha(alpha); err != nil {
		return 0, 0, fmt.Errorf("bootstrap interval: %w", err)
	}
	if !finite(b.estimates[j]) || 2*len(b.replicates[j]) < b.Resamples {
		return 0, 0, fmt.Errorf("bootstrap interval: %w", ErrUnstable)
	}
	z := distuv.UnitNormal.Quantile(alpha / 2)
	return quantileSorted(b.replicates[j], b.level(j, z)), quantileSorted(b.replicates[j], b.level(j, -z)), nil
}

// level is the share of replicates below the BCa bound that a normal statistic would have at z.
func (b *Bootstrap) level(j int, z float64) float64 {
	z0, a := b.bias[j], b.acceleration[j]
	return distuv.UnitNormal.CDF(z0 + (z0+z)/(1-a*(z0+z)))
}

// AtMost is the one-sided p-value of "statistic j is at most value": the alpha
// at which the lower BCa bound passes value. It is never below 1/(resamples+1).
func (b *Bootstrap) AtMost(j int, value float64) (float64, error) {
	return b.reject(j, value, func(p float64) float64 { return p })
}

// AtLeast is the one-sided p-value of "statistic j is at least value", by the upper bound; see AtMost.
func (b *Bootstrap) AtLeast(j int, value float64) (float64, error) {
	return b.reject(j, value, func(p float64) float64 { return 1 - p })
}

// reject inverts level: the normal probability at which a bound is value.
func (b *Bootstrap) reject(j int, value float64, side func(float64) float64) (float64, error) {
	if !finite(b.estimates[j]) || 2*len(b.replicates[j]) < b.Resamples {
		return 0, fmt.Errorf("bootstrap test: %w", ErrUnstable)
	}
	n := float64(len(b.replicates[j]))
	below, _ := slices.BinarySearch(b.replicates[j], value)
	upTo, _ := slices.BinarySearch(b.replicates[j], math.Nextafter(value, math.Inf(1)))
	if upTo-below == len(b.replicates[j]) {
		return 1, nil // nothing ever differs from value
	}
	y := normalQuantile((float64(below)+float64(upTo))/2, n) - b.bias[j]
	p := side(distuv.UnitNormal.CDF(y/(1+b.acceleration[j]*y) - b.bias[j]))
	return min(1, max(p, 1/(n+1))), nil
}
