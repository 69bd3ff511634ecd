package serving

import (
	"context"
	"errors"
	"fmt"

	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/spec"
)

// ONNX runs ONNX models in this process.
type ONNX struct {
	runtime *onnx.Runtime
	options onnx.Options
}

var _ Runtime = (*ONNX)(nil)

// NewONNX serves on the given ONNX Runtime, which stays open for longer than
// every model. Many small calls at once do best with one thread per operator
// (Options.Threads 1) and as many calls as cores (Limits.Running).
func NewONNX(r *onnx.Runtime, o onnx.Options) (*ONNX, error) {
	if r == nil {
		return nil, errors.New("serving: an ONNX Runtime is required")
	}
	return &ONNX{runtime: r, options: o}, nil
}

// Load opens a session on the configured device.
func (o *ONNX) Load(ctx context.Context, artifact []byte, config spec.Model) (Model, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	session, err := o.runtime.Open(artifact, o.options)
	if err != nil {
		return nil, err
	}
	mapper, err := feature.NewMapper(session.Inputs())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("inputs of the model: %w", err), session.Close())
	}
	return &onnxModel{session: session, mapper: mapper, outputs: config.Outputs, task: config.Task}, nil
}

type onnxModel struct {
	session *onnx.Session
	mapper  *feature.Mapper
	outputs spec.Outputs
	task    spec.Task
}

func (m *onnxModel) Inputs() []onnx.Info { return m.session.Inputs() }

func (m *onnxModel) Outputs() []onnx.Info { return m.session.Outputs() }

func (m *onnxModel) Tensors(in Input) ([]onnx.Tensor, error) {
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

func (m *onnxModel) Infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) {
	out, err := m.session.Run(ctx, in)
	switch {
	case err == nil:
		return out, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("run the model: %w", ctx.Err())
	case errors.Is(err, onnx.ErrInput):
		return nil, fmt.Errorf("run the model: %w", err)
	case errors.Is(err, onnx.ErrClosed):
		return nil, fmt.Errorf("%w: %w", ErrNotReady, err)
	}
	return nil, fmt.Errorf("%w: %w", ErrModel, err)
}

func (m *onnxModel) Predictions(out []onnx.Tensor) ([]feature.Prediction, error) {
	predictions, err := feature.Predictions(out, m.outputs, m.task)
	if err != nil {
		return nil, fmt.Errorf("%w: outputs: %w", ErrModel, err)
	}
	return predictions, nil
}

// Zero is a row of zeros, with empty strings where the model takes text.
func (m *onnxModel) Zero() Input {
	if width := m.mapper.Width(); width != 0 {
		return Input{Matrix: [][]float64{make([]float64, max(width, 1))}}
	}
	inputs := m.session.Inputs()
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

func (m *onnxModel) Columns() []string { return m.mapper.Columns() }

func (m *onnxModel) Device() string { return m.session.Device() }

func (m *onnxModel) Close() error { return m.session.Close() }
