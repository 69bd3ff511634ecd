package stats

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// ErrOneClass is returned by AUC when the truth holds only one class: the area
// under the ROC curve is undefined.
var ErrOneClass = errors.New("the truth holds only one class")

// AUC is the area under the ROC curve of scores for truth labels 0 and 1: the
// probability that a random positive scores above a random negative, ties
// counting one half. Scores may be probabilities or any monotone score.
//
// Source: the Mann-Whitney statistic by midranks, J. A. Hanley and B. J.
// McNeil, Radiology 143 (1982).
func AUC(truth []int64, scores []float64) (float64, error) {
	if err := checkPaired(len(truth), len(scores)); err != nil {
		return 0, fmt.Errorf("auc: %w", err)
	}
	order := make([]int, len(scores))
	positives := 0
	for i, s := range scores {
		if t := truth[i]; t != 0 && t != 1 || math.IsNaN(s) {
			return 0, fmt.Errorf("auc: row %d: label %d must be 0 or 1 and score %v a number", i, t, s)
		}
		order[i] = i
		positives += int(truth[i])
	}
	negatives := len(truth) - positives
	if positives == 0 || negatives == 0 {
		return 0, fmt.Errorf("auc: %w", ErrOneClass)
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(scores[a], scores[b]) })
	rankSum := 0.0
	for from := 0; from < len(order); {
		to, inTie := from, 0
		for ; to < len(order) && scores[order[to]] == scores[order[from]]; to++ {
			inTie += int(truth[order[to]])
		}
		midrank := float64(from+to+1) / 2 // mean of the ranks from+1..to
		rankSum += midrank * float64(inTie)
		from = to
	}
	p, n := float64(positives), float64(negatives)
	return (rankSum - p*(p+1)/2) / (p * n), nil
}
