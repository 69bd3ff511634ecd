package modeltest

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/spec"
)

// loss is what training would lower: the mean squared error of a regression,
// the mean log loss of a classifier's scores.
type loss struct {
	ctx     context.Context
	runtime *onnx.Runtime
	model   spec.Model
	input   []onnx.Tensor
	truth   truth
	rows    int
}

func newLoss(s *suite, rows int) (*loss, error) {
	input, err := s.inputs(0, rows)
	if err != nil {
		return nil, err
	}
	known, err := readTruth(s.in.Test.Slice(0, rows), s.in.Data.Label, s.in.Spec.Task)
	if err != nil {
		return nil, err
	}
	return &loss{ctx: s.ctx, runtime: s.runtime, model: s.in.Spec, input: input, truth: known, rows: rows}, nil
}

// of is the loss of a model on the rows. Whether a score counts as a
// probability does not depend on the data: see asProbabilities.
func (l *loss) of(model []byte) (_ float64, err error) {
	session, err := l.runtime.Open(model, onnx.Options{Device: onnx.DeviceCPU, Threads: 1})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	out, err := session.Run(l.ctx, l.input)
	if err != nil {
		return 0, err
	}
	predictions, err := feature.Predictions(out, l.model.Outputs, l.model.Task)
	if err != nil {
		return 0, err
	}
	if l.model.Task == spec.Regression {
		return squaredError(l.truth.values, predictions), nil
	}
	scores := probabilities(predictions)
	if scores == nil {
		return 0, errors.New("the model gives labels only, which have no derivative; give it an output with probabilities or scores")
	}
	classes, err := classesOf(l.truth, predictions, len(scores[0]))
	if err != nil {
		return 0, err
	}
	return logLoss(l.truth, classes, scores), nil
}

func squaredError(truth []float64, predictions []feature.Prediction) float64 {
	sum := 0.0
	for i, p := range predictions {
		e := *p.Value - truth[i]
		sum += e * e
	}
	return sum / float64(len(predictions))
}

// logLoss is the mean of -ln of the true class's probability, with a floor far
// below what float32 tells apart.
func logLoss(t truth, classes []string, scores [][]float64) float64 {
	column := make(map[string]int, len(classes))
	for i, c := range classes {
		column[c] = i
	}
	sum := 0.0
	for i, row := range scores {
		p := row[column[t.classes[i]]]
		if p < 1e-30 {
			p = 1e-30
		}
		sum -= math.Log(p)
	}
	return sum / float64(len(scores))
}

// probabilities are the rows of scores as distributions, nil if there are none:
// scores that are no distributions count as logits, one or one a class.
func probabilities(predictions []feature.Prediction) [][]float64 {
	out := make([][]float64, len(predictions))
	distributions := true
	for i, p := range predictions {
		if len(p.Probabilities) == 0 {
			return nil
		}
		out[i] = p.Probabilities
		distributions = distributions && isDistribution(p.Probabilities)
	}
	if distributions {
		return out
	}
	for i, scores := range out {
		if len(scores) == 1 {
			scores = []float64{0, scores[0]}
		}
		out[i] = softmax(scores)
	}
	return out
}

// isDistribution allows the rounding of float32.
func isDistribution(p []float64) bool {
	sum := 0.0
	for _, v := range p {
		if !(v >= 0 && v <= 1) {
			return false
		}
		sum += v
	}
	return len(p) > 1 && math.Abs(sum-1) < 1e-3
}

func softmax(scores []float64) []float64 {
	highest := math.Inf(-1)
	for _, v := range scores {
		highest = max(highest, v)
	}
	out, sum := make([]float64, len(scores)), 0.0
	for i, v := range scores {
		out[i] = math.Exp(v - highest)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

// errTruth says that labels and predictions do not speak of the same classes.
var errTruth = errors.New("the label column does not fit the model")

func mismatch(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errTruth, fmt.Sprintf(format, args...))
}
