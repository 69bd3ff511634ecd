package stats

import "math"

// CurvePoint is what a classifier does that calls every row with a score of at
// least Threshold positive: a point of the ROC curve (FPR, TPR) and of the
// precision-recall curve (TPR, Precision).
type CurvePoint struct {
	Threshold float64 `json:"threshold"`
	FPR       float64 `json:"fpr"` // share of the negatives that are called positive
	TPR       float64 `json:"tpr"` // share of the positives that are: the recall
	Precision float64 `json:"precision"`
}

// Curve gives a point for each different score, descending, the points of
// scikit-learn's roc_curve without its first and of precision_recall_curve
// without its last: where nothing is called positive, FPR and TPR are 0. Nil where a class does not occur.
func (r *Ranking) Curve(scores []float64) []CurvePoint {
	if r.counts[0] == 0 || r.counts[1] == 0 {
		return nil
	}
	var out []CurvePoint
	var called [2]float64 // positive, of each class
	for i, row := range r.order {
		if r.truth[row] {
			called[1]++
		} else {
			called[0]++
		}
		if r.sorted[i]&lastOfEqual != 0 {
			out = append(out, CurvePoint{
				Threshold: scores[row],
				FPR:       called[0] / float64(r.counts[0]), TPR: called[1] / float64(r.counts[1]),
				Precision: called[1] / (called[0] + called[1]),
			})
		}
	}
	return out
}

// ThinCurve keeps at most so many points of a curve, the first and the last
// among them, so that each that is left out is near the kept one before it, in all three rates
// and about equally near everywhere. most is at least 2.
func ThinCurve(points []CurvePoint, most int) []CurvePoint {
	kept := points
	for step := 1 / float64(most); len(kept) > most; step *= 1.3 {
		kept = points[:1:1]
		for i, p := range points[1:] {
			last := kept[len(kept)-1]
			far := math.Max(math.Abs(p.FPR-last.FPR), math.Max(math.Abs(p.TPR-last.TPR), math.Abs(p.Precision-last.Precision)))
			if far >= step || i == len(points)-2 {
				kept = append(kept, p)
			}
		}
	}
	return kept
}

// Base is the share of positive rows: the precision of calling every row positive.
func (r *Ranking) Base() float64 {
	return float64(r.counts[1]) / float64(r.counts[0]+r.counts[1])
}
