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
	cores   int
	narrow  bool
}

var _ Runtime = (*ONNX)(nil)

// NewONNX serves on the given ONNX Runtime, which stays open for longer than
// every model. Options.Threads 0 leaves it to the model's size and instances, see spec.Deployment.
func NewONNX(r *onnx.Runtime, o onnx.Options) (*ONNX, error) {
	if r == nil {
		return nil, errors.New("serving: an ONNX Runtime is required")
	}
	return &ONNX{runtime: r, options: o, cores: Cores()}, nil
}

// Narrowed is the same, but large models are Narrowable: they take their memory twice.
func (o ONNX) Narrowed() *ONNX {
	o.narrow = true
	return &o
}

// Load opens the model on the configured device. Instances that run with
// several threads have a session each, so that they don't wait for each other's
// threads; with one thread a run is its caller's alone, and all share one session and its memory.
func (o *ONNX) Load(ctx context.Context, artifact []byte, config spec.Model) (_ Model, err error) {
	options := o.options
	options.Device = o.runtime.Resolve(options.Device)
	spread := spreadOver(config.Deployment, len(artifact), string(options.Device), o.cores)
	if options.Threads == 0 {
		options.Threads = spread.Threads
	}
	n := spread.Instances
	if options.Threads == 1 && options.Device == onnx.DeviceCPU {
		n = 1
	}
	s := &onnxSessions{free: make(chan *onnx.Session, n)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	for range n {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		session, err := o.runtime.Open(artifact, options)
		if err != nil {
			return nil, err
		}
		s.all = append(s.all, session)
		s.free <- session
	}
	if n := SideBySide(config.Deployment, len(artifact), o.cores, 0); o.narrow && n > 0 && options.Threads > 1 && options.Device == onnx.DeviceCPU {
		options.Threads, s.places = 1, n
		if s.narrow, err = o.runtime.Open(artifact, options); err != nil {
			return nil, err
		}
	}
	return NewModel(s, config)
}

// onnxSessions is one model in one or several equal sessions, at least one.
type onnxSessions struct {
	all    []*onnx.Session
	free   chan *onnx.Session // those that no call uses, where there are several
	narrow *onnx.Session      // with one thread, for so many calls at once as there are places; nil: none
	places int
}

func (s *onnxSessions) Inputs() []onnx.Info { return s.all[0].Inputs() }

func (s *onnxSessions) Outputs() []onnx.Info { return s.all[0].Outputs() }

func (s *onnxSessions) Examples() map[string]any { return s.all[0].Examples() }

func (s *onnxSessions) Device() string { return s.all[0].Device() }

// Narrow implements Narrowable.
func (s *onnxSessions) Narrow() int { return s.places }

// Infer runs the model in a session that is free and speaks of errors as a Session has to.
func (s *onnxSessions) Infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) {
	out, err := s.run(ctx, in)
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

func (s *onnxSessions) run(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) {
	if s.narrow != nil && OnOneThread(ctx) {
		return s.narrow.Run(ctx, in)
	}
	if len(s.all) == 1 {
		return s.all[0].Run(ctx, in)
	}
	select {
	case session := <-s.free:
		defer func() { s.free <- session }()
		return session.Run(ctx, in)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *onnxSessions) Close() error {
	var err error
	for _, session := range s.all {
		err = errors.Join(err, session.Close())
	}
	if s.narrow != nil {
		err = errors.Join(err, s.narrow.Close())
	}
	return err
}
