package stats

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// AUCInterval is the two-sided confidence interval at 1-alpha of the mean area
// under the ROC curve of one or more rankings of the same rows (one for a
// binary classifier, one a class against the rest for several), each rank with
// its weight; weights sum to 1. DeLong's variance, on the logit scale, so that
// the interval stays within 0 and 1 and covers near its ends; a perfect
// ranking has no variance, and gets the exact bound of n successes in n trials,
// n being the rarest class's rows.
//
// Sources: DeLong, DeLong and Clarke-Pearson 1988, see Placements; the logit
// scale: G. Qin and L. Hotilovac, Statistical Methods in Medical Research 17 (2008).
func AUCInterval(rankings []*Ranking, weights []float64, alpha float64) (auc, lo, hi float64, err error) {
	if err := checkAlpha(alpha); err != nil {
		return 0, 0, 0, fmt.Errorf("auc interval: %w", err)
	}
	if len(rankings) == 0 || len(rankings) != len(weights) {
		return 0, 0, 0, fmt.Errorf("auc interval: %d rankings and %d weights; want one each and at least one", len(rankings), len(weights))
	}
	influence := make([]float64, len(rankings[0].order))
	smallest := math.Inf(1)
	for k, r := range rankings {
		placements := r.Placements()
		if placements == nil {
			return 0, 0, 0, fmt.Errorf("auc interval: %w", ErrOneClass)
		}
		if len(placements) != len(influence) {
			return 0, 0, 0, fmt.Errorf("auc interval: rankings of %d and of %d rows", len(influence), len(placements))
		}
		of := r.AUC(nil)
		auc += weights[k] * of
		n := [2]float64{float64(r.counts[0]), float64(r.counts[1])}
		smallest = min(smallest, n[0], n[1])
		for row, v := range placements {
			class := n[0]
			if r.truth[row] {
				class = n[1]
			}
			// class-1 makes the sum of squares the unbiased variances of DeLong.
			influence[row] += weights[k] * (v - of) / math.Sqrt(class*max(1, class-1))
		}
	}
	variance := 0.0
	for _, v := range influence {
		variance += v * v
	}
	z := distuv.UnitNormal.Quantile(1 - alpha/2)
	slope := auc * (1 - auc)
	bound := math.Pow(alpha/2, 1/smallest) // an event that n trials all saw is at least so likely
	switch {
	case auc >= 1:
		return 1, bound, 1, nil
	case auc <= 0:
		return 0, 0, 1 - bound, nil
	}
	logit, half := math.Log(auc/(1-auc)), z*math.Sqrt(variance)/slope
	return auc, 1 / (1 + math.Exp(half-logit)), 1 / (1 + math.Exp(-half-logit)), nil
}
