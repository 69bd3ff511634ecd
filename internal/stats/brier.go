package stats

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// ReliabilityBin is one point of a reliability curve.
type ReliabilityBin struct {
	Rows      int     `json:"rows"`
	Predicted float64 `json:"predicted"` // mean probability
	Observed  float64 `json:"observed"`  // share of rows in which the event came true
}

// Reliability holds probabilities of an event against whether it came true, in bins.
type Reliability struct {
	Bins []ReliabilityBin // that hold rows, ascending
	rows int
	// brier and base are the mean squared error and the share of events of all rows.
	brier, base float64
}

// EqualCount bins rows into quantiles of their probability: about equally many
// rows a bin, equal probabilities never apart. A bin takes rows until those so
// far reach its share of all rows.
func EqualCount(events []bool, probabilities []float64, bins int) (Reliability, error) {
	return reliability(events, probabilities, bins, func(_ float64, last int) int { return last * bins / len(events) })
}

// EqualWidth bins rows by probability into [0, 1/bins], (1/bins, 2/bins] and so
// on, as scikit-learn's calibration_curve(strategy="uniform").
func EqualWidth(events []bool, probabilities []float64, bins int) (Reliability, error) {
	return reliability(events, probabilities, bins, func(p float64, _ int) int {
		edge := 0
		for edge < bins-1 && p > float64(edge+1)/float64(bins) {
			edge++
		}
		return edge
	})
}

// reliability asks find for the bin of a probability, from its value and from
// the place, among all in ascending order, of the last one equal to it.
func reliability(events []bool, probabilities []float64, bins int, find func(p float64, last int) int) (Reliability, error) {
	if err := checkPaired(len(events), len(probabilities)); err != nil {
		return Reliability{}, fmt.Errorf("reliability: %w", err)
	}
	if bins < 1 {
		return Reliability{}, fmt.Errorf("reliability: %d bins; want at least 1", bins)
	}
	order := make([]int, len(events))
	out := Reliability{rows: len(events)}
	for i, p := range probabilities {
		if !(p >= 0 && p <= 1) {
			return Reliability{}, fmt.Errorf("reliability: row %d: probability %v must lie in [0, 1]", i, p)
		}
		order[i] = i
		y := 0.0
		if events[i] {
			y = 1
		}
		out.base += y / float64(len(events))
		out.brier += (p - y) * (p - y) / float64(len(events))
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(probabilities[a], probabilities[b]) })
	current := -1
	for from := 0; from < len(order); {
		p, to := probabilities[order[from]], from
		for to < len(order) && probabilities[order[to]] == p {
			to++
		}
		if at := find(p, to-1); at != current || from == 0 {
			current = at
			out.Bins = append(out.Bins, ReliabilityBin{})
		}
		b := &out.Bins[len(out.Bins)-1]
		for _, row := range order[from:to] {
			b.Rows++
			b.Predicted += p
			if events[row] {
				b.Observed++
			}
		}
		from = to
	}
	for i := range out.Bins {
		b := &out.Bins[i]
		b.Predicted, b.Observed = b.Predicted/float64(b.Rows), b.Observed/float64(b.Rows)
	}
	return out, nil
}

// ECE is the expected calibration error: the mean distance between predicted
// and observed, bins weighed by their rows.
//
// Source: M. P. Naeini, G. F. Cooper and M. Hauskrecht, AAAI 2015.
func (r Reliability) ECE() float64 {
	sum := 0.0
	for _, b := range r.Bins {
		sum += float64(b.Rows) * math.Abs(b.Predicted-b.Observed)
	}
	return sum / float64(r.rows)
}

// Brier is the mean squared distance between probability and event.
func (r Reliability) Brier() float64 { return r.brier }

// Decompose splits the Brier score: Brier = reliability - resolution +
// uncertainty + within, the last being what varies inside the bins.
//
// Sources: A. H. Murphy, Journal of Applied Meteorology 12 (1973); the parts
// within bins: D. B. Stephenson, C. A. S. Coelho and I. T. Jolliffe, Weather and Forecasting 23 (2008).
func (r Reliability) Decompose() (reliability, resolution, uncertainty, within float64) {
	for _, b := range r.Bins {
		w := float64(b.Rows) / float64(r.rows)
		reliability += w * (b.Predicted - b.Observed) * (b.Predicted - b.Observed)
		resolution += w * (b.Observed - r.base) * (b.Observed - r.base)
	}
	uncertainty = r.base * (1 - r.base)
	return reliability, resolution, uncertainty, r.brier - (reliability - resolution + uncertainty)
}

// BrierMulticlass is the mean over rows of the sum over classes of the squared
// distance between probability and truth, 0 to 2, as scikit-learn's
// brier_score_loss of more than two classes. truth holds codes of the columns of proba.
func BrierMulticlass(truth []int64, proba [][]float64) (float64, error) {
	if err := checkPaired(len(truth), len(proba)); err != nil {
		return 0, fmt.Errorf("brier score: %w", err)
	}
	sum := 0.0
	for i, row := range proba {
		if truth[i] < 0 || truth[i] >= int64(len(row)) {
			return 0, fmt.Errorf("brier score: row %d: class %d has no probability among %d", i, truth[i], len(row))
		}
		for j, p := range row {
			if !(p >= 0 && p <= 1) {
				return 0, fmt.Errorf("brier score: row %d: probability %v must lie in [0, 1]", i, p)
			}
			if int64(j) == truth[i] {
				p = 1 - p
			}
			sum += p * p
		}
	}
	return sum / float64(len(truth)), nil
}
