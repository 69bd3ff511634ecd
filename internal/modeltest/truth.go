package modeltest

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/spec"
)

// truth is the label column: classes as text for a classifier, values for a regression.
type truth struct {
	classes []string
	numeric bool // the classes are whole numbers
	values  []float64
}

// readTruth reads the label column, which must be there for every row.
func readTruth(t *dataset.Table, label string, task spec.Task) (truth, error) {
	if !t.Has(label) {
		return truth{}, fmt.Errorf("%s has no column %q, the label", t.Name(), label)
	}
	out := truth{numeric: true}
	for i := range t.Rows() {
		value := t.Value(label, i)
		if value == nil {
			return truth{}, fmt.Errorf("%s: line %d: the label %q is empty", t.Name(), t.Line(i), label)
		}
		if task == spec.Regression {
			number, ok := asNumber(value)
			if !ok {
				return truth{}, fmt.Errorf("%s: line %d: the label %q is no number", t.Name(), t.Line(i), label)
			}
			out.values = append(out.values, number)
			continue
		}
		switch v := value.(type) {
		case int64:
			out.classes = append(out.classes, strconv.FormatInt(v, 10))
		case float64:
			if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
				return truth{}, fmt.Errorf("%s: line %d: the label %q is no whole number; is the task a regression?", t.Name(), t.Line(i), label)
			}
			out.classes = append(out.classes, strconv.FormatInt(int64(v), 10))
		case bool:
			out.classes = append(out.classes, map[bool]string{false: "0", true: "1"}[v])
		case string:
			out.classes, out.numeric = append(out.classes, v), false
		}
	}
	return out, nil
}

func asNumber(value any) (float64, bool) {
	switch v := value.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// className is the predicted class as text, as truth writes it.
func className(p feature.Prediction) string {
	if p.Label != nil {
		return strconv.FormatInt(*p.Label, 10)
	}
	return p.LabelText
}

// classesOf names the classes behind the columns of the scores, in their order:
// 0, 1, … for whole numbers, else the classes that occur, ascending, which must
// be as many as there are columns.
func classesOf(t truth, predictions []feature.Prediction, columns int) ([]string, error) {
	known := occurring(t, predictions)
	indices := make([]string, columns)
	for i := range indices {
		indices[i] = strconv.Itoa(i)
	}
	within := t.numeric && len(predictions) > 0 && predictions[0].Label != nil
	for _, class := range known {
		within = within && slices.Contains(indices, class)
	}
	if within {
		return indices, nil
	}
	if len(known) != columns {
		return nil, mismatch("the model scores %d classes, the label and the predictions name %d", columns, len(known))
	}
	return known, nil
}

// occurring lists the classes in labels and predictions: numbers by value, but
// classes that the model answers as text as text, which is how it orders its scores.
func occurring(t truth, predictions []feature.Prediction) []string {
	seen := map[string]bool{}
	for _, c := range t.classes {
		seen[c] = true
	}
	for _, p := range predictions {
		seen[className(p)] = true
	}
	text := len(predictions) > 0 && predictions[0].Label == nil
	return slices.SortedFunc(maps.Keys(seen), func(a, b string) int {
		if text {
			return cmp.Compare(a, b)
		}
		x, errA := strconv.ParseInt(a, 10, 64)
		y, errB := strconv.ParseInt(b, 10, 64)
		if errA == nil && errB == nil {
			return cmp.Compare(x, y)
		}
		return cmp.Compare(a, b)
	})
}
