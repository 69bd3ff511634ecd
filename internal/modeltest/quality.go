package modeltest

import (
	"fmt"
	"strconv"

	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/spec"
	"github.com/slipway-ml/slipway/internal/stats"
)

// confidence of the interval around accuracy is 1 - intervalAlpha.
const intervalAlpha = 0.05

// scored is how a model did on all test rows.
type scored struct {
	truth       truth
	predictions []feature.Prediction
}

// score runs a session over all test rows, batch by batch.
func (s *suite) score(session *onnx.Session, outputs spec.Outputs) (*scored, error) {
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

// right tells which rows of a classifier are right.
func (c *scored) right() []bool {
	out := make([]bool, len(c.predictions))
	for i, p := range c.predictions {
		out[i] = className(p) == c.truth.classes[i]
	}
	return out
}

func count(bools []bool) int64 {
	n := int64(0)
	for _, b := range bools {
		if b {
			n++
		}
	}
	return n
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
	s.scored = scored
	remark, err := s.classificationMetrics(scored)
	if err != nil {
		return fail(nil, limit, "%s", err)
	}
	hits, rows := count(scored.right()), int64(len(scored.predictions))
	accuracy := float64(hits) / float64(rows)
	s.report.measure("accuracy", accuracy)
	lo, hi, err := stats.Wilson(hits, rows, intervalAlpha)
	if err != nil {
		return fail(number(accuracy), limit, "%s", err)
	}
	t := pass(number(accuracy), limit, "%d of %d rows right, 95 %% interval %.4f to %.4f%s", hits, rows, lo, hi, remark)
	if !(accuracy >= limit) {
		return t.failed("accuracy %.4f is below the limit %.4f", accuracy, limit)
	}
	return t
}

// sameClasses refuses labels and predictions that can never be equal.
func sameClasses(c *scored) error {
	numbers := c.predictions[0].Label != nil
	if numbers != c.truth.numeric {
		return mismatch("the label is %s, the model answers %s", classKind(c.truth.numeric), classKind(numbers))
	}
	return nil
}

func classKind(numbers bool) string {
	if numbers {
		return "whole numbers"
	}
	return "text"
}

// classificationMetrics records the metrics and the confusion matrix. Classes
// become their place in ascending order, which for 0 and 1 they already are.
func (s *suite) classificationMetrics(c *scored) (remark string, err error) {
	classes := occurring(c.truth, c.predictions)
	scores := probabilities(c.predictions)
	if scores != nil {
		if all, err := classesOf(c.truth, c.predictions, len(scores[0])); err == nil {
			classes = all
		} else {
			scores, remark = nil, "; no log loss and AUC: "+err.Error()
		}
	}
	index := make(map[string]int64, len(classes))
	codes := make([]int64, len(classes))
	for i, class := range classes {
		index[class], codes[i] = int64(i), int64(i)
	}
	truth, predicted := make([]int64, len(c.predictions)), make([]int64, len(c.predictions))
	matrix := &Confusion{Classes: classes, Counts: make([][]int64, len(classes))}
	for i := range matrix.Counts {
		matrix.Counts[i] = make([]int64, len(classes))
	}
	for i, p := range c.predictions {
		truth[i], predicted[i] = index[c.truth.classes[i]], index[className(p)]
		matrix.Counts[truth[i]][predicted[i]]++
	}
	s.report.Confusion = matrix

	var metrics stats.Classification
	if len(classes) == 2 {
		var positive []float64
		for _, row := range scores {
			positive = append(positive, min(1, row[1]))
		}
		metrics, err = stats.BinaryMetrics(truth, predicted, positive)
	} else {
		metrics, err = stats.MulticlassMetrics(truth, predicted, codes, scores)
	}
	if err != nil {
		return remark, err
	}
	for name, v := range map[string]*float64{
		"accuracy": metrics.Accuracy, "precision": metrics.Precision, "recall": metrics.Recall, "f1": metrics.F1,
		"log_loss": metrics.LogLoss, "auc": metrics.AUC,
	} {
		if v != nil {
			s.report.measure(name, *v)
		}
	}
	return remark, nil
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
	s.scored = scored
	metrics, err := stats.RegressionMetrics(scored.truth.values, values(scored.predictions))
	if err != nil {
		return fail(nil, limit, "%s", err)
	}
	detail := strconv.Itoa(len(scored.predictions)) + " rows"
	for _, m := range []struct {
		name string
		v    *float64
	}{{"rmse", metrics.RMSE}, {"mae", metrics.MAE}, {"r2", metrics.R2}} {
		if m.v != nil {
			s.report.measure(m.name, *m.v)
			detail += fmt.Sprintf(", %s %.4g", m.name, *m.v)
		}
	}
	if metrics.RMSE == nil {
		return fail(nil, limit, "the error is not finite")
	}
	t := pass(number(*metrics.RMSE), limit, "%s", detail)
	if s.in.Tests.MaxRMSE > 0 && !(*metrics.RMSE <= s.in.Tests.MaxRMSE) {
		return t.failed("RMSE %.4g is above the limit %.4g", *metrics.RMSE, s.in.Tests.MaxRMSE)
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
