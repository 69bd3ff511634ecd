package modeltest

import (
	"fmt"
	"strings"

	"github.com/slipway-ml/slipway/internal/spec"
	"github.com/slipway-ml/slipway/internal/stats"
)

// baselineBins are the groups into which the one-column model cuts numbers.
const baselineBins = 10

// baseline compares the candidate with simple models that the same training
// rows teach: always the majority (the mean), the best single column, and a
// logistic (ridge) regression (C4).
func (s *suite) baseline() Test {
	if t, missing := s.notScored(); missing {
		return t
	}
	train, err := s.readTraining()
	if err != nil {
		return skip("not run: %s", err)
	}
	goal, err := s.target(train)
	if err != nil {
		return skip("not run: %s", err)
	}
	name := "majority"
	if goal.classes == 0 {
		name = "mean"
	}
	if err := s.against(name, goal, func(int) []float64 { return goal.prior }); err != nil {
		return skip("not compared with %s: %s", name, err)
	}
	if best := bestColumn(train.sample, goal, len(train.columns)-1, baselineBins); best >= 0 {
		column := train.columns[best]
		name = "one column: " + column.Name
		model := fitColumn(train.sample, best, goal, baselineBins)
		if err := s.against(name, goal, func(row int) []float64 { return model.answer(s.testCell(column, row)) }); err != nil {
			return skip("not compared with %s: %s", name, err)
		}
	}
	name, answer, err := s.linear(train, goal)
	if err == nil {
		err = s.against(name, goal, answer)
	}
	t := s.judgeBaselines()
	if err != nil {
		t.Detail += fmt.Sprintf("; not compared with a %s: %s", name, err)
	}
	return t
}

// against compares the candidate with a simple model, row by row:
// by the area under the ROC curve, which asks neither for a threshold nor for
// calibrated probabilities, by the balanced accuracy of a model without
// probabilities, and by RMSE.
// answer is what the simple model says of a test row: the classes' probabilities, or the value.
func (s *suite) against(name string, goal *target, answer func(row int) []float64) error {
	var candidate, simple measured
	metric := "rmse"
	if goal.classes == 0 {
		answers := make([]float64, len(goal.test))
		for i := range answers {
			answers[i] = answer(i)[0]
		}
		candidate, simple = s.regressed, &regressed{truth: s.regressed.truth, pred: answers}
	} else {
		other, err := simpleClassifier(s.classified, answer)
		if err != nil {
			return err
		}
		candidate, simple = s.classified, other
		metric = "balanced_accuracy"
		if s.classified.rankings != nil {
			metric = "auc"
		}
	}
	pairs, err := s.pair(only(metric, candidate), only(metric, simple))
	if err != nil {
		return err
	}
	differences, err := s.differences(pairs)
	if err != nil {
		return err
	}
	if len(differences) == 0 {
		return fmt.Errorf("%s is not defined on these rows", metric)
	}
	lower, err := pairs.below(metric) // small: the candidate's metric is lower
	if err != nil {
		return err
	}
	higher, err := pairs.above(metric)
	if err != nil {
		return err
	}
	out := Baseline{Name: name, Difference: differences[0], PBetter: higher, PWorse: lower}
	if metric == "rmse" {
		out.PBetter, out.PWorse = lower, higher
	}
	s.report.Baselines = append(s.report.Baselines, out)
	return nil
}

// simpleClassifier is what a simple model answers to the test rows.
func simpleClassifier(like *classified, answer func(row int) []float64) (*classified, error) {
	out := &classified{classes: like.classes, truth: like.truth, pred: make([]int64, len(like.truth)), scores: make([][]float64, len(like.truth))}
	for i := range out.scores {
		out.scores[i] = answer(i)
		out.pred[i] = int64(highest(out.scores[i]))
	}
	var err error
	if out.matrix, err = stats.ConfusionOf(out.truth, out.pred, len(out.classes)); err != nil {
		return nil, err
	}
	if err := out.rank(); err != nil {
		return nil, err
	}
	return out, nil
}

func (s *suite) judgeBaselines() Test {
	demand, alpha := s.in.Tests.Baseline.Require, s.in.Tests.Baseline.Alpha
	var told, worse, notBetter []string
	for _, b := range s.report.Baselines {
		what := fmt.Sprintf("%s %.4g, %s %.4g (better: p %.3g)", b.Metric, b.Candidate, b.Name, b.Other, b.PBetter)
		told = append(told, what)
		if b.PWorse < alpha {
			worse = append(worse, fmt.Sprintf("%s (worse: p %.3g)", what, b.PWorse))
		}
		if !(b.PBetter < alpha) {
			notBetter = append(notBetter, what)
		}
	}
	t := pass(number(s.report.Baselines[0].Candidate), string(demand), "%s", strings.Join(told, "; "))
	switch {
	case demand == spec.DemandBetter && len(notBetter) > 0:
		return t.failed("not significantly better than a simple model: %s; the level is %.4g", strings.Join(notBetter, "; "), alpha)
	case demand != spec.DemandNone && len(worse) > 0:
		return t.failed("significantly worse than a simple model: %s; the level is %.4g. Is the training broken?", strings.Join(worse, "; "), alpha)
	}
	return t
}

// single is one metric of a model.
type single struct {
	name string
	of   measured
}

func only(metric string, of measured) measured { return single{metric, of} }

func (o single) passes() int { return o.of.passes() }

func (o single) metricNames() []string { return []string{o.name} }

func (o single) metrics() func(weights []float64) []float64 {
	if c, ok := o.of.(*classified); ok && o.name == "auc" {
		return func(w []float64) []float64 { return []float64{c.auc(w)} }
	}
	place := 0
	for i, name := range o.of.metricNames() {
		if name == o.name {
			place = i
		}
	}
	all := o.of.metrics()
	return func(w []float64) []float64 { return all(w)[place : place+1] }
}

// whole is the model that a single metric is of.
func whole(m measured) measured {
	if o, ok := m.(single); ok {
		return o.of
	}
	return m
}
