package stats

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// ShannonEntropy is -sum p ln p over the proportions of counts, in nats: 0 for
// one value, ln k for k values that are equally common. Counts are at least 0.
func ShannonEntropy(counts []int64) (float64, error) {
	n := 0.0
	for _, c := range counts {
		n += float64(c)
	}
	if n == 0 {
		return 0, fmt.Errorf("entropy: %w", ErrNoData)
	}
	sum := 0.0
	for _, c := range counts {
		if c > 0 {
			p := float64(c) / n
			sum -= p * math.Log(p)
		}
	}
	return math.Max(0, sum), nil
}

// JensenShannon is the Jensen-Shannon divergence of two sets of counts over the
// same bins, in bits: 0 for equal proportions, 1 where no bin is filled by both.
// Source: J. Lin, "Divergence measures based on the Shannon entropy", IEEE
// Transactions on Information Theory 37 (1991). Its root is SciPy's
// distance.jensenshannon with base 2.
func JensenShannon(ref, cur []int64) (float64, error) {
	n, m, err := totals("jensen-shannon divergence", ref, cur)
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for i := range ref {
		p, q := float64(ref[i])/n, float64(cur[i])/m
		middle := (p + q) / 2
		if p > 0 {
			sum += p * math.Log2(p/middle)
		}
		if q > 0 {
			sum += q * math.Log2(q/middle)
		}
	}
	return min(max(sum/2, 0), 1), nil
}

// ChiSquaredResult is the outcome of a chi-squared test.
type ChiSquaredResult struct {
	Statistic float64 `json:"statistic"`
	DF        int     `json:"df"` // degrees of freedom
	P         float64 `json:"p"`  // upper tail
}

// ChiSquaredHomogeneity is Pearson's test that two sets of counts over the same
// bins have the same proportions, without a correction for continuity (as
// SciPy's chi2_contingency with correction=False). Bins that both leave empty do
// not count; where one bin is left, nothing can differ and P is 1.
//
// The law of the statistic is only approximate where a bin expects fewer than
// about five values: see PoolRare.
func ChiSquaredHomogeneity(ref, cur []int64) (ChiSquaredResult, error) {
	n, m, err := totals("chi-squared test", ref, cur)
	if err != nil {
		return ChiSquaredResult{}, err
	}
	res := ChiSquaredResult{DF: -1, P: 1}
	for i := range ref {
		both := float64(ref[i]) + float64(cur[i])
		if both == 0 {
			continue
		}
		res.DF++
		// ref-E(ref) and cur-E(cur) differ in sign only.
		d := float64(ref[i]) - both*n/(n+m)
		res.Statistic += d * d / both * (n + m) * (1/n + 1/m)
	}
	if res.DF > 0 {
		res.P = distuv.ChiSquared{K: float64(res.DF)}.Survival(res.Statistic)
	}
	return res, nil
}

// rareExpected is what a bin should expect for the chi-squared law to hold
// (W. G. Cochran, "Some methods for strengthening the common chi-squared tests", 1954).
const rareExpected = 5

// PoolRare joins the bins that expect fewer than five values on either side into
// one, the last. It returns the counts as they are where no bin is rare.
func PoolRare(ref, cur []int64) (pooledRef, pooledCur []int64) {
	var n, m float64
	for i := range ref {
		n, m = n+float64(ref[i]), m+float64(cur[i])
	}
	var restRef, restCur int64
	rare := 0
	for i := range ref {
		both := float64(ref[i]) + float64(cur[i])
		if both*min(n, m) < rareExpected*(n+m) {
			restRef, restCur = restRef+ref[i], restCur+cur[i]
			rare++
			continue
		}
		pooledRef, pooledCur = append(pooledRef, ref[i]), append(pooledCur, cur[i])
	}
	if rare > 0 {
		pooledRef, pooledCur = append(pooledRef, restRef), append(pooledCur, restCur)
	}
	return pooledRef, pooledCur
}

// totals sums two sets of counts over the same bins.
func totals(what string, ref, cur []int64) (n, m float64, err error) {
	if len(ref) != len(cur) {
		return 0, 0, fmt.Errorf("%s: %d bins against %d", what, len(ref), len(cur))
	}
	for i := range ref {
		if ref[i] < 0 || cur[i] < 0 {
			return 0, 0, fmt.Errorf("%s: bin %d has a negative count", what, i)
		}
		n, m = n+float64(ref[i]), m+float64(cur[i])
	}
	if n == 0 || m == 0 {
		return 0, 0, fmt.Errorf("%s: %w", what, ErrNoData)
	}
	return n, m, nil
}
