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
	order  []int32 // rows by descending score
	sorted []byte  // by place in order: positiveRow, lastOfEqual
	truth  []bool  // by row
	counts [2]int
}

// Bits of Ranking.sorted.
const (
	positiveRow = 1 << iota // the row is of class 1
	lastOfEqual             // the next row, if any, has another score
)

// NewRanking sorts rows by scores for truth labels 0 and 1, of which class 1
// is the positive one.
func NewRanking(truth []int64, scores []float64) (*Ranking, error) {
	if err := checkPaired(len(truth), len(scores)); err != nil {
		return nil, fmt.Errorf("ranking: %w", err)
	}
	if len(truth) > math.MaxInt32 {
		return nil, fmt.Errorf("ranking: %d rows; at most %d can be ranked", len(truth), math.MaxInt32)
	}
	r := &Ranking{order: make([]int32, len(truth)), sorted: make([]byte, len(truth)), truth: make([]bool, len(truth))}
	for i, s := range scores {
		if truth[i]>>1 != 0 || math.IsNaN(s) {
			return nil, fmt.Errorf("ranking: row %d: label %d must be 0 or 1 and score %v a number", i, truth[i], s)
		}
		r.order[i], r.truth[i] = int32(i), truth[i] == 1
		r.counts[truth[i]]++
	}
	slices.SortStableFunc(r.order, func(a, b int32) int { return cmp.Compare(scores[b], scores[a]) })
	for i, row := range r.order {
		if r.truth[row] {
			r.sorted[i] |= positiveRow
		}
		if i+1 == len(r.order) || scores[row] != scores[r.order[i+1]] {
			r.sorted[i] |= lastOfEqual
		}
	}
	return r, nil
}

// Areas are the area under the ROC curve, see AUC, and the average precision
// of weighted rows; nil weighs each by 1. The average precision is the mean of
// the precision at each threshold, weighted by the gain in recall, as
// scikit-learn's average_precision_score. Both are NaN where a class has no weight that they need.
func (r *Ranking) Areas(weights []float64) (auc, averagePrecision float64) {
	var area, sum, positives, negatives, tiedPositive, tiedNegative float64
	for i, row := range r.order {
		w := 1.0
		if weights != nil {
			w = weights[row]
		}
		if r.sorted[i]&positiveRow != 0 {
			tiedPositive += w
		} else {
			tiedNegative += w
		}
		if r.sorted[i]&lastOfEqual == 0 {
			continue
		}
		area += tiedNegative * (positives + tiedPositive/2)
		positives, negatives = positives+tiedPositive, negatives+tiedNegative
		if tiedPositive > 0 {
			sum += tiedPositive * positives / (positives + negatives)
		}
		tiedPositive, tiedNegative = 0, 0
	}
	return area / (positives * negatives), sum / positives
}

// AUC is the first of Areas.
func (r *Ranking) AUC(weights []float64) float64 {
	auc, _ := r.Areas(weights)
	return auc
}

// AveragePrecision is the second of Areas.
func (r *Ranking) AveragePrecision(weights []float64) float64 {
	_, average := r.Areas(weights)
	return average
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
			if r.sorted[to]&lastOfEqual != 0 {
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
