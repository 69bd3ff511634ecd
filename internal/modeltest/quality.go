package modeltest

import (
	"fmt"
	"strconv"

	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/spec"
	"github.com/slipway-ml/slipway/internal/stats"
)

// scored is how a model did on all test rows.
type scored struct {
	truth       truth
	predictions []feature.Prediction
}

// score runs a session over all test rows, batch by batch.
func (s *suite) score(session session, outputs spec.Outputs) (*scored, error) {
	known, err := readTruth(s.in.Test, s.in.Data.Label, s.in.Spec.Task)
	if err != nil {
		return nil, err
	}
	mapper, err := feature.NewMapper(session.Inputs())
	if err != nil {
		return nil, err
	}
	out := &scored{truth: known}
	for lo := 0; lo < s.in.Test.Rows(); lo += s.batch {
		hi := min(lo+s.batch, s.in.Test.Rows())
		in, err := mapper.FromTable(s.in.Test, s.in.Data.Label, s.in.Data.Exclude, lo, hi)
		if err != nil {
			return nil, err
		}
		answers, err := session.Run(s.ctx, in)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.lines(lo, hi), err)
		}
		predictions, err := feature.Predictions(answers, outputs, s.in.Spec.Task)
		if err != nil {
			return nil, err
		}
		if len(predictions) != hi-lo {
			return nil, fmt.Errorf("%s: %d rows went in, %d predictions came out", s.lines(lo, hi), hi-lo, len(predictions))
		}
		for i, p := range predictions {
			if !p.Finite() {
				return nil, fmt.Errorf("%s: the prediction is not finite", s.lines(lo+i, lo+i+1))
			}
		}
		out.predictions = append(out.predictions, predictions...)
	}
	return out, nil
}

// classification measures a classifier on all test rows (C4).
func (s *suite) classification() Test {
	limit := s.in.Tests.MinAccuracy
	scored, err := s.score(s.session, s.in.Spec.Outputs)
	if err != nil {
		return fail(nil, limit, "%s", err)
	}
	if err := sameClasses(scored); err != nil {
		return fail(nil, limit, "%s", err)
	}
	answers, err := classify(scored)
	if err != nil {
		return fail(nil, limit, "%s", err)
	}
	s.report.Confusion = confusion(answers)
	if err := s.measureAll(len(answers.truth), answers, s.analyticInterval(answers)); err != nil {
		return fail(nil, limit, "%s", err)
	}
	if err := s.calibrate(answers); err != nil {
		return fail(nil, limit, "%s", err)
	}
	if err := s.curves(answers); err != nil {
		return fail(nil, limit, "%s", err)
	}
	s.scored, s.classified = scored, answers
	accuracy, around := answers.matrix.Accuracy(), s.report.Intervals["accuracy"]
	t := pass(number(accuracy), limit, "%.0f of %d rows right, %.4g %% interval %.4f to %.4f%s",
		sum(answers.right()), len(answers.truth), 100*around.Level, around.Low, around.High, answers.remark)
	if !(accuracy >= limit) {
		return t.failed("accuracy %.4f is below the limit %.4f", accuracy, limit)
	}
	return t
}

// confusion is the matrix as the report shows it.
func confusion(c *classified) *Confusion {
	out := &Confusion{Classes: c.classes, Counts: make([][]int64, len(c.classes))}
	for i := range out.Counts {
		for j := range c.classes {
			out.Counts[i] = append(out.Counts[i], int64(c.matrix.At(i, j)))
		}
	}
	return out
}

// sameClasses refuses labels and predictions that can never be equal: of
// different kinds, and not even written alike.
func sameClasses(c *scored) error {
	numbers := c.predictions[0].Label != nil
	if numbers == c.truth.numeric {
		return nil
	}
	answered := map[string]bool{}
	for _, p := range c.predictions {
		answered[className(p)] = true
	}
	for _, class := range c.truth.classes {
		if answered[class] {
			return nil
		}
	}
	return mismatch("the label is %s, the model answers %s", classKind(c.truth.numeric), classKind(numbers))
}

func classKind(numbers bool) string {
	if numbers {
		return "whole numbers"
	}
	return "text"
}

// regression measures a regression on all test rows (C4).
func (s *suite) regression() Test {
	limit := any(nil)
	if s.in.Tests.MaxRMSE > 0 {
		limit = s.in.Tests.MaxRMSE
	}
	scored, err := s.score(s.session, s.in.Spec.Outputs)
	if err != nil {
		return fail(nil, limit, "%s", err)
	}
	answers := regress(scored)
	if err := s.measureAll(len(answers.truth), answers, s.errorInterval(answers)); err != nil {
		return fail(nil, limit, "%s", err)
	}
	if whole, err := stats.RegressionMetrics(answers.truth, answers.pred); err == nil && whole.R2 != nil {
		s.report.measure("r2", *whole.R2) // defined for a constant truth, too
	}
	if further, err := stats.AbsoluteErrorsOf(answers.truth, answers.pred); err == nil {
		s.report.measure("median_absolute_error", further.Median)
	}
	s.scored, s.regressed, s.report.Residuals = scored, answers, s.residuals(answers)
	rmse, ok := s.report.Metrics["rmse"]
	if !ok {
		return fail(nil, limit, "the error is not finite")
	}
	detail := strconv.Itoa(len(scored.predictions)) + " rows"
	for _, name := range answers.metricNames() {
		if v, ok := s.report.Metrics[name]; ok {
			detail += fmt.Sprintf(", %s %.4g", name, v)
		}
	}
	if around, ok := s.report.Intervals["rmse"]; ok {
		detail += fmt.Sprintf("; %.4g %% interval of rmse %.4g to %.4g", 100*around.Level, around.Low, around.High)
		if around.Remark != "" {
			detail += ", " + around.Remark
		}
	}
	t := pass(number(rmse), limit, "%s", detail)
	if s.in.Tests.MaxRMSE > 0 && !(rmse <= s.in.Tests.MaxRMSE) {
		return t.failed("RMSE %.4g is above the limit %.4g", rmse, s.in.Tests.MaxRMSE)
	}
	return t
}

func values(predictions []feature.Prediction) []float64 {
	out := make([]float64, len(predictions))
	for i, p := range predictions {
		out[i] = *p.Value
	}
	return out
}
