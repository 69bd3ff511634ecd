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
	// prior are the shares of the classes in train; of a regression its mean.
	prior []float64
}

// target reads the label where it is needed to teach and to measure.
func (s *suite) target(t *training) (*target, error) {
	out := &target{}
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
	total := newTally(out)
	for i := range out.train {
		total.add(out, i)
	}
	if total.rows == 0 {
		return nil, errors.New("the training rows hold no label that the model knows")
	}
	out.prior = total.answer(nil)
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

// tally sums up the label over a group of training rows.
type tally struct {
	rows float64
	sums []float64 // of the classes, or of the values
}

func newTally(t *target) *tally { return &tally{sums: make([]float64, max(1, t.classes))} }

// add takes row i of train.
func (g *tally) add(t *target, i int) {
	switch {
	case !t.known(i):
		return
	case t.classes > 0:
		g.sums[int(t.train[i])]++
	default:
		g.sums[0] += t.train[i]
	}
	g.rows++
}

// answer is what to answer for the group: the shares of the classes, which
// lean to a prior by the weight of one row, or the mean.
func (g *tally) answer(prior []float64) []float64 {
	out, weight := make([]float64, len(g.sums)), 0.0
	if len(prior) > 1 {
		weight = 1
	}
	for i, sum := range g.sums {
		out[i] = sum
		if weight > 0 {
			out[i] += prior[i]
		}
		out[i] /= g.rows + weight
	}
	return out
}

// score says how much of the label a model predicts on test rows: 0 no more than the prior, 1 all of it.
func (t *target) score(m *columnModel, rows []int, cell func(row int) value) float64 {
	var wrong, wrongPrior float64
	for _, i := range rows {
		answer := m.answer(cell(i))
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
