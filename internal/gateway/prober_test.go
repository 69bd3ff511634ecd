package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// moody runs models that can be told to fail; it counts how often they run.
type moody struct {
	serving.Runtime // of the models; nil: they add up a column
	ill             atomic.Bool
	stuck           atomic.Bool
	runs            atomic.Int64
}

func (m *moody) Load(ctx context.Context, artifact []byte, config spec.Model) (serving.Model, error) {
	if m.Runtime == nil {
		return serving.NewModel(&moodySession{moody: m, Session: sum{}}, config)
	}
	inner, err := m.Runtime.Load(ctx, artifact, config)
	if err != nil {
		return nil, err
	}
	return &moodyModel{Model: inner, moody: m}, nil
}

func (m *moody) mood(ctx context.Context) error {
	m.runs.Add(1)
	if m.stuck.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	if m.ill.Load() {
		return fmt.Errorf("%w: out of sorts", serving.ErrModel)
	}
	return nil
}

type moodyModel struct {
	serving.Model
	moody *moody
}

func (m *moodyModel) Infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) {
	if err := m.moody.mood(ctx); err != nil {
		return nil, err
	}
	return m.Model.Infer(ctx, in)
}

type moodySession struct {
	serving.Session
	moody *moody
}

func (s *moodySession) Infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) {
	if err := s.moody.mood(ctx); err != nil {
		return nil, err
	}
	return s.Session.Infer(ctx, in)
}

// sum is a model that answers its only column.
type sum struct{}

func (sum) Inputs() []onnx.Info {
	return []onnx.Info{{Name: "x", Type: onnx.Float64, Shape: []int64{-1, 1}}}
}

func (sum) Outputs() []onnx.Info {
	return []onnx.Info{{Name: "y", Type: onnx.Float64, Shape: []int64{-1, 1}}}
}

func (sum) Infer(_ context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) {
	out := in[0]
	out.Name = "y"
	return []onnx.Tensor{out}, nil
}
func (sum) Device() string { return "cpu" }
func (sum) Close() error   { return nil }

// A version is run every interval, every second while it fails, and soon after a request failed on it.
func TestVersionsAreCheckedAtTheirInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &moody{}
		var p *prober
		pool, err := serving.NewPool(serving.PoolConfig{
			Runtime: m, Fetch: func(context.Context, string) ([]byte, error) { return nil, nil },
			Changed: func() { p.changed() }, Logger: slog.New(slog.DiscardHandler),
		})
		require.NoError(t, err)
		key, other := serving.Key{Model: "m", Version: "1"}, serving.Key{Model: "m", Version: "2"}
		intervals := map[serving.Key]time.Duration{key: 30 * time.Second, other: time.Millisecond}
		p = newProber(pool, func(k serving.Key) time.Duration { return intervals[k] }, 10*time.Second, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { p.run(ctx); close(done) }()
		config := spec.Model{Task: spec.Regression, Deployment: spec.Deployment{BatchSize: 1}}
		require.NoError(t, pool.Ensure([]serving.Desired{{Key: key, Config: config}}))
		synctest.Wait()
		after := func(d time.Duration) int64 { // how often the model has run in it
			m.runs.Store(0)
			time.Sleep(d)
			synctest.Wait()
			return m.runs.Load()
		}
		require.NoError(t, p.verdict(key))
		last, ok := p.last(key)
		require.True(t, ok)
		require.Equal(t, time.Now(), last.at, "the warm-up is the first check")

		require.EqualValues(t, 0, after(29*time.Second))
		require.EqualValues(t, 1, after(2*time.Second))
		require.EqualValues(t, 10, after(300*time.Second), "ten intervals")

		m.ill.Store(true)
		require.EqualValues(t, 1, after(29500*time.Millisecond))
		require.ErrorIs(t, p.verdict(key), serving.ErrNotReady)
		require.ErrorContains(t, p.verdict(key), "out of sorts")
		require.Equal(t, serving.Failed, p.statuses()[0].State)
		require.True(t, pool.Ready(key), "which route is in force does not depend on it")
		require.EqualValues(t, 10, after(10*time.Second), "every second until it is well")
		m.ill.Store(false)
		require.EqualValues(t, 1, after(2*time.Second))
		require.NoError(t, p.verdict(key))
		require.Equal(t, serving.Ready, p.statuses()[0].State)

		after(10 * time.Second)
		m.ill.Store(true)
		require.NoError(t, p.verdict(key), "nobody has noticed")
		p.suspect(key)
		synctest.Wait()
		require.Error(t, p.verdict(key), "a request that failed has it checked at once")
		for range 100 {
			p.suspect(key)
		}
		require.EqualValues(t, 1, after(time.Second), "once a second at most")
		m.ill.Store(false)
		after(2 * time.Second)

		m.stuck.Store(true)
		require.EqualValues(t, 1, after(30*time.Second))
		after(10 * time.Second)
		require.ErrorContains(t, p.verdict(key), "no answer to a health check within 10s")
		m.stuck.Store(false)
		after(12 * time.Second)
		require.NoError(t, p.verdict(key))

		require.NoError(t, pool.Ensure([]serving.Desired{{Key: other, Config: config}}))
		synctest.Wait()
		_, ok = p.last(key)
		require.False(t, ok, "a version that is dropped is forgotten")
		require.EqualValues(t, 5, after(5*time.Second), "an interval below a second is one of a second")
		stop()
		<-done
		require.NoError(t, pool.Close(context.Background()))
	})
}

