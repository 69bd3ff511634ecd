package modelserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/sandbox"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// poison is the value on which a model of a test shows what it is.
const poison = 13

// tricks are what models of tests do on poison. They take x, float32 [rows,1], and
// answer y of the same form, x + 1.
var tricks = map[string]func(conn net.Conn) []string{
	"crash":   func(net.Conn) []string { _ = syscall.Kill(os.Getpid(), syscall.SIGSEGV); select {} },
	"panic":   func(net.Conn) []string { panic("no such weight") },
	"exit":    func(net.Conn) []string { os.Exit(0); return nil },
	"hang":    func(net.Conn) []string { select {} },
	"freeze":  func(net.Conn) []string { _ = syscall.Kill(os.Getpid(), syscall.SIGSTOP); select {} },
	"garbage": func(c net.Conn) []string { _, _ = c.Write([]byte(strings.Repeat("\x00garbage", 1000))); select {} },
	"close":   func(c net.Conn) []string { _ = c.Close(); select {} },
	"greedy": func(net.Conn) []string {
		var held [][]byte
		for {
			b := make([]byte, 16<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			held = append(held, b)
			runtime.KeepAlive(held)
		}
	},
}

// trick is the model of a test.
type trick struct {
	conn net.Conn
	show func(net.Conn) []string
}

func (trick) Inputs() []onnx.Info {
	return []onnx.Info{{Name: "x", Type: onnx.Float32, Shape: []int64{-1, 1}}}
}

func (trick) Outputs() []onnx.Info {
	return []onnx.Info{{Name: "y", Type: onnx.Float32, Shape: []int64{-1, 1}}}
}

func (trick) Device() string { return "cpu" }

func (trick) Close() error { return nil }

func (m trick) Infer(_ context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) {
	in, err := onnx.Arrange(m.Inputs(), in)
	if err != nil {
		return nil, err
	}
	out := onnx.Tensor{Name: "y", Type: onnx.Float32, Shape: in[0].Shape}
	for _, x := range in[0].Floats {
		if x == poison {
			m.show(m.conn)
		}
		out.Floats = append(out.Floats, x+1)
	}
	return []onnx.Tensor{out}, nil
}

// serveTrick is serveONNX, but for models that are named like a trick. Those are
// not confined: what they do is what a model that broke out could do.
func serveTrick(c *sandbox.Child) error {
	var r ownRequest
	if err := json.Unmarshal(c.Request, &r); err != nil {
		return err
	}
	show, ok := tricks[r.Model.Name]
	if !ok {
		return serveONNX(c)
	}
	conn, err := net.FileConn(c.Files[ownConnection])
	if err := errors.Join(err, c.Files[ownConnection].Close()); err != nil {
		return err
	}
	s := newServer(trick{conn, show}, r.Model.Name, r.Model.Version)
	s.overstay = 20 * time.Millisecond
	go servePipe(c.Files[ownLanes:], c.Files[ownCancels], s)
	return serve(conn, s)
}

// quick are settings under which a test need not wait.
func quick(t testing.TB) Config {
	return Config{
		Device: onnx.DeviceCPU, Threads: 1, Memory: 512 << 20, CheckEvery: 50 * time.Millisecond, CheckTimeout: time.Second, Pause: 10 * time.Millisecond,
		MaxPause: 100 * time.Millisecond, Logger: logger(t),
	}
}

func column(values ...float32) []onnx.Tensor {
	return []onnx.Tensor{{Name: "x", Type: onnx.Float32, Shape: []int64{int64(len(values)), 1}, Floats: values}}
}

func named(name string) spec.Model {
	return spec.Model{Name: name, Version: "1", Task: spec.Regression}
}

func load(t testing.TB, r serving.Runtime, artifact []byte, config spec.Model) serving.Model {
	t.Helper()
	m, err := r.Load(t.Context(), artifact, config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return m
}

func processOf(t testing.TB, m serving.Model) serving.Process {
	t.Helper()
	p, ok := m.(serving.Supervised).Process()
	require.True(t, ok)
	return p
}

// neighbour predicts without a pause until the test ends, and must not notice anything.
func neighbour(t *testing.T, r serving.Runtime) {
	t.Helper()
	m := load(t, r, example(t), spec.Model{Name: "neighbour", Version: "1", Task: spec.Classification})
	in, err := m.Tensors(exampleRow())
	require.NoError(t, err)
	want, err := m.Infer(t.Context(), in)
	require.NoError(t, err)
	pid := processOf(t, m).PID
	var answers atomic.Int64
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			out, err := m.Infer(context.Background(), in)
			if err != nil || !slices.EqualFunc(out, want, func(a, b onnx.Tensor) bool { return slices.Equal(a.Floats, b.Floats) && slices.Equal(a.Ints, b.Ints) }) {
				stopped <- fmt.Errorf("answer %d: %v, %w", answers.Load(), out, err)
				return
			}
			answers.Add(1)
		}
	}()
	t.Cleanup(func() {
		before := answers.Load()
		require.Eventually(t, func() bool { return answers.Load() > before || len(stopped) > 0 }, patience, time.Millisecond)
		close(stop)
		require.NoError(t, <-stopped)
		p := processOf(t, m)
		require.Equal(t, pid, p.PID)
		require.Zero(t, p.Restarts)
	})
}

