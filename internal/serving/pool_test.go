package serving

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/spec"
)

const patience = 10 * time.Second

// script is a model whose every call a test decides.
type script struct {
	predict func(ctx context.Context, in Input) ([]feature.Prediction, error)
	inside  atomic.Int64
	closed  atomic.Bool
	calls   atomic.Int64
	given   sync.Map // predictions by the number of their call
}

func (s *script) Inputs() []onnx.Info {
	return []onnx.Info{{Name: "x", Type: onnx.Float64, Shape: []int64{-1, 1}}}
}
func (s *script) Outputs() []onnx.Info {
	return []onnx.Info{{Name: "call", Type: onnx.Int64, Shape: []int64{1}}}
}

func (s *script) Tensors(in Input) ([]onnx.Tensor, error) {
	t := onnx.Tensor{Name: "x", Type: onnx.Float64, Shape: []int64{int64(in.Len()), 1}}
	for _, row := range in.Matrix {
		t.Doubles = append(t.Doubles, row...)
	}
	return []onnx.Tensor{t}, nil
}

func (s *script) Infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) {
	var rows [][]float64
	for _, v := range in[0].Doubles {
		rows = append(rows, []float64{v})
	}
	out, err := s.answer(ctx, Input{Matrix: rows})
	if err != nil {
		return nil, err
	}
	n := s.calls.Add(1)
	s.given.Store(n, out)
	return []onnx.Tensor{{Name: "call", Type: onnx.Int64, Shape: []int64{1}, Ints: []int64{n}}}, nil
}

func (s *script) Predictions(out []onnx.Tensor) ([]feature.Prediction, error) {
	p, _ := s.given.Load(out[0].Ints[0])
	return p.([]feature.Prediction), nil
}

func (s *script) answer(ctx context.Context, in Input) ([]feature.Prediction, error) {
	s.inside.Add(1)
	defer s.inside.Add(-1)
	if s.closed.Load() {
		panic("used after close")
	}
	if s.predict != nil {
		return s.predict(ctx, in)
	}
	return answers(in), nil
}

func (s *script) Zero() Input       { return Input{Matrix: [][]float64{{0}}} }
func (s *script) Columns() []string { return nil }
func (s *script) Device() string    { return "cpu" }
func (s *script) Close() error {
	if s.inside.Load() != 0 {
		panic("closed while in use")
	}
	s.closed.Store(true)
	return nil
}

func answers(in Input) []feature.Prediction {
	out := make([]feature.Prediction, in.Len())
	for i := range out {
		v := 1.0
		out[i].Value = &v
	}
	return out
}

// scripts is a runtime that hands out what load returns, called with the artifact's text.
type scripts struct {
	load func(artifact string, config spec.Model) (Model, error)
}

func (s scripts) Load(_ context.Context, artifact []byte, config spec.Model) (Model, error) {
	return s.load(string(artifact), config)
}

func newPool(t *testing.T, load func(string, spec.Model) (Model, error)) (*Pool, <-chan struct{}) {
	t.Helper()
	changed := make(chan struct{}, 1000)
	p, err := NewPool(PoolConfig{
		Runtime: scripts{load}, Retry: time.Millisecond, Limits: Limits{Running: 4, Waiting: 4},
		Fetch:   func(_ context.Context, digest string) ([]byte, error) { return []byte(digest), nil },
		Changed: func() { changed <- struct{}{} },
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close(context.Background())) })
	return p, changed
}

func want(version string) Desired { return Desired{Key: Key{"m", version, "sha256:" + version}} }

func await(t *testing.T, p *Pool, key Key) Lease {
	t.Helper()
	require.Eventually(t, func() bool { return p.Ready(key) }, patience, time.Millisecond)
	l, err := p.Acquire(key)
	require.NoError(t, err)
	return l
}

func TestPoolLoadsAndDrains(t *testing.T) {
	t.Parallel()
	m := &script{}
	p, _ := newPool(t, func(string, spec.Model) (Model, error) { return m, nil })
	_, err := p.Acquire(want("1").Key)
	require.ErrorIs(t, err, ErrNotReady)
	require.NoError(t, p.Ensure([]Desired{want("1")}))
	lease := await(t, p, want("1").Key)
	require.Equal(t, Ready, p.Statuses()[0].State)

	require.NoError(t, p.Ensure(nil))
	_, err = p.Acquire(want("1").Key)
	require.ErrorIs(t, err, ErrNotReady)
	out, err := lease.Predict(context.Background(), Input{Matrix: [][]float64{{1}, {2}}})
	require.NoError(t, err, "a call that has begun is finished")
	require.Len(t, out, 2)
	require.False(t, m.closed.Load())
	lease.Release()
	require.Eventually(t, m.closed.Load, patience, time.Millisecond)
}