// A version that fails its check is not ready, wherever one asks; its route stays, and what it can answer is answered.
func TestAVersionFailsItsCheck(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := &moody{Runtime: w.runtime}
	w.runtime = m
	route := w.promote(t, w.stage(t, "1.0.0"))
	g := w.start(t, t.TempDir(), nil)
	g.await(t, "1.0.0", 0)
	ready := func() int { return g.get(t, "/v2/models/"+model+"/ready").status }
	row := map[string]any{"input": rows(t, "test.csv")[0]}
	require.Equal(t, http.StatusOK, g.post(t, row).status)
	require.Equal(t, http.StatusOK, ready())
	check := func() map[string]any {
		h := g.get(t, "/health").body["models"].(map[string]any)[model].(map[string]any)
		return h["versions"].([]any)[0].(map[string]any)
	}
	require.Equal(t, true, check()["check"].(map[string]any)["ok"])
	require.EqualValues(t, 30, check()["check"].(map[string]any)["interval_seconds"])

	m.ill.Store(true)
	require.Equal(t, http.StatusInternalServerError, g.post(t, row).status)
	require.Eventually(t, func() bool { return ready() == http.StatusServiceUnavailable }, patience, time.Millisecond)
	require.Equal(t, http.StatusServiceUnavailable, g.get(t, "/health").status)
	require.Equal(t, "failed", check()["state"])
	require.Equal(t, false, check()["check"].(map[string]any)["ok"])
	require.Contains(t, check()["error"], "out of sorts")
	require.Contains(t, g.index(t)[model+"/1.0.0"], "UNAVAILABLE")
	require.Equal(t, http.StatusOK, g.get(t, "/v2/models/"+model).status, "it is still described")
	require.True(t, strings.Contains(g.get(t, "/metrics").body["text"].(string), `slipway_health_check_ok{model="credit-risk",version="1.0.0"} 0`))
	require.Eventually(t, func() bool { return w.state(t, route.StableDigest) == catalog.InstanceFailed }, patience, time.Millisecond)
	require.Equal(t, "1.0.0", g.table.Routes()[model].Stable)

	m.ill.Store(false)
	require.Equal(t, http.StatusOK, g.post(t, row).status)
	require.Eventually(t, func() bool { return ready() == http.StatusOK }, patience, time.Millisecond)
	require.Equal(t, http.StatusOK, g.get(t, "/health").status)
	require.Eventually(t, func() bool { return w.state(t, route.StableDigest) == catalog.InstanceReady }, patience, time.Millisecond)
	require.True(t, strings.Contains(g.get(t, "/metrics").body["text"].(string), `slipway_health_check_ok{model="credit-risk",version="1.0.0"} 1`))
}

// state is what the catalog knows of a digest on its only gateway.
func (w *world) state(t testing.TB, digest string) string {
	t.Helper()
	instances, err := w.Instances(context.Background(), digest)
	require.NoError(t, err)
	require.Len(t, instances, 1)
	return instances[0].State
}
