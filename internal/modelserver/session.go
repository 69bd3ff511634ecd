package modelserver

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/sandbox"
	"github.com/slipway-ml/slipway/internal/serving"
)

// session is a model in a process that is started again when it ends.
type session struct {
	cfg           Config
	kind          kind
	name, version string

	meta     oip.Metadata
	device   string
	examples map[string]any

	budget   budget
	life     atomic.Pointer[life]
	restarts atomic.Uint64
	down     atomic.Pointer[down] // nil while the process runs

	ctx    context.Context
	cancel context.CancelCauseFunc
	done   chan struct{} // closed once nothing runs any more
	close  func() error
}

var (
	_ serving.Session     = (*session)(nil)
	_ serving.Supervised  = (*session)(nil)
	_ serving.Exemplified = (*session)(nil)
)

// down is why there is no process at the moment.
type down struct {
	why   string
	since time.Time
}

// newSession starts the first process and waits until it is ready. The kind
// belongs to the session, also if there is an error.
func newSession(ctx context.Context, cfg Config, k kind, name, version string) (*session, error) {
	s := &session{cfg: cfg, kind: k, name: name, version: version, budget: budget{most: cfg.CPU}, done: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	first, err := s.begin(ctx)
	if err != nil {
		s.cancel(err)
		return nil, errors.Join(err, k.close())
	}
	s.meta, s.device = first.meta, first.device
	if said := first.said.Load(); said != nil {
		s.examples = said.Examples
	}
	s.life.Store(first)
	s.close = sync.OnceValue(func() error {
		s.cancel(errClosed)
		<-s.done
		return k.close()
	})
	go s.supervise(first)
	return s, nil
}

func (s *session) begin(ctx context.Context) (*life, error) {
	l, err := s.kind.launch()
	if err != nil {
		return nil, err
	}
	l.command.Limits.CPU, l.ended = s.budget.left(), s.budget.take
	p, err := begin(ctx, s.ctx, s.cfg, l, s.name, s.version)
	if err != nil {
		return nil, err
	}
	s.cfg.Logger.Info("a model's process is ready", "model", s.name, "version", s.version, "pid", p.pid.Load(), "device", p.device, "held by", p.held())
	return p, nil
}

// supervise keeps a process running until the session is closed.
func (s *session) supervise(p *life) {
	defer close(s.done)
	pause := s.cfg.Pause
	for {
		p.watch(s.cfg.CheckEvery, s.cfg.CheckTimeout)
		if s.ctx.Err() != nil {
			return
		}
		if time.Since(p.since) > s.cfg.MaxPause {
			pause = s.cfg.Pause
		}
		err := context.Cause(p.ctx)
		for p = nil; p == nil; pause = min(2*pause, s.cfg.MaxPause) {
			if s.budget.spent.Load() {
				s.down.Store(&down{why: s.budget.String(), since: time.Now()})
				s.cfg.Logger.Warn("a model's process is gone for good", "model", s.name, "version", s.version, "error", s.budget.String())
				<-s.ctx.Done()
				return
			}
			s.down.Store(&down{why: fmt.Sprintf("%s; it is started again %s later", deathOf(err), pause), since: time.Now()})
			s.cfg.Logger.Warn("a model's process is gone", "model", s.name, "version", s.version, "error", err, "pause", pause)
			select {
			case <-s.ctx.Done():
				return
			case <-time.After(pause):
			}
			s.restarts.Add(1)
			p, err = s.again()
			if s.ctx.Err() != nil {
				if err == nil {
					p.watch(s.cfg.CheckEvery, s.cfg.CheckTimeout)
				}
				return
			}
		}
		s.life.Store(p)
		s.down.Store(nil)
	}
}

// again starts a process that has to describe the model as the first one did.
func (s *session) again() (*life, error) {
	p, err := s.begin(s.ctx)
	if err != nil {
		return nil, err
	}
	if !reflect.DeepEqual(p.meta.Inputs, s.meta.Inputs) || !reflect.DeepEqual(p.meta.Outputs, s.meta.Outputs) {
		err := errors.New("its new process describes other inputs and outputs than the one before")
		p.stop(err)
		p.watch(s.cfg.CheckEvery, s.cfg.CheckTimeout)
		return nil, err
	}
	return p, nil
}

// deathOf is a sentence about the end of a process.
func deathOf(err error) string {
	var death *sandbox.Death
	if errors.As(err, &death) {
		return death.Error()
	}
	return err.Error()
}

// Inputs implements serving.Session.
func (s *session) Inputs() []onnx.Info { return s.meta.Inputs }

// Outputs implements serving.Session.
func (s *session) Outputs() []onnx.Info { return s.meta.Outputs }

// Device implements serving.Session.
func (s *session) Device() string { return s.device }

// Examples implements serving.Exemplified.
func (s *session) Examples() map[string]any { return s.examples }

// Infer implements serving.Session.
func (s *session) Infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) {
	p := s.life.Load()
	if p.ctx.Err() != nil {
		return nil, s.notReady(ctx, p)
	}
	out, err := p.infer(ctx, in)
	if err != nil {
		return nil, s.explain(ctx, p, err)
	}
	return out, promised(s.meta.Outputs, out)
}

// explain finds whose fault it is that a call failed.
func (s *session) explain(ctx context.Context, p *life, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("run the model: %w", ctx.Err())
	}
	if oip.CodeOf(err) == oip.Unavailable {
		select { // the process has ended, or is about to be: why says more
		case <-p.ctx.Done():
		case <-ctx.Done():
		case <-time.After(5 * lastWords):
			return fmt.Errorf("%w: %w", serving.ErrNotReady, err)
		}
	}
	if p.ctx.Err() != nil {
		return s.notReady(ctx, p)
	}
	return judge(ctx, err)
}

func (s *session) notReady(ctx context.Context, p *life) error {
	if s.budget.most > 0 { // what it used is known once it is gone, which it is about to be
		select {
		case <-p.ended:
		case <-ctx.Done():
		}
	}
	if s.budget.spent.Load() {
		return fmt.Errorf("%w: %w: %s", serving.ErrNotReady, serving.ErrSpent, s.budget.String())
	}
	if d := s.down.Load(); d != nil {
		return fmt.Errorf("%w: its process has ended: %s", serving.ErrNotReady, d.why)
	}
	return fmt.Errorf("%w: its process has ended: %s", serving.ErrNotReady, deathOf(context.Cause(p.ctx)))
}

// Narrow implements serving.Narrowable. On a device there are no threads to share.
func (s *session) Narrow() int {
	if s.device != string(onnx.DeviceCPU) {
		return 0
	}
	return s.kind.narrow()
}

// Process implements serving.Supervised.
func (s *session) Process() (serving.Process, bool) {
	p := s.life.Load()
	out := serving.Process{Restarts: s.restarts.Load(), Since: p.since, Barriers: p.held()}
	if d := s.down.Load(); d != nil {
		out.Down, out.Since = "its process has ended: "+d.why, d.since
		return out, true
	}
	out.PID = int(p.pid.Load())
	// The process may just have ended: then there is nothing to tell.
	out.Resident, _ = sandbox.ResidentMemory(out.PID)
	return out, true
}

func (p *life) held() []string {
	if held := p.barriers.Load(); held != nil {
		return *held
	}
	return nil
}

// Close implements serving.Session: it ends the process and waits for that.
func (s *session) Close() error { return s.close() }