func TestPoolTriesAgain(t *testing.T) {
	t.Parallel()
	var tries atomic.Int64
	p, changed := newPool(t, func(string, spec.Model) (Model, error) {
		if tries.Add(1) < 4 {
			return nil, errors.New("no such file")
		}
		return &script{}, nil
	})
	require.NoError(t, p.Ensure([]Desired{want("1")}))
	<-changed
	await(t, p, want("1").Key).Release()
	require.Equal(t, int64(4), tries.Load())
	require.Empty(t, p.Statuses()[0].Error)
}

func TestPoolKeepsLastGood(t *testing.T) {
	t.Parallel()
	good := &script{}
	failing := make(chan struct{}, 1)
	p, _ := newPool(t, func(_ string, c spec.Model) (Model, error) {
		if c.Description == "broken" {
			select {
			case failing <- struct{}{}:
			default:
			}
			return nil, errors.New("bad configuration")
		}
		return good, nil
	})
	d := want("1")
	require.NoError(t, p.Ensure([]Desired{d}))
	await(t, p, d.Key).Release()
	d.Config.Description = "broken"
	require.NoError(t, p.Ensure([]Desired{d}))
	<-failing
	require.Eventually(t, func() bool { return p.Statuses()[0].Error != "" }, patience, time.Millisecond)
	require.Equal(t, Ready, p.Statuses()[0].State)
	l := await(t, p, d.Key)
	defer l.Release()
	_, err := l.Predict(context.Background(), Input{Matrix: [][]float64{{1}}})
	require.NoError(t, err)
}

func TestPoolReplacesWithoutAGap(t *testing.T) {
	t.Parallel()
	first, second := &script{}, &script{}
	p, _ := newPool(t, func(_ string, c spec.Model) (Model, error) {
		if c.Description == "new" {
			return second, nil
		}
		return first, nil
	})
	d := want("1")
	require.NoError(t, p.Ensure([]Desired{d}))
	await(t, p, d.Key).Release()

	stop, calls := make(chan struct{}), sync.WaitGroup{}
	for range 4 {
		calls.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				l, err := p.Acquire(d.Key)
				if err != nil {
					panic(err)
				}
				if _, err := l.Predict(context.Background(), Input{Matrix: [][]float64{{1}}}); err != nil && !errors.Is(err, ErrBusy) {
					panic(err)
				}
				l.Release()
			}
		})
	}
	d.Config.Description = "new"
	require.NoError(t, p.Ensure([]Desired{d}))
	require.Eventually(t, first.closed.Load, patience, time.Millisecond)
	close(stop)
	calls.Wait()
	require.False(t, second.closed.Load())
}

func TestFailedOnZerosIsUnproven(t *testing.T) {
	t.Parallel()
	m := &script{predict: func(_ context.Context, in Input) ([]feature.Prediction, error) {
		if in.Matrix[0][0] == 0 {
			return nil, fmt.Errorf("%w: unknown category", ErrModel)
		}
		return answers(in), nil
	}}
	p, _ := newPool(t, func(string, spec.Model) (Model, error) { return m, nil })
	require.NoError(t, p.Ensure([]Desired{want("1")}))
	l := await(t, p, want("1").Key)
	defer l.Release()
	require.Contains(t, p.Statuses()[0].Error, "row of zeros")
	require.ErrorIs(t, l.Health(context.Background()), ErrUnproven)
	_, err := l.Predict(context.Background(), Input{Matrix: [][]float64{{1}}})
	require.NoError(t, err)
	require.NoError(t, l.Health(context.Background()))
}

// apart is a model in a process of its own, which a test lets end.
type apart struct {
	script
	process atomic.Pointer[Process]
}

func (a *apart) Process() (Process, bool) { return *a.process.Load(), true }

// A version whose process is gone is shown as failed, and keeps its place: calls
// fail, and are not given to another version behind the caller's back.
func TestPoolShowsProcesses(t *testing.T) {
	t.Parallel()
	m := &apart{}
	m.process.Store(&Process{PID: 7, Barriers: []string{"a limit"}})
	p, _ := newPool(t, func(string, spec.Model) (Model, error) { return m, nil })
	require.NoError(t, p.Ensure([]Desired{want("1")}))
	await(t, p, want("1").Key).Release()
	s := p.Statuses()[0]
	require.Equal(t, Ready, s.State)
	require.Equal(t, &Process{PID: 7, Barriers: []string{"a limit"}}, s.Process)

	ended := time.Now()
	m.process.Store(&Process{Down: "it crashed", Since: ended, Restarts: 3})
	s = p.Statuses()[0]
	require.Equal(t, Failed, s.State)
	require.Equal(t, "it crashed", s.Error)
	require.Equal(t, ended, s.Since)
	require.True(t, p.Ready(want("1").Key))
}
