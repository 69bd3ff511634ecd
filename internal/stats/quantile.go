package stats

import (
	"fmt"
	"math"
	"sort"
)

// Quantile is the q-quantile, 0 <= q <= 1, of unsorted data, by linear
// interpolation between the order statistics around rank (n-1)q: type 7 of
// R. J. Hyndman and Y. Fan, The American Statistician 50 (1996), the default
// of numpy.quantile. The data must hold a value and no NaN.
func Quantile(x []float64, q float64) (float64, error) {
	if !(q >= 0 && q <= 1) {
		return 0, fmt.Errorf("quantile: order %v must lie in [0, 1]", q)
	}
	sorted, err := sortedSample("x", x)
	if err != nil {
		return 0, fmt.Errorf("quantile: %w", err)
	}
	v := quantileSorted(sorted, q)
	if math.IsNaN(v) {
		return 0, fmt.Errorf("quantile: order %v falls between -Inf and +Inf, where there is no interpolation", q)
	}
	return v, nil
}

// quantileSorted is the type 7 quantile of sorted data, len >= 1.
func quantileSorted(sorted []float64, q float64) float64 {
	rank := float64(len(sorted)-1) * q
	below := int(math.Floor(rank))
	return interpolate(sorted, below, rank-float64(below))
}

// interpolate is the point a fraction t in [0, 1) past sorted[i] on the way to
// sorted[i+1]; never outside the two. NaN between opposite infinities.
func interpolate(sorted []float64, i int, t float64) float64 {
	a := sorted[i]
	if t == 0 || i+1 == len(sorted) || sorted[i+1] == a {
		return a
	}
	b := sorted[i+1]
	return min(max((1-t)*a+t*b, a), b) // a weighted sum: b-a could overflow
}

// QuantileRanks gives the ranks (1 for the smallest value) of the order
// statistics that bound the q-quantile of any distribution from n independent
// samples: the true quantile is below the lo-th with probability at most
// alpha, and above the hi-th with probability at most alpha. lo is 0 and hi is
// n+1 where n samples are too few for a bound on that side.
//
// Source: W. J. Conover, "Practical Nonparametric Statistics", 3rd ed. (1999),
// section 3.2; the ranks follow from the Binomial(n, q) number of samples at
// or below the quantile, and hold for discrete distributions too.
func QuantileRanks(n int64, q, alpha float64) (lo, hi int64, err error) {
	switch {
	case n < 1 || n > maxCount:
		return 0, 0, fmt.Errorf("quantile ranks: %d samples; want 1 to %d", n, int64(maxCount))
	case !(q > 0 && q < 1):
		return 0, 0, fmt.Errorf("quantile ranks: order %v must lie between 0 and 1, exclusive", q)
	}
	if err := checkAlpha(alpha); err != nil {
		return 0, 0, fmt.Errorf("quantile ranks: %w", err)
	}
	nf := float64(n)
	// lo is the largest r with P(X <= r-1) <= alpha, X ~ Binomial(n, q).
	first := sort.Search(int(n), func(r int) bool {
		return binomialUpperTail(nf-float64(r), nf, 1-q, q) > alpha // P(X <= r)
	})
	// hi is the smallest s with P(X >= s) <= alpha.
	last := 1 + sort.Search(int(n), func(r int) bool {
		return binomialUpperTail(float64(r+1), nf, q, 1-q) <= alpha
	})
	return int64(first), int64(last), nil
}
