package feature

import (
	"fmt"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/spec"
)

// Form says what the predictions of a model hold, before it was ever run.
type Form struct {
	// Kind is that of the prediction: integer or string of a classifier, number of a regression.
	Kind dataset.Kind
	// Scored tells that there are probabilities.
	Scored bool
}

// FormOf reads the form from what a model says of its outputs, as Predictions
// would read them. Errors wrap ErrOutput.
func FormOf(infos []onnx.Info, outputs spec.Outputs, task spec.Task) (Form, error) {
	if task == spec.Regression {
		return Form{Kind: dataset.Number}, nil
	}
	out := make([]onnx.Tensor, len(infos))
	for i, info := range infos {
		out[i] = onnx.Tensor{Name: info.Name, Type: info.Type}
	}
	label, scores, err := classifierOutputs(out, outputs)
	if err != nil {
		return Form{}, err
	}
	if label == nil && scores == nil {
		return Form{}, fmt.Errorf("%w: a classifier needs a label or probabilities, there are %s", ErrOutput, describe(out))
	}
	form := Form{Kind: dataset.Integer, Scored: scores != nil}
	if label != nil && label.Type == onnx.String {
		form.Kind = dataset.String
	}
	return form, nil
}

// classifierOutputs finds the outputs that hold labels and scores; nil where there is none.
func classifierOutputs(out []onnx.Tensor, outputs spec.Outputs) (label, scores *onnx.Tensor, err error) {
	isLabel := func(t onnx.Tensor) bool { return t.Type.Integer() || t.Type == onnx.Bool || t.Type == onnx.String }
	isScores := func(t onnx.Tensor) bool { return t.Type.Float() }
	if label, err = pick(out, outputs.Label, labelOutput, "integer, boolean or string", isLabel); err != nil {
		return nil, nil, err
	}
	scores, err = pick(out, outputs.Probabilities, probabilitiesOutput, "floating-point", isScores)
	return label, scores, err
}
