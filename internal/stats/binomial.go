package stats

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"
)

// BinomialLower is the one-sided lower confidence bound of a proportion at
// confidence 1-alpha, after k events in n trials. It is exact: the true
// proportion lies below it with probability at most alpha. 0 when k is 0.
//
// Source: C. J. Clopper and E. S. Pearson, Biometrika 26 (1934); the p at
// which P(X >= k) = alpha, the alpha quantile of Beta(k, n-k+1).
func BinomialLower(k, n int64, alpha float64) (float64, error) {
	if err := checkBound(k, n, alpha); err != nil {
		return 0, fmt.Errorf("binomial lower bound: %w", err)
	}
	kf, nf := float64(k), float64(n)
	switch k {
	case 0:
		return 0, nil
	case n:
		return math.Exp(math.Log(alpha) / nf), nil
	}
	return solveLogProportion(kf/nf, func(p float64) (excess, slope float64) {
		q := 1 - p
		tail := binomialUpperTail(kf, nf, p, q)
		return math.Log(tail / alpha), kf * binomialPMF(kf, nf, nf*p, nf*q) / tail
	}), nil
}

// BinomialUpper is the one-sided upper confidence bound of a proportion at
// confidence 1-alpha, after k events in n trials: the p at which P(X <= k) =
// alpha, the 1-alpha quantile of Beta(k+1, n-k). 1 when k is n.
//
// Source: Clopper and Pearson 1934, as BinomialLower.
func BinomialUpper(k, n int64, alpha float64) (float64, error) {
	if err := checkBound(k, n, alpha); err != nil {
		return 0, fmt.Errorf("binomial upper bound: %w", err)
	}
	kf, nf := float64(k), float64(n)
	switch k {
	case n:
		return 1, nil
	case 0:
		return -math.Expm1(math.Log(alpha) / nf), nil
	}
	return solveLogProportion((kf+1)/(nf+1), func(p float64) (excess, slope float64) {
		q := 1 - p
		tail := binomialUpperTail(nf-kf, nf, q, p)
		return math.Log(alpha / tail), p / q * (nf - kf) * binomialPMF(kf, nf, nf*p, nf*q) / tail
	}), nil
}

// Wilson is the two-sided score interval of a proportion at confidence
// 1-alpha, after k events in n trials. Its coverage is 1-alpha on average, not
// at least; where a guarantee is needed use BinomialLower and BinomialUpper.
//
// Source: E. B. Wilson, Journal of the American Statistical Association 22
// (1927), without continuity correction.
func Wilson(k, n int64, alpha float64) (lo, hi float64, err error) {
	if err := checkBound(k, n, alpha); err != nil {
		return 0, 0, fmt.Errorf("wilson interval: %w", err)
	}
	kf, nf := float64(k), float64(n)
	z := -mathext.NormalQuantile(alpha / 2)
	z2 := z * z
	scale := nf + z2
	center := (kf + z2/2) / scale
	half := z / scale * math.Sqrt(kf*(nf-kf)/nf+z2/4)
	if k > 0 { // at k = 0 the difference is rounding noise around the exact 0
		// The product of the two bounds is k^2/(n*(n+z^2)): no cancellation.
		lo = kf / nf * kf / scale / (center + half)
	}
	hi = 1
	if k < n {
		hi = min(center+half, 1)
	}
	return lo, hi, nil
}

// solveLogProportion finds the p in (0, 1) where excess, increasing in p, is
// zero, by Newton's method in ln p kept inside a shrinking bracket. f returns
// the excess and its derivative with respect to ln p.
func solveLogProportion(start float64, f func(p float64) (excess, slope float64)) float64 {
	const smallest = -745.0 // ln of the smallest positive float64
	lo, hi, at := smallest, 0.0, math.Log(start)
	for range 200 {
		excess, slope := f(math.Exp(at))
		if excess > 0 {
			hi = at
		} else {
			lo = at
		}
		next := at - excess/slope
		if !(next > lo && next < hi) { // also when the step is NaN or infinite
			next = lo + (hi-lo)/2
		}
		if math.Abs(next-at) <= 1e-15*math.Abs(at) {
			return math.Exp(next)
		}
		at = next
	}
	return math.Exp(at)
}

// checkBound demands counts with at least one trial and alpha in (0, 1).
func checkBound(k, n int64, alpha float64) error {
	if err := checkCounts(k, n); err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("no trials: %w", ErrNoData)
	}
	return checkAlpha(alpha)
}

// checkAlpha demands a level in (0, 1); NaN fails both comparisons.
func checkAlpha(alpha float64) error {
	if alpha > 0 && alpha < 1 {
		return nil
	}
	return fmt.Errorf("level %v must lie between 0 and 1, exclusive", alpha)
}
