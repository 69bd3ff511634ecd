package stats

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// jackknifeGroups bounds how often a statistic is computed to see its skew. Rows
// are dealt to the groups in turn, so that an order of the table does not matter.
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
	below, n, err := b.below(j, b.estimates[j])
	if err != nil {
		return 0
	}
	return normalQuantile(below, n)
}

// normalQuantile of the share k of n, kept half a replicate off the ends.
func normalQuantile(k, n float64) float64 {
	if n == 0 {
		return 0
	}
	return distuv.UnitNormal.Quantile(min(max(k, 0.5), n-0.5) / n)
}

// accelerate leaves groups of rows out in turn.
func (b *Bootstrap) accelerate(rows int, weights []float64, statistics func([]float64) []float64) {
	left := leaveOut(rows, min(rows, jackknifeGroups), weights, len(b.estimates), statistics)
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
// at which the lower BCa bound passes value. It is never below
// 1/(resamples+1), and that where every replicate lies above value.
func (b *Bootstrap) AtMost(j int, value float64) (float64, error) {
	below, n, err := b.below(j, value)
	switch {
	case err != nil:
		return 0, err
	case below == 0:
		return 1 / (n + 1), nil
	case b.constant(j):
		return 1, nil
	}
	return max(1/(n+1), b.invert(j, below, n)), nil
}

// AtLeast is the one-sided p-value of "statistic j is at least value", by the upper bound; see AtMost.
func (b *Bootstrap) AtLeast(j int, value float64) (float64, error) {
	below, n, err := b.below(j, value)
	switch {
	case err != nil:
		return 0, err
	case below == n:
		return 1 / (n + 1), nil
	case b.constant(j):
		return 1, nil
	}
	return max(1/(n+1), 1-b.invert(j, below, n)), nil
}

// constant tells that all replicates are equal.
func (b *Bootstrap) constant(j int) bool {
	return b.replicates[j][0] == b.replicates[j][len(b.replicates[j])-1]
}

// below is how many of n replicates lie below value, equal ones counting one half.
func (b *Bootstrap) below(j int, value float64) (below, n float64, err error) {
	if !finite(b.estimates[j]) || 2*len(b.replicates[j]) < b.Resamples {
		return 0, 0, fmt.Errorf("bootstrap test: %w", ErrUnstable)
	}
	less, _ := slices.BinarySearch(b.replicates[j], value)
	upTo, _ := slices.BinarySearch(b.replicates[j], math.Nextafter(value, math.Inf(1)))
	return (float64(less) + float64(upTo)) / 2, float64(len(b.replicates[j])), nil
}

// invert undoes level: the normal probability of the bound below which so many replicates lie.
func (b *Bootstrap) invert(j int, below, n float64) float64 {
	y := normalQuantile(below, n) - b.bias[j]
	return distuv.UnitNormal.CDF(y/(1+b.acceleration[j]*y) - b.bias[j])
}
