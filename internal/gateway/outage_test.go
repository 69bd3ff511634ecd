package gateway

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// A new production version whose bytes can't be had: the old one serves on,
// and the new one takes over once it can.
func TestProductionWaitsUntilLoaded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.promote(t, w.stage(t, "1.0.0"))
	g := w.start(t, t.TempDir(), nil)
	g.await(t, "1.0.0", 0)
	row := rows(t, "test.csv")[0]
	w.blobsDown.Store(true)
	route := w.promote(t, w.stage(t, "1.1.0"))
	require.Eventually(t, func() bool { return g.table.Newest()[0].Rev == route.Rev }, patience, time.Millisecond)
	got := g.post(t, map[string]any{"input": row})
	require.Equal(t, 200, got.status)
	require.Equal(t, "1.0.0", got.body["version"])
	w.blobsDown.Store(false)
	g.await(t, "1.1.0", 0)
	require.Equal(t, "1.1.0", g.post(t, map[string]any{"input": row}).body["version"])
}

// Five releases and three roll-backs under load: not one request fails.
func TestNoRequestFailsWhileRoutesMove(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.promote(t, w.stage(t, "1.0.0"))
	g := w.start(t, t.TempDir(), nil)
	g.await(t, "1.0.0", 0)
	row := rows(t, "test.csv")[0]
	stop, clients, served := make(chan struct{}), sync.WaitGroup{}, atomic.Int64{}
	var bad atomic.Pointer[reply]
	for range 3 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if got := g.post(t, map[string]any{"input": row}); got.status != http.StatusOK {
					bad.CompareAndSwap(nil, &got)
				}
				served.Add(1)
			}
		})
	}
	model, err := os.ReadFile(filepath.Join(creditRisk, "models", "1.1.0.onnx"))
	require.NoError(t, err)
	for i, version := range []string{"2.0.0", "2.1.0", "2.2.0", "2.3.0", "2.4.0", "2.5.0", "2.6.0", "2.7.0"} {
		route := w.stageBytes(t, version, model)
		route = w.shift(t, route, 250)
		g.await(t, version, 250)
		if i%3 == 2 {
			_, err := w.ClearCanary(context.Background(), route.Model, route.Release, mark("clear-"+version))
			require.NoError(t, err)
			require.Eventually(t, func() bool { return !g.ready(version) }, patience, time.Millisecond)
			continue
		}
		w.promote(t, w.shift(t, route, 1000))
		g.await(t, version, 0)
	}
	close(stop)
	clients.Wait()
	require.Nil(t, bad.Load())
	require.Positive(t, served.Load())
}

func TestDamagedStateIsMadeAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	state := t.TempDir()
	w.promote(t, w.stage(t, "1.0.0"))
	g := w.start(t, state, nil)
	g.await(t, "1.0.0", 0)
	require.NoError(t, g.stop())
	files, err := filepath.Glob(filepath.Join(state, "gateway", "models", "*.onnx"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	require.NoError(t, os.WriteFile(files[0], []byte("torn"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(state, "gateway", "last-good.json"), []byte(`{"format": 1, "newest": [`), 0o600))
	again := w.start(t, state, nil)
	again.await(t, "1.0.0", 0)
	require.Equal(t, 200, again.post(t, map[string]any{"input": rows(t, "test.csv")[0]}).status)
}

// slow is a model that answers when the test says so, on top of the real runtime.
type slow struct {
	serving.Model
	entered chan struct{}
	leave   chan struct{}
}

func (s slow) Infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) {
	age := slices.IndexFunc(in, func(t onnx.Tensor) bool { return t.Name == "age" })
	if in[age].Numbers()[0] != 0 { // not the warm-up's zeros
		select {
		case s.entered <- struct{}{}:
		default:
		}
		select {
		case <-s.leave:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return s.Model.Infer(ctx, in)
}

type slowRuntime struct {
	serving.Runtime
	entered, leave chan struct{}
}

func (r slowRuntime) Load(ctx context.Context, b []byte, c spec.Model) (serving.Model, error) {
	m, err := r.Runtime.Load(ctx, b, c)
	if err != nil {
		return nil, err
	}
	return slow{m, r.entered, r.leave}, nil
}

func TestStopFinishesRequestsInFlight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rt := slowRuntime{w.runtime, make(chan struct{}, 1), make(chan struct{})}
	w.promote(t, w.stage(t, "1.0.0"))
	g := w.start(t, t.TempDir(), func(c *Config) { c.Runtime = rt })
	g.await(t, "1.0.0", 0)
	answered := make(chan reply, 1)
	row := rows(t, "test.csv")[0]
	go func() { answered <- g.post(t, map[string]any{"input": row}) }()
	<-rt.entered
	stopped := make(chan error, 1)
	go func() { stopped <- g.stop() }()
	require.Eventually(t, func() bool {
		_, err := http.Get(g.url + "/health") //nolint:noctx // it is meant to be refused
		return err != nil
	}, patience, time.Millisecond, "no new connections")
	close(rt.leave)
	require.Equal(t, 200, (<-answered).status)
	require.NoError(t, <-stopped)
	traffic, err := w.Traffic(context.Background(), model, "1.0.0", 0)
	require.NoError(t, err)
	require.Len(t, traffic, 1)
	require.Equal(t, int64(1), traffic[0].OK, "counted although it ended after the stop")
}

func TestNoAnswerInTimeIsTheModelsFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rt := slowRuntime{w.runtime, make(chan struct{}, 10), make(chan struct{})}
	w.promote(t, w.stage(t, "1.0.0"))
	g := w.start(t, t.TempDir(), func(c *Config) {
		c.Runtime, c.PredictTimeout, c.Limits = rt, 50*time.Millisecond, serving.Limits{Running: 1, Waiting: 1}
	})
	g.await(t, "1.0.0", 0)
	got := g.post(t, map[string]any{"input": rows(t, "test.csv")[0]})
	require.Equal(t, 500, got.status)
	require.Contains(t, got.body["error"], "no answer within 50ms")
	require.NoError(t, g.stop())
	traffic, err := w.Traffic(context.Background(), model, "1.0.0", 0)
	require.NoError(t, err)
	require.Len(t, traffic, 1)
	require.Equal(t, int64(1), traffic[0].Errors)
}
