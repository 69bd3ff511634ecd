package stats

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
)

// probabilitySumTolerance is how far the class probabilities of one row may be
// from summing to 1: float32 models miss it by about 1e-6, logits by far.
const probabilitySumTolerance = 1e-3

// Classification holds the quality metrics of a classifier, each 0 to 1 except
// LogLoss. A nil metric is undefined for the data or was not asked for.
type Classification struct {
	Accuracy  *float64 `json:"accuracy,omitempty"`
	Precision *float64 `json:"precision,omitempty"` // of class 1, or the macro mean
	Recall    *float64 `json:"recall,omitempty"`    // of class 1, or the macro mean
	F1        *float64 `json:"f1,omitempty"`        // of class 1, or the macro mean
	LogLoss   *float64 `json:"logLoss,omitempty"`   // mean, in nats; nil without probabilities
	AUC       *float64 `json:"auc,omitempty"`       // nil without scores, with one class in the truth, or multiclass
}

// Accuracy is the share of rows whose predicted label is the true one.
func Accuracy(truth, pred []int64) (float64, error) {
	if err := checkPaired(len(truth), len(pred)); err != nil {
		return 0, fmt.Errorf("accuracy: %w", err)
	}
	right := 0
	for i, t := range truth {
		if pred[i] == t {
			right++
		}
	}
	return float64(right) / float64(len(truth)), nil
}

// BinaryMetrics scores a classifier with labels 0 and 1, class 1 being the
// positive one. positive holds the probability of class 1 per row; nil leaves
// LogLoss and AUC out. Conventions are scikit-learn's: an empty denominator
// gives 0 (zero_division=0), and log loss clips probabilities to [eps, 1-eps]
// with the eps of float64.
func BinaryMetrics(truth, pred []int64, positive []float64) (Classification, error) {
	accuracy, err := Accuracy(truth, pred)
	if err != nil {
		return Classification{}, fmt.Errorf("binary metrics: %w", err)
	}
	for i, t := range truth {
		if t>>1 != 0 || pred[i]>>1 != 0 {
			return Classification{}, fmt.Errorf("binary metrics: row %d: truth %d, prediction %d; labels must be 0 or 1", i, t, pred[i])
		}
	}
	of1 := countClasses(truth, pred)[1]
	precision, recall, f1 := of1.scores()
	metrics := Classification{Accuracy: &accuracy, Precision: &precision, Recall: &recall, F1: &f1}
	if positive == nil {
		return metrics, nil
	}
	if len(positive) != len(truth) {
		return Classification{}, fmt.Errorf("binary metrics: %d rows but %d probabilities", len(truth), len(positive))
	}
	loss := 0.0
	for i, p := range positive {
		if !(p >= 0 && p <= 1) {
			return Classification{}, fmt.Errorf("binary metrics: row %d: probability %v must lie in [0, 1]", i, p)
		}
		if truth[i] == 0 {
			p = 1 - p
		}
		loss -= logClipped(p)
	}
	loss /= float64(len(truth))
	metrics.LogLoss = &loss
	auc, err := AUC(truth, positive)
	switch {
	case err == nil:
		metrics.AUC = &auc
	case !errors.Is(err, ErrOneClass):
		return Classification{}, fmt.Errorf("binary metrics: %w", err)
	}
	return metrics, nil
}

// MulticlassMetrics scores a classifier with any labels. Precision, recall and
// F1 are unweighted means over the classes that occur in truth or pred
// (scikit-learn's average="macro", zero_division=0).
//
// proba holds one row per truth value and one column per entry of classes,
// each row summing to 1; nil leaves LogLoss out. Every true label must be in
// classes, which may also list classes that do not occur.
func MulticlassMetrics(truth, pred, classes []int64, proba [][]float64) (Classification, error) {
	accuracy, err := Accuracy(truth, pred)
	if err != nil {
		return Classification{}, fmt.Errorf("multiclass metrics: %w", err)
	}
	var precision, recall, f1 float64
	counts := countClasses(truth, pred)
	for _, class := range slices.Sorted(maps.Keys(counts)) { // a fixed order keeps the sum reproducible
		p, r, f := counts[class].scores()
		precision, recall, f1 = precision+p, recall+r, f1+f
	}
	k := float64(len(counts))
	precision, recall, f1 = precision/k, recall/k, f1/k
	metrics := Classification{Accuracy: &accuracy, Precision: &precision, Recall: &recall, F1: &f1}
	if proba == nil {
		return metrics, nil
	}
	loss, err := multiclassLogLoss(truth, classes, proba)
	if err != nil {
		return Classification{}, fmt.Errorf("multiclass metrics: %w", err)
	}
	metrics.LogLoss = &loss
	return metrics, nil
}

func multiclassLogLoss(truth, classes []int64, proba [][]float64) (float64, error) {
	if len(proba) != len(truth) {
		return 0, fmt.Errorf("%d rows but %d rows of probabilities", len(truth), len(proba))
	}
	column := make(map[int64]int, len(classes))
	for j, class := range classes {
		column[class] = j
	}
	if len(column) != len(classes) {
		return 0, fmt.Errorf("classes %v hold a label twice", classes)
	}
	loss := 0.0
	for i, row := range proba {
		j, known := column[truth[i]]
		if !known {
			return 0, fmt.Errorf("row %d: true label %d is not among the classes %v", i, truth[i], classes)
		}
		if len(row) != len(classes) {
			return 0, fmt.Errorf("row %d: %d probabilities for %d classes", i, len(row), len(classes))
		}
		sum := 0.0
		for _, p := range row {
			if !(p >= 0 && p <= 1) {
				return 0, fmt.Errorf("row %d: probability %v must lie in [0, 1]", i, p)
			}
			sum += p
		}
		if math.Abs(sum-1) > probabilitySumTolerance {
			return 0, fmt.Errorf("row %d: probabilities sum to %v, not 1; are they logits?", i, sum)
		}
		loss -= logClipped(row[j])
	}
	return loss / float64(len(truth)), nil
}

// logClipped is ln(p) with p clipped to [eps, 1-eps], as sklearn's log_loss.
func logClipped(p float64) float64 {
	const eps = 0x1p-52
	return math.Log(min(max(p, eps), 1-eps))
}

// classCounts are one class's cells of the confusion matrix.
type classCounts struct{ truePositive, predicted, actual int }

// scores are precision, recall and F1; an empty denominator gives 0.
func (c classCounts) scores() (precision, recall, f1 float64) {
	return ratio(c.truePositive, c.predicted), ratio(c.truePositive, c.actual),
		ratio(2*c.truePositive, c.predicted+c.actual)
}

func countClasses(truth, pred []int64) map[int64]classCounts {
	counts := make(map[int64]classCounts)
	for i, t := range truth {
		c := counts[t]
		c.actual++
		counts[t] = c
		c = counts[pred[i]]
		c.predicted++
		if pred[i] == t {
			c.truePositive++
		}
		counts[pred[i]] = c
	}
	return counts
}

func ratio(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}
