package modeltest

import (
	"errors"
	"math"
	"slices"
	"strconv"
)

// target is the label of the sampled training rows and of all test rows, for simple models to learn.
type target struct {
	classes int // those of the candidate; 0 for a regression
	// train and test are places of classes, -1 for one that the candidate does
	// not know, or values; NaN is no label.
	train, test []float64
	testRows    [][]value
	// prior are the shares of the classes in train; of a regression its mean.
	prior []float64
}

// target reads the label where it is needed to teach and to measure.
func (s *suite) target(t *training) (*target, error) {
	out := &target{testRows: make([][]value, s.in.Test.Rows())}
	for i := range out.testRows {
		out.testRows[i] = s.testRow(t.columns, i)
	}
	label := len(t.columns) - 1
	if s.regressed != nil {
		out.test = s.regressed.truth
		for _, row := range t.sample {
			v := math.NaN()
			if row[label].kind == isNumber && isFinite(row[label].number) {
				v = row[label].number
			}
			out.train = append(out.train, v)
		}
	} else {
		out.classes = len(s.classified.classes)
		for _, class := range s.classified.truth {
			out.test = append(out.test, float64(class))
		}
		for _, row := range t.sample {
			out.train = append(out.train, float64(slices.Index(s.classified.classes, row[label].class())))
		}
	}
	out.prior = out.summary(nil)
	if out.prior == nil {
		return nil, errors.New("the training rows hold no label that the model knows")
	}
	return out, nil
}

// class is a label as truth writes it.
func (v value) class() string {
	switch {
	case v.kind == isWord:
		return v.word
	case v.kind == 0 || math.Abs(v.number) > 1<<53:
		return ""
	}
	return strconv.FormatInt(int64(v.number), 10)
}

// known tells that row i of train has a label to learn from.
func (t *target) known(i int) bool {
	return !math.IsNaN(t.train[i]) && (t.classes == 0 || t.train[i] >= 0)
}

// summary is what to answer for a group of training rows, all of them where
// rows is nil: the shares of the classes, or the mean. Nil for none.
func (t *target) summary(rows []int) []float64 {
	if rows == nil {
		rows = make([]int, len(t.train))
		for i := range rows {
			rows[i] = i
		}
	}
	out := make([]float64, max(1, t.classes))
	n := 0.0
	for _, i := range rows {
		switch {
		case !t.known(i):
			continue
		case t.classes > 0:
			out[int(t.train[i])]++
		default:
			out[0] += t.train[i]
		}
		n++
	}
	if n == 0 {
		return nil
	}
	for i := range out {
		out[i] /= n
	}
	return out
}

// score says how much of the label a model predicts on the test rows: 0 no more than the prior, 1 all of it.
func (t *target) score(m *columnModel) float64 {
	var wrong, wrongPrior float64
	for i, row := range t.testRows {
		answer := m.answer(row)
		if t.classes > 0 {
			wrong += differs(highest(answer), t.test[i])
			wrongPrior += differs(highest(t.prior), t.test[i])
		} else {
			wrong += (answer[0] - t.test[i]) * (answer[0] - t.test[i])
			wrongPrior += (t.prior[0] - t.test[i]) * (t.prior[0] - t.test[i])
		}
	}
	if wrongPrior == 0 {
		return 0
	}
	return max(0, finiteOr(1-wrong/wrongPrior, 0))
}

func differs(class int, want float64) float64 {
	if float64(class) == want {
		return 0
	}
	return 1
}
