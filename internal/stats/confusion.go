package stats

import (
	"errors"
	"fmt"
	"math"
)

// ConfusionMatrix counts, or weighs, the rows of true class i that were called
// class j. The zero matrix of k classes is NewConfusionMatrix(k).
type ConfusionMatrix struct {
	classes int
	cells   []float64 // row-major: truth, then prediction
}

// PrecisionRecall are the three scores of one class or their mean over classes.
type PrecisionRecall struct{ Precision, Recall, F1 float64 }

// NewConfusionMatrix is an empty matrix of classes 0 to k-1.
func NewConfusionMatrix(k int) ConfusionMatrix {
	return ConfusionMatrix{classes: k, cells: make([]float64, k*k)}
}

// ConfusionOf counts truth against pred, both codes of classes 0 to k-1.
func ConfusionOf(truth, pred []int64, k int) (ConfusionMatrix, error) {
	m := NewConfusionMatrix(max(k, 0))
	if err := checkPaired(len(truth), len(pred)); err != nil {
		return m, fmt.Errorf("confusion matrix: %w", err)
	}
	for i, t := range truth {
		if t < 0 || t >= int64(k) || pred[i] < 0 || pred[i] >= int64(k) {
			return m, fmt.Errorf("confusion matrix: row %d: truth %d and prediction %d must be classes 0 to %d", i, t, pred[i], k-1)
		}
	}
	return m, m.Count(truth, pred, nil)
}

// Count empties the matrix and counts rows anew, each with its weight, or 1
// where weights is nil. The codes must be in range, as ConfusionOf checks.
func (m ConfusionMatrix) Count(truth, pred []int64, weights []float64) error {
	if len(truth) != len(pred) || weights != nil && len(weights) != len(truth) {
		return errors.New("confusion matrix: truth, predictions and weights differ in length")
	}
	clear(m.cells)
	k := int64(m.classes)
	for i, t := range truth {
		w := 1.0
		if weights != nil {
			w = weights[i]
		}
		m.cells[t*k+pred[i]] += w
	}
	return nil
}

// At is the weight of rows of class truth that were called class pred.
func (m ConfusionMatrix) At(truth, pred int) float64 { return m.cells[truth*m.classes+pred] }

// totals are the weights of a class: right, actual and predicted.
func (m ConfusionMatrix) totals(class int) (right, actual, predicted float64) {
	for j := range m.classes {
		actual += m.At(class, j)
		predicted += m.At(j, class)
	}
	return m.At(class, class), actual, predicted
}

// Accuracy is the share of right answers; NaN of an empty matrix.
func (m ConfusionMatrix) Accuracy() float64 {
	right, all := 0.0, 0.0
	for i := range m.classes {
		r, actual, _ := m.totals(i)
		right, all = right+r, all+actual
	}
	return right / all
}

// BalancedAccuracy is the mean recall of the classes that occur in the truth,
// as scikit-learn's balanced_accuracy_score; NaN of an empty matrix.
func (m ConfusionMatrix) BalancedAccuracy() float64 {
	sum, occurring := 0.0, 0.0
	for i := range m.classes {
		if right, actual, _ := m.totals(i); actual > 0 {
			sum += right / actual
			occurring++
		}
	}
	return sum / occurring
}

// Class scores one class, as the positive one; an empty denominator gives 0.
func (m ConfusionMatrix) Class(class int) PrecisionRecall {
	right, actual, predicted := m.totals(class)
	return PrecisionRecall{Precision: share(right, predicted), Recall: share(right, actual), F1: share(2*right, actual+predicted)}
}

// Macro is the unweighted mean over the classes that occur in the truth or in
// the predictions, as scikit-learn's average="macro".
func (m ConfusionMatrix) Macro() PrecisionRecall {
	return m.mean(func(actual, predicted float64) float64 {
		if actual+predicted > 0 {
			return 1
		}
		return 0
	})
}

// Weighted is the mean over the classes, weighed by how often each is true, as
// scikit-learn's average="weighted".
func (m ConfusionMatrix) Weighted() PrecisionRecall {
	return m.mean(func(actual, _ float64) float64 { return actual })
}

// Micro pools all classes, as scikit-learn's average="micro": with one label a
// row, all three are the accuracy.
func (m ConfusionMatrix) Micro() PrecisionRecall {
	a := m.Accuracy()
	return PrecisionRecall{a, a, a}
}

func (m ConfusionMatrix) mean(weight func(actual, predicted float64) float64) PrecisionRecall {
	var out PrecisionRecall
	all := 0.0
	for i := range m.classes {
		_, actual, predicted := m.totals(i)
		w, of := weight(actual, predicted), m.Class(i)
		out.Precision, out.Recall, out.F1 = out.Precision+w*of.Precision, out.Recall+w*of.Recall, out.F1+w*of.F1
		all += w
	}
	return PrecisionRecall{out.Precision / all, out.Recall / all, out.F1 / all}
}

// MCC is the Matthews correlation coefficient, -1 to 1, of any number of
// classes; 0 where truth or predictions hold one class only.
//
// Source: J. Gorodkin, Computational Biology and Chemistry 28 (2004), as
// scikit-learn's matthews_corrcoef.
func (m ConfusionMatrix) MCC() float64 {
	var right, all, product, actual2, predicted2 float64
	for i := range m.classes {
		r, actual, predicted := m.totals(i)
		right, all = right+r, all+actual
		product += actual * predicted
		actual2, predicted2 = actual2+actual*actual, predicted2+predicted*predicted
	}
	below := math.Sqrt((all*all - predicted2) * (all*all - actual2))
	if !(below > 0) {
		return 0
	}
	return (right*all - product) / below
}

func share(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return part / whole
}
