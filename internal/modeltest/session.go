package modeltest

import (
	"context"
	"errors"
	"fmt"

	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// session is an open model.
type session interface {
	Inputs() []onnx.Info
	Outputs() []onnx.Info
	Device() string
	Run(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error)
	Close() error
}

// served is a model that a runtime has loaded, as a session.
type served struct {
	serving.Model
	spent func(error) // told when there is no process any more that could answer; nil: nobody asks
}

func (m served) Run(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) {
	out, err := m.Infer(ctx, in)
	if m.spent != nil && errors.Is(err, serving.ErrSpent) {
		m.spent(err)
	}
	return out, err
}

// errUnloadable says that a runtime cannot load a model.
var errUnloadable = errors.New("the model cannot be loaded")

// runtimeName is the runtime of the model under test.
func (in Input) runtimeName() string { return in.Spec.RuntimeOf(in.Model) }

// foreign tells that the model under test is not ONNX.
func (s *suite) foreign() bool { return s.in.runtimeName() != spec.RuntimeONNX }

// productionSpec is how the model in production is loaded. What its release said
// of its runtime is not at hand: its content tells ONNX and PyTorch apart, and
// what runs on neither is taken to run on what the candidate runs on.
func (in Input) productionSpec() spec.Model {
	out := in.Spec
	out.Version = in.ProductionVersion
	out.Runtime = ""
	if found := out.RuntimeOf(in.Production); found == spec.RuntimeTorch && in.runtimeName() != spec.RuntimeONNX {
		out.Runtime = in.Spec.Runtime
	}
	return out
}

// load opens a model: in this process where ONNX Runtime is in it, else in the process that the runtime starts.
func (s *suite) load(artifact []byte, config spec.Model) (session, error) {
	if s.runtime != nil {
		if name := config.RuntimeOf(artifact); name != spec.RuntimeONNX {
			return nil, fmt.Errorf("%w: it runs on %s, and no runtimes are given here", errUnloadable, name)
		}
		return s.runtime.Open(artifact, onnx.Options{Device: s.in.Device})
	}
	model, err := s.in.Runtime.Load(s.ctx, artifact, config)
	switch {
	case err == nil:
		return served{Model: model}, nil
	case s.ctx.Err() != nil, errors.Is(err, serving.ErrNoRuntime):
		return nil, err
	}
	return nil, fmt.Errorf("%w: %w", errUnloadable, err)
}

// memory tells what the process that runs the model holds now and has held at most, in bytes.
type memory interface {
	Resident() (now, peak int64, err error)
}
