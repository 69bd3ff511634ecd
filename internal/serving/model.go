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

// Exemplified is a Session that knows values which the model takes, by input; see onnx.Graph.
type Exemplified interface {
	Examples() map[string]any
}

// NewModel adds to a session what all models have in common: it maps rows onto the
// inputs and reads predictions from the outputs, as the configuration says. A model
// whose inputs are no columns takes tensors only. The session belongs to the model, unless there is an error.
func NewModel(s Session, config spec.Model) (Model, error) {
	if len(s.Inputs()) == 0 {
		return nil, errors.New("the model has no inputs")
	}
	m := &model{Session: s, outputs: config.Outputs, task: config.Task}
	m.mapper, m.unmapped = feature.NewMapper(s.Inputs())
	return m, nil
}

type model struct {
	Session
	mapper   *feature.Mapper
	unmapped error // why there is no mapper
	outputs  spec.Outputs
	task     spec.Task
}

// Narrow implements Narrowable.
func (m *model) Narrow() int {
	if s, ok := m.Session.(Narrowable); ok {
		return s.Narrow()
	}
	return 0
}

func (m *model) Tensors(in Input) ([]onnx.Tensor, error) {
	var tensors []onnx.Tensor
	var err error
	switch {
	case in.Tensors != nil:
		return in.Tensors, nil
	case in.Len() == 0:
		return nil, fmt.Errorf("%w: it holds no rows", ErrInput)
	case m.unmapped != nil:
		return nil, fmt.Errorf("%w: rows can't become its tensors: %w; send tensors by the Open Inference Protocol", ErrInput, m.unmapped)
	case in.Rows != nil:
		tensors, err = m.mapper.FromRows(in.Rows)
	default:
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

// Zero is a row of zeros and empty strings, but for columns of which the session
// knows what the model takes.
func (m *model) Zero() Input {
	if m.unmapped != nil {
		in := Input{Tensors: make([]onnx.Tensor, len(m.Inputs()))}
		for i, info := range m.Inputs() {
			in.Tensors[i] = onnx.Zeros(info)
		}
		return in
	}
	if width := m.mapper.Width(); width != 0 {
		return Input{Matrix: [][]float64{make([]float64, max(width, 1))}}
	}
	known := m.Examples()
	row := make(map[string]any, len(m.Inputs()))
	for _, in := range m.Inputs() {
		row[in.Name] = zero(in.Type, known[in.Name])
	}
	return Input{Rows: []map[string]any{row}}
}

// Examples implements Exemplified for a session that does.
func (m *model) Examples() map[string]any {
	if e, ok := m.Session.(Exemplified); ok {
		return e.Examples()
	}
	return nil
}

// zero is a value of a type: the one that is known, if it is of the type.
func zero(t onnx.Type, known any) any {
	switch t {
	case onnx.Bool:
		return false
	case onnx.String:
		s, _ := known.(string)
		return s
	}
	n, _ := known.(float64)
	return n
}

func (m *model) Columns() []string {
	if m.unmapped != nil {
		return nil
	}
	return m.mapper.Columns()
}

// Process implements Supervised for a session that does.
func (m *model) Process() (Process, bool) {
	if s, ok := m.Session.(Supervised); ok {
		return s.Process()
	}
	return Process{}, false
}