// A model that breaks its process, in any way, fails its own calls at once and is
// there again; its neighbours serve on.
func TestHostileModels(t *testing.T) {
	t.Parallel()
	r, err := NewONNX(quick(t))
	require.NoError(t, err)
	neighbour(t, r)
	for name, want := range map[string]string{
		"crash": "SIGSEGV", "panic": "no such weight", "exit": "ended before its work was done", "hang": "not ready any more", "freeze": "did not answer",
		"garbage": "broke its connection", "close": "broke its connection", "greedy": "of memory that it may use",
	} {
		t.Run(name, func(t *testing.T) {
			m := load(t, r, nil, named(name))
			first := processOf(t, m).PID
			for round := range uint64(2) {
				out, err := m.Infer(t.Context(), column(1, 2))
				require.NoError(t, err)
				require.Equal(t, []float32{2, 3}, out[0].Floats)
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				if name == "hang" || name == "freeze" { // these calls end with who waits for them
					ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
				}
				_, err = m.Infer(ctx, column(poison))
				cancel()
				if name == "hang" || name == "freeze" {
					require.ErrorIs(t, err, context.DeadlineExceeded)
				} else {
					require.ErrorIs(t, err, serving.ErrNotReady)
					require.ErrorContains(t, err, want)
				}
				why := ""
				require.Eventually(t, func() bool {
					_, err := m.Infer(t.Context(), column(1))
					if err != nil {
						why = err.Error()
						assert.ErrorIs(t, err, serving.ErrNotReady)
					}
					return err == nil && processOf(t, m).Restarts == round+1
				}, patience, time.Millisecond)
				require.Contains(t, why, want)
			}
			require.NotEqual(t, first, processOf(t, m).PID)
			require.ErrorIs(t, syscall.Kill(first, 0), syscall.ESRCH)
		})
	}
}

// Calls that are inside when the process ends are answered at once, all of them.
func TestCallsInsideFail(t *testing.T) {
	t.Parallel()
	r, err := NewONNX(quick(t))
	require.NoError(t, err)
	m := load(t, r, testdata(t, "endless"), named("endless"))
	const calls = 5
	errs := make(chan error, calls)
	for range calls {
		go func() {
			_, err := m.Infer(context.Background(), column(1e9))
			errs <- err
		}()
	}
	pid := processOf(t, m).PID
	require.Eventually(t, func() bool { return cpuTime(t, pid) > 0 }, patience, time.Millisecond)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	for range calls {
		err := <-errs
		require.ErrorIs(t, err, serving.ErrNotReady)
		require.ErrorContains(t, err, "SIGKILL")
	}
}

// A real model that asks for enormous memory fails its call, and no other model's.
func TestGreedyModel(t *testing.T) {
	t.Parallel()
	r, err := NewONNX(quick(t))
	require.NoError(t, err)
	neighbour(t, r)
	m := load(t, r, testdata(t, "greedy"), named("greedy-model"))
	for _, size := range []float32{4e9, 2e8} { // 16 GB: refused; 0.8 GB: refused, or killed on the way
		_, err = m.Infer(t.Context(), column(size))
		require.Error(t, err)
		require.True(t, isAny(err, serving.ErrModel, serving.ErrNotReady), "%v", err)
		require.Eventually(t, func() bool {
			out, err := m.Infer(t.Context(), column(1))
			return err == nil && out[0].Floats[0] == 1
		}, patience, time.Millisecond)
	}
}
