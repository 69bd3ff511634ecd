package feature

import (
	"errors"
	"fmt"
	"math"

	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/spec"
)

// Prediction is a model's answer for one row.
type Prediction struct {
	// Label is the class of a classifier; nil for regression and for classes that are text.
	Label *int64 `json:"label,omitempty"`
	// LabelText is the class of a classifier whose classes are text.
	LabelText string `json:"label_text,omitempty"`
	// Value is the answer of a regression.
	Value *float64 `json:"value,omitempty"`
	// Probabilities are a classifier's scores as the model gives them, one a
	// class in ascending order; nil if it gives none. A single score p between 0
	// and 1, the probability of class 1, reads as [1-p, p].
	Probabilities []float64 `json:"probabilities,omitempty"`
}

// Finite tells that the prediction holds no NaN and no infinity, which JSON cannot carry.
func (p Prediction) Finite() bool {
	if p.Value != nil && !isFinite(*p.Value) {
		return false
	}
	for _, v := range p.Probabilities {
		if !isFinite(v) {
			return false
		}
	}
	return true
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// Default names of a classifier's outputs, those of skl2onnx.
const (
	labelOutput         = "label"
	probabilitiesOutput = "probabilities"
)

// ErrOutput says that a model's outputs cannot be read as predictions.
var ErrOutput = errors.New("the model's outputs cannot be read")

// Predictions reads the outputs of a run, one prediction a row. For the default
// of empty names see spec.Outputs; a regression is read from outputs.Label. A
// classifier without a label output predicts the class of the highest score, the
// first of equals; with a single score p, class 1 if p >= 0.5, and for a single
// score outside [0,1], a logit, if it is positive. Errors wrap ErrOutput.
func Predictions(out []onnx.Tensor, outputs spec.Outputs, task spec.Task) ([]Prediction, error) {
	if task == spec.Regression {
		return regressions(out, outputs.Label)
	}
	label, scores, err := classifierOutputs(out, outputs)
	if err != nil {
		return nil, err
	}
	if label == nil && scores == nil {
		return nil, fmt.Errorf("%w: a classifier needs a label or probabilities, there are %s", ErrOutput, describe(out))
	}
	first := label
	if first == nil {
		first = scores
	}
	predictions := make([]Prediction, first.Rows())
	if scores != nil {
		if err := readScores(predictions, scores); err != nil {
			return nil, err
		}
	}
	if label != nil {
		if err := readLabels(predictions, label); err != nil {
			return nil, err
		}
	}
	return predictions, nil
}

// pick finds the output with the wished name, else with the usual name, else
// the first one that suits; nil if none does.
func pick(out []onnx.Tensor, wished, usual, what string, suits func(onnx.Tensor) bool) (*onnx.Tensor, error) {
	var found *onnx.Tensor
	for i := range out {
		t := &out[i]
		switch {
		case wished != "" && t.Name == wished:
			if !suits(*t) {
				return nil, fmt.Errorf("%w: output %s is %s, want a %s one", ErrOutput, t.Name, t.Type, what)
			}
			return t, nil
		case wished == "" && t.Name == usual && suits(*t):
			return t, nil
		case wished == "" && found == nil && suits(*t):
			found = t
		}
	}
	if wished != "" {
		return nil, fmt.Errorf("%w: there is no output %s, there are %s", ErrOutput, wished, describe(out))
	}
	return found, nil
}

func regressions(out []onnx.Tensor, wished string) ([]Prediction, error) {
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: there are none", ErrOutput)
	}
	if wished == "" {
		wished = out[0].Name
	}
	t, err := pick(out, wished, "", "numeric", func(t onnx.Tensor) bool { return t.Type.Numeric() })
	if err != nil {
		return nil, err
	}
	values := t.Numbers()
	if int64(len(values)) != t.Rows() {
		return nil, fmt.Errorf("%w: output %s has shape %v, want one value a row", ErrOutput, t.Name, t.Shape)
	}
	predictions := make([]Prediction, len(values))
	for i := range values {
		predictions[i].Value = &values[i]
	}
	return predictions, nil
}

func readLabels(predictions []Prediction, t *onnx.Tensor) error {
	if t.Len() != len(predictions) || int64(t.Len()) != t.Rows() {
		return fmt.Errorf("%w: output %s has shape %v, want one label a row", ErrOutput, t.Name, t.Shape)
	}
	for i := range predictions {
		p := &predictions[i]
		switch t.Type {
		case onnx.String:
			p.Label, p.LabelText = nil, t.Strings[i]
		case onnx.Bool:
			p.Label = indicator(t.Bools[i])
		default:
			class := t.Ints[i]
			p.Label = &class
		}
	}
	return nil
}

func readScores(predictions []Prediction, t *onnx.Tensor) error {
	scores := t.Numbers()
	if t.Rows() != int64(len(predictions)) || len(predictions) == 0 || len(scores)%len(predictions) != 0 || len(scores) == 0 || len(t.Shape) > 2 {
		return fmt.Errorf("%w: output %s has shape %v, want a row of scores for each of %d predictions", ErrOutput, t.Name, t.Shape, len(predictions))
	}
	classes := len(scores) / len(predictions)
	for i := range predictions {
		p := &predictions[i]
		p.Probabilities = scores[i*classes : (i+1)*classes : (i+1)*classes]
		if classes > 1 {
			p.Label = highest(p.Probabilities)
			continue
		}
		switch score := p.Probabilities[0]; {
		case score >= 0 && score <= 1:
			p.Probabilities = []float64{1 - score, score}
			p.Label = indicator(score >= 0.5)
		default:
			p.Label = indicator(score > 0)
		}
	}
	return nil
}

func highest(scores []float64) *int64 {
	best := int64(0)
	for i, v := range scores {
		if v > scores[best] {
			best = int64(i)
		}
	}
	return &best
}

func indicator(is bool) *int64 {
	v := int64(0)
	if is {
		v = 1
	}
	return &v
}

func describe(out []onnx.Tensor) string {
	text := ""
	for i, t := range out {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s (%s)", t.Name, t.Type)
	}
	return text
}
