package serving

import (
	"context"
	"errors"
	"fmt"

	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/spec"
)

// Session runs tensors through a loaded model: what differs between the kinds of
// model and the places where they run. Its methods are those of Model.
type Session interface {
	Inputs() []onnx.Info
	Outputs() []onnx.Info
	Infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error)
	Device() string
	Close() error
}

// NewModel adds to a session what all models have in common: it maps rows onto the
// inputs and reads predictions from the outputs, as the configuration says. The
// session belongs to the model, unless there is an error.
func NewModel(s Session, config spec.Model) (Model, error) {
	mapper, err := feature.NewMapper(s.Inputs())
	if err != nil {
		return nil, fmt.Errorf("inputs of the model: %w", err)
	}
	return &model{Session: s, mapper: mapper, outputs: config.Outputs, task: config.Task}, nil
}

type model struct {
	Session
	mapper  *feature.Mapper
	outputs spec.Outputs
	task    spec.Task
}

func (m *model) Tensors(in Input) ([]onnx.Tensor, error) {
	if in.Len() == 0 {
		return nil, fmt.Errorf("%w: it holds no rows", ErrInput)
	}
	var tensors []onnx.Tensor
	var err error
	if in.Rows != nil {
		tensors, err = m.mapper.FromRows(in.Rows)
	} else {
		tensors, err = m.mapper.FromMatrix(in.Matrix)
	}
	switch {
	case err == nil:
		return tensors, nil
	case errors.Is(err, ErrInput):
		return nil, err
	}
	return nil, fmt.Errorf("%w: %w", ErrInput, err)
}

func (m *model) Predictions(out []onnx.Tensor) ([]feature.Prediction, error) {
	predictions, err := feature.Predictions(out, m.outputs, m.task)
	if err != nil {
		return nil, fmt.Errorf("%w: outputs: %w", ErrModel, err)
	}
	return predictions, nil
}

// Zero is a row of zeros, with empty strings where the model takes text.
func (m *model) Zero() Input {
	if width := m.mapper.Width(); width != 0 {
		return Input{Matrix: [][]float64{make([]float64, max(width, 1))}}
	}
	inputs := m.Inputs()
	row := make(map[string]any, len(inputs))
	for _, in := range inputs {
		switch in.Type {
		case onnx.String:
			row[in.Name] = ""
		case onnx.Bool:
			row[in.Name] = false
		default:
			row[in.Name] = 0.0
		}
	}
	return Input{Rows: []map[string]any{row}}
}

func (m *model) Columns() []string { return m.mapper.Columns() }

// Process implements Supervised for a session that does.
func (m *model) Process() (Process, bool) {
	if s, ok := m.Session.(Supervised); ok {
		return s.Process()
	}
	return Process{}, false
}
