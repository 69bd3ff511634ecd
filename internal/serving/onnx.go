package serving

import (
	"context"
	"errors"
	"fmt"

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
	m, err := NewModel(onnxSession{session}, config)
	if err != nil {
		return nil, errors.Join(err, session.Close())
	}
	return m, nil
}

// onnxSession speaks of errors as a Session has to.
type onnxSession struct{ *onnx.Session }

func (s onnxSession) Infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) {
	out, err := s.Run(ctx, in)
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
