package stats

import "fmt"

// FisherGreater is the exact one-sided p-value of Fisher's test that arm A's
// failure probability exceeds arm B's: the probability of failA or more
// failures in A when the failA+failB failures fall on the nA+nB trials at
// random. An arm without trials gives 1: it is no evidence.
//
// Source: R. A. Fisher, "The logic of inductive inference", Journal of the
// Royal Statistical Society 98 (1935); as scipy.stats.fisher_exact with
// alternative "greater".
func FisherGreater(failA, nA, failB, nB int64) (float64, error) {
	if err := checkCounts(failA, nA); err != nil {
		return 0, fmt.Errorf("fisher test: arm A: %w", err)
	}
	if err := checkCounts(failB, nB); err != nil {
		return 0, fmt.Errorf("fisher test: arm B: %w", err)
	}
	if nA+nB > maxCount {
		return 0, fmt.Errorf("fisher test: %d trials in all; at most %d can be counted exactly", nA+nB, int64(maxCount))
	}
	k, draws := float64(failA), float64(nA)
	failures := float64(failA + failB)
	successes := float64(nA + nB - failA - failB)
	if k <= max(0, draws-successes) {
		return 1, nil
	}
	pmf := func(x float64) float64 { return hypergeometricPMF(x, draws, failures, successes) }
	if k > draws*failures/(failures+successes) {
		return sumTail(pmf(k), k, 1, func(x float64) float64 {
			return (failures - x) * (draws - x) / ((x + 1) * (successes - draws + x + 1))
		}), nil
	}
	return 1 - sumTail(pmf(k-1), k-1, -1, func(x float64) float64 {
		return x * (successes - draws + x) / ((failures - x + 1) * (draws - x + 1))
	}), nil
}

// checkCounts demands 0 <= k <= n <= maxCount.
func checkCounts(k, n int64) error {
	switch {
	case k < 0 || n < 0:
		return fmt.Errorf("%d of %d: counts must not be negative", k, n)
	case k > n:
		return fmt.Errorf("%d of %d: more events than trials", k, n)
	case n > maxCount:
		return fmt.Errorf("%d trials; at most %d can be counted exactly", n, int64(maxCount))
	}
	return nil
}
