package stats

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Ranking is rows in the order of their scores, sorted once, so that areas
// under curves cost one pass for each weighting of the rows.
type Ranking struct {
	order  []int  // rows by descending score
	last   []bool // the place in order is the last of equal scores
	truth  []bool // by row
	counts [2]int
}

// NewRanking sorts rows by scores for truth labels 0 and 1, of which class 1
// is the positive one.
func NewRanking(truth []int64, scores []float64) (*Ranking, error) {
	if err := checkPaired(len(truth), len(scores)); err != nil {
		return nil, fmt.Errorf("ranking: %w", err)
	}
	r := &Ranking{order: make([]int, len(truth)), last: make([]bool, len(truth)), truth: make([]bool, len(truth))}
	for i, s := range scores {
		if truth[i]>>1 != 0 || math.IsNaN(s) {
			return nil, fmt.Errorf("ranking: row %d: label %d must be 0 or 1 and score %v a number", i, truth[i], s)
		}
		r.order[i], r.truth[i] = i, truth[i] == 1
		r.counts[truth[i]]++
	}
	slices.SortStableFunc(r.order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	for i := range r.order {
		r.last[i] = i+1 == len(r.order) || scores[r.order[i]] != scores[r.order[i+1]]
	}
	return r, nil
}

func weightOf(weights []float64, row int) float64 {
	if weights == nil {
		return 1
	}
	return weights[row]
}

// AUC is the area under the ROC curve, see AUC, of weighted rows; nil weighs
// each by 1. NaN where one of the classes has no weight.
func (r *Ranking) AUC(weights []float64) float64 {
	var area, positives, negatives, tiedPositive, tiedNegative float64
	for i, row := range r.order {
		if w := weightOf(weights, row); r.truth[row] {
			tiedPositive += w
		} else {
			tiedNegative += w
		}
		if r.last[i] {
			area += tiedNegative * (positives + tiedPositive/2)
			positives, negatives = positives+tiedPositive, negatives+tiedNegative
			tiedPositive, tiedNegative = 0, 0
		}
	}
	return area / (positives * negatives)
}

// AveragePrecision is the area under the precision-recall curve as a step
// function: the mean of the precision at each threshold, weighted by the gain
// in recall, as scikit-learn's average_precision_score. NaN where the positive class has no weight.
func (r *Ranking) AveragePrecision(weights []float64) float64 {
	var sum, positives, all, tied float64
	for i, row := range r.order {
		w := weightOf(weights, row)
		all += w
		if r.truth[row] {
			tied += w
		}
		if r.last[i] && tied > 0 {
			positives += tied
			sum += tied * positives / all
			tied = 0
		}
	}
	return sum / positives
}

// Placements is, for each row, the share of rows of the other class that the
// scores put on the right side of it, ties counting one half. Their mean over
// either class is the AUC; their variances within the classes make up its
// variance. Nil where a class does not occur.
//
// Source: E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, Biometrics 44 (1988).
func (r *Ranking) Placements() []float64 {
	if r.counts[0] == 0 || r.counts[1] == 0 {
		return nil
	}
	out := make([]float64, len(r.order))
	positives, negatives := float64(r.counts[1]), float64(r.counts[0])
	above := [2]float64{} // rows of each class that score higher
	for from := 0; from < len(r.order); {
		tied := [2]float64{}
		to := from
		for ; ; to++ {
			if r.truth[r.order[to]] {
				tied[1]++
			} else {
				tied[0]++
			}
			if r.last[to] {
				break
			}
		}
		for _, row := range r.order[from : to+1] {
			if r.truth[row] {
				out[row] = 1 - (above[0]+tied[0]/2)/negatives
			} else {
				out[row] = (above[1] + tied[1]/2) / positives
			}
		}
		above[0], above[1] = above[0]+tied[0], above[1]+tied[1]
		from = to + 1
	}
	return out
}
