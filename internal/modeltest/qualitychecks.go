package modeltest

import (
	"fmt"
	"math"

	"github.com/slipway-ml/slipway/internal/spec"
)

// qualityChecks are the tests of capability C4: those that every model gets,
// then those that the spec asks for.
func qualityChecks(task spec.Task, t spec.Tests) []check {
	list := []check{
		{"C4", "accuracy", needsAnswers, (*suite).classification},
		{"C4", "accuracy_against_production", needsAnswers, (*suite).classificationAgainstProduction},
	}
	if task == spec.Regression {
		list = []check{
			{"C4", "rmse", needsAnswers, (*suite).regression},
			{"C4", "error_against_production", needsAnswers, (*suite).regressionAgainstProduction},
		}
	}
	if flips := t.AgainstProduction; task == spec.Classification && (flips.MaxNegativeFlips > 0 || flips.MaxNegativeFlipRate != nil && *flips.MaxNegativeFlipRate < 1) {
		list = append(list, check{"C4", "negative_flips", needsAnswers, (*suite).negativeFlips})
	}
	list = append(list,
		check{"C4", "simple_baseline", needsAnswers, (*suite).baseline},
		check{"C4", "train_test_overlap", needsRows, (*suite).overlap},
		check{"C4", "leakage", needsAnswers, (*suite).leakage},
	)
	for _, slice := range t.Slices.Given {
		list = append(list, check{"C4", "slice: " + slice.Name, needsAnswers, func(s *suite) Test { return s.givenSlice(slice) }})
	}
	if t.Slices.Search == nil || *t.Slices.Search {
		list = append(list, check{"C4", "weak_slices", needsAnswers, (*suite).weakSlices})
	}
	times := map[string]int{}
	for _, limit := range t.Limits {
		name := "limit: " + limit.Metric
		if times[name]++; times[name] > 1 {
			name += fmt.Sprintf(" (%d)", times[name])
		}
		list = append(list, check{"C4", name, needsAnswers, func(s *suite) Test { return s.metricLimit(limit) }})
	}
	if t.Calibration.MaxECE != nil || t.Calibration.MaxBrier != nil {
		list = append(list, check{"C4", "calibration", needsAnswers, (*suite).calibrationLimits})
	}
	for _, relation := range t.Metamorphic {
		list = append(list, check{"C4", relation.Kind + ": " + relation.Name, needsAnswers, func(s *suite) Test { return s.metamorphic(relation) }})
	}
	return list
}

// notScored is what tests that need all answers say where there are none.
func (s *suite) notScored() (Test, bool) {
	return skip("not run: the rows could not be scored, see above"), s.scored == nil
}

// impossible fails a test that the spec asks for by name and that cannot be
// done; where nothing could be scored, which is told already, it is skipped.
func (s *suite) impossible(reason string, args ...any) Test {
	if t, missing := s.notScored(); missing {
		return t
	}
	return fail(nil, nil, "the spec asks for this, but "+reason, args...)
}

// metricLimit holds one limit of the spec against a metric.
func (s *suite) metricLimit(l spec.MetricLimit) Test {
	value, ok := s.report.Metrics[l.Metric]
	if !ok {
		return s.impossible("there is no metric %s; see the metrics of the report", l.Metric)
	}
	low, high, what := value, value, ""
	if l.Confident {
		around, ok := s.report.Intervals[l.Metric]
		if !ok {
			return s.impossible("%s has no confidence interval", l.Metric)
		}
		low, high, what = around.Low, around.High, "an end of the interval of "
	}
	limit := ""
	if l.Min != nil {
		limit = "at least " + text(*l.Min)
	}
	if l.Max != nil {
		if limit != "" {
			limit += ", "
		}
		limit += "at most " + text(*l.Max)
	}
	t := pass(number(value), limit, "")
	if around, ok := s.report.Intervals[l.Metric]; ok {
		t = pass(number(value), limit, "%.4g %% interval %.4g to %.4g (%s)", 100*around.Level, around.Low, around.High, around.Method)
		if around.Remark != "" {
			t.Detail += "; " + around.Remark
		}
	}
	if l.Min != nil && !(low >= *l.Min) {
		return t.failed("%s%s, %.4g, is below the limit %.4g", what, l.Metric, low, *l.Min)
	}
	if l.Max != nil && !(high <= *l.Max) {
		return t.failed("%s%s, %.4g, is above the limit %.4g", what, l.Metric, high, *l.Max)
	}
	return t
}

// finiteOr is v, or other where v is not finite.
func finiteOr(v, other float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return other
	}
	return v
}
