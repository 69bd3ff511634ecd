package batch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/modelserver"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// Inferer is a loaded model. A serving.Model is one.
type Inferer interface {
	Inputs() []onnx.Info
	Outputs() []onnx.Info
	// Infer runs the model once. An error that wraps serving.ErrInput or
	// serving.ErrModel says that the rows are at fault; any other, that nothing more can be asked.
	Infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error)
	// Predictions reads one prediction a row from the outputs.
	Predictions(out []onnx.Tensor) ([]feature.Prediction, error)
	Close() error
}

var _ Inferer = serving.Model(nil)

// ErrBroken says that a model can't be loaded, or that its process broke.
var ErrBroken = errors.New("the model broke")

// DefaultBatchTime bounds one run of a model where a Loader does not say.
const DefaultBatchTime = 5 * time.Minute

// Loader loads models, each into a process of its own that can do little harm. The
// program must have given modelserver.Entries to sandbox.Serve.
type Loader struct {
	// Config is how processes are started; Load says the threads.
	Config modelserver.Config
	// Programs run models that are not ONNX.
	Programs []modelserver.Program
	// BatchTime bounds one run of a model; 0 means DefaultBatchTime.
	BatchTime time.Duration
}

// Load starts a process that takes so many threads for a computation, and waits until it has loaded the
// model. The error wraps ErrBroken, or is that of ctx.
func (l Loader) Load(ctx context.Context, artifact []byte, m Model, threads int) (Inferer, error) {
	cfg := l.Config
	cfg.Threads = threads
	own, err := modelserver.NewONNX(cfg)
	if err != nil {
		return nil, err
	}
	runtime, err := modelserver.Select(own, cfg, l.Programs)
	if err != nil {
		return nil, err
	}
	loaded, err := runtime.Load(ctx, artifact, spec.Model{Name: m.Name, Version: m.Version, Task: m.Task, Outputs: m.Outputs, Runtime: m.Runtime})
	switch {
	case ctx.Err() != nil:
		return nil, errors.Join(ctx.Err(), closed(loaded))
	case err != nil:
		return nil, fmt.Errorf("%w: it can't be loaded: %w", ErrBroken, err)
	}
	t := &timed{Model: loaded, limit: l.BatchTime}
	if t.limit == 0 {
		t.limit = DefaultBatchTime
	}
	return t, nil
}

func closed(m Inferer) error {
	if m == nil {
		return nil
	}
	return m.Close()
}

// timed bounds the time of each run.
type timed struct {
	serving.Model
	limit time.Duration
}

// Process implements serving.Supervised.
func (t *timed) Process() (serving.Process, bool) {
	if s, ok := t.Model.(serving.Supervised); ok {
		return s.Process()
	}
	return serving.Process{}, false
}

// Infer implements Inferer.
func (t *timed) Infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) {
	limited, cancel := context.WithTimeout(ctx, t.limit)
	defer cancel()
	out, err := t.Model.Infer(limited, in)
	switch {
	case err == nil:
		return out, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case limited.Err() != nil:
		return nil, fmt.Errorf("%w: it did not answer a batch within %s", ErrBroken, t.limit)
	case errors.Is(err, serving.ErrInput), errors.Is(err, serving.ErrModel):
		return nil, err
	}
	return nil, fmt.Errorf("%w: %w", ErrBroken, err)
}
