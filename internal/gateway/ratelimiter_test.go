package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/oip/inferencepb"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// watched is a runtime that sees each batch of its models begin and end.
type watched struct {
	serving.Runtime
	begin func(model string) (end func())
}

func (w watched) Load(ctx context.Context, artifact []byte, config spec.Model) (serving.Model, error) {
	m, err := w.Runtime.Load(ctx, artifact, config)
	return watchedModel{m, config.Name, w.begin}, err
}

type watchedModel struct {
	serving.Model
	name  string
	begin func(string) func()
}

func (m watchedModel) Infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) {
	defer m.begin(m.name)()
	return m.Model.Infer(ctx, in)
}

// Two models with one resource between them never run together, and under load each has the turns that its priority says.
func TestModelsShareAResource(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	names := []string{"half", "other"}
	for _, name := range names {
		w.register(t, name, halfMatrix, spec.Classification)
	}
	var g *running
	var together, most atomic.Int32
	var loaded, over atomic.Bool
	// While it counts, a batch goes on until both have requests waiting: they compete for each turn.
	compete := func() bool {
		for _, s := range g.pool.Statuses() {
			lease, err := g.pool.Acquire(s.Key)
			if err != nil {
				return false
			}
			pending := lease.Pending()
			lease.Release()
			if pending == 0 {
				return false
			}
		}
		return true
	}
	w.runtime = watched{w.runtime, func(string) func() {
		if !loaded.Load() {
			return func() {}
		}
		most.Store(max(most.Load(), together.Add(1)))
		for tick := time.NewTicker(50 * time.Microsecond); !over.Load() && !compete(); {
			<-tick.C
		}
		return func() { together.Add(-1) }
	}}
	// Probes of health take no turn: there are none meanwhile.
	g = w.start(t, t.TempDir(), func(c *Config) { c.ModelControl, c.BeatEvery = true, time.Hour })
	require.Equal(t, 200, g.load(t, "half", `{"max_batch_size":1,"instance_group":[{"count":4,"rate_limiter":{"resources":[{"name":"slot","count":1}]}}]}`).status)
	second := g.load(t, "other", `{"max_batch_size":1,"instance_group":[{"rate_limiter":{"resources":[{"name":"slot","count":"1","global":false}],"priority":"3"}}]}`)
	require.Equal(t, 200, second.status, second.body)
	loaded.Store(true)

	const rounds = 100
	var clients sync.WaitGroup
	turns := func(name string) int {
		stats := g.get(t, "/v2/models/"+name+"/stats").body["model_stats"].([]any)[0].(map[string]any)
		return int(stats["execution_count"].(float64))
	}
	for _, name := range names {
		for range 6 {
			clients.Go(func() {
				for !over.Load() {
					if r := g.post(t, map[string]any{"model": name, "input": []float64{1, 0.5, 0.25}}); r.status != http.StatusOK {
						t.Errorf("%s: %d %v", name, r.status, r.body)
						return
					}
				}
			})
		}
	}
	require.Eventually(t, func() bool { return turns("other") >= rounds }, patience, time.Millisecond)
	first, third := turns("half"), turns("other")
	over.Store(true)
	clients.Wait()
	http.DefaultClient.CloseIdleConnections() // a server waits 5 s for those that were never used
	require.InDelta(t, 3, float64(first)/float64(third), 0.2, "%d and %d turns", first, third)
	require.EqualValues(t, 1, most.Load(), "there is one slot")

	text := g.get(t, "/metrics").body["text"].(string)
	for _, line := range []string{
		`slipway_resource_limit{device="cpu",resource="slot"} 1`, `slipway_resource_in_use{device="cpu",resource="slot"} 0`,
		`slipway_resource_wait_seconds_count{model="half",version="1"} `, `slipway_resource_wait_seconds_count{model="other",version="1"} `,
	} {
		require.True(t, strings.Contains(text, line), line)
	}
}

// What clients of model control say of a rate limiter is done, told, and can be sent back.
func TestModelControlOfTheRateLimiter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t, "half", halfMatrix, spec.Classification)
	g := w.start(t, t.TempDir(), func(c *Config) {
		c.ModelControl = true
		c.Stock = serving.Stock{"slots": {"": 2}, "memory": {serving.Everywhere: 8}}
	})
	ask := func(limiter string) reply {
		return g.load(t, "half", `{"instance_group":[{"rate_limiter":`+limiter+`}]}`)
	}
	require.Equal(t, 200, g.load(t, "half", "").status)
	config := func() any {
		return g.get(t, "/v2/models/half/config").body["instance_group"].([]any)[0].(map[string]any)["rate_limiter"]
	}
	require.Nil(t, config(), "it takes none")
	require.Equal(t, 200, ask(`{"resources":[{"name":"slots","count":2},{"name":"memory","count":"3","global":true}],"priority":4}`).status)
	want := map[string]any{"priority": 4.0, "resources": []any{
		map[string]any{"name": "memory", "count": 3.0, "global": true}, map[string]any{"name": "slots", "count": 2.0, "global": false},
	}}
	require.Equal(t, want, config())
	require.Equal(t, 200, g.load(t, "half", text(t, g.get(t, "/v2/models/half/config").body)).status, "what a server tells can be sent back")
	require.Equal(t, want, config())
	told, err := g.inference(t).ModelConfig(t.Context(), &inferencepb.ModelConfigRequest{Name: "half"})
	require.NoError(t, err)
	limiter := told.GetConfig().GetInstanceGroup()[0].GetRateLimiter()
	require.EqualValues(t, 4, limiter.GetPriority())
	require.Len(t, limiter.GetResources(), 2)
	require.Equal(t, "memory", limiter.GetResources()[0].GetName())
	require.True(t, limiter.GetResources()[0].GetGlobal())
	require.EqualValues(t, 3, limiter.GetResources()[0].GetCount())

	for name, c := range map[string]struct {
		limiter, words string
		status         int
	}{
		"too much":      {`{"resources":[{"name":"slots","count":3}]}`, `a batch takes 3 of the resource "slots", and there are 2 on each device`, 500},
		"too much, all": {`{"resources":[{"name":"memory","count":9}]}`, `a batch takes 9 of the resource "memory", and there are 8 in all`, 500},
		"not global":    {`{"resources":[{"name":"slots","count":1,"global":true}]}`, `"slots" is global: false here`, 400},
		"global":        {`{"resources":[{"name":"memory","count":1,"global":false}]}`, `"memory" is global: true here`, 400},
		"no count":      {`{"resources":[{"name":"slots"}]}`, "want 1 to 1024", 400},
		"twice":         {`{"resources":[{"name":"slots","count":1},{"name":"slots","count":1}]}`, "twice", 400},
		"no name":       {`{"resources":[{"count":1}]}`, "the name", 400},
		"priority":      {`{"priority":1025}`, "want 0 to 1024", 400},
		"unknown":       {`{"weight":1}`, "weight", 400},
	} {
		got := ask(c.limiter)
		require.Equal(t, c.status, got.status, "%s: %v", name, got.body)
		require.Contains(t, got.body["error"], c.words, name)
		require.Equal(t, want, config(), "%s: all stays as it was", name)
	}
	require.Equal(t, 200, ask(`{"resources":[]}`).status)
	require.Nil(t, config())
}

// What a release says of resources holds for the version that it brought.
func TestAReleaseStatesItsResources(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, err := os.ReadFile(halfMatrix)
	require.NoError(t, err)
	ref, err := w.store.PutBytes(t.Context(), b, "application/vnd.onnx")
	require.NoError(t, err)
	released, err := json.Marshal(ModelConfig{Model: spec.Model{
		Name: model, Version: "1", Task: spec.Classification, Deployment: spec.Deployment{Resources: spec.Resources{"slots": 2}, Priority: 3},
	}})
	require.NoError(t, err)
	_, _, err = w.RegisterModel(t.Context(), catalog.Model{Name: model, Version: "1", Digest: string(ref.Digest), Release: "r", Config: released, CreatedBy: "test"}, nil, mark("register"))
	require.NoError(t, err)
	route, err := w.StageCanary(t.Context(), model, "1", string(ref.Digest), "r", mark("stage"))
	require.NoError(t, err)
	w.promote(t, route)
	g := w.start(t, t.TempDir(), func(c *Config) { c.Stock = serving.Stock{"slots": {"": 5}} })
	g.await(t, "1", 0)
	require.Equal(t, http.StatusOK, g.post(t, map[string]any{"model": model, "input": []float64{1, 0.5, 0.25}}).status)
	require.Equal(t, []serving.Level{{Resource: "slots", Place: string(device(t)), Limit: 5}}, g.pool.Resources())
	group := g.get(t, "/v2/models/"+model+"/config").body["instance_group"].([]any)[0].(map[string]any)
	require.Equal(t, map[string]any{"priority": 3.0, "resources": []any{map[string]any{"name": "slots", "count": 2.0, "global": false}}}, group["rate_limiter"])
}

// stopped tells whether no thread of a process runs any more: the signal does not wait for that.
func stopped(t *testing.T, pid int) bool {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	require.NoError(t, err)
	require.NotEmpty(t, threads)
	for _, thread := range threads {
		b, err := os.ReadFile(thread)
		require.NoError(t, err)
		_, state, _ := strings.Cut(string(b), ") ") // after the name
		if !strings.HasPrefix(state, "T") {
			return false
		}
	}
	return true
}

// A process that dies while it has the resource gives it back: the other model goes on.
func TestAProcessDiesWithAResource(t *testing.T) {
	t.Parallel()
	w := processes(t)
	for _, name := range []string{"half", "other"} {
		w.register(t, name, halfMatrix, spec.Classification)
	}
	g := w.start(t, t.TempDir(), func(c *Config) { c.ModelControl = true })
	for _, name := range []string{"half", "other"} {
		require.Equal(t, 200, g.load(t, name, `{"instance_group":[{"rate_limiter":{"resources":[{"name":"slot","count":1}]}}]}`).status)
	}
	pid := 0
	for _, s := range g.pool.Statuses() {
		if s.Model == "half" {
			pid = s.Process.PID
		}
	}
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	require.Eventually(t, func() bool { return stopped(t, pid) }, patience, time.Millisecond)
	ask := func(name string) <-chan reply {
		out := make(chan reply, 1)
		go func() { out <- g.post(t, map[string]any{"model": name, "input": []float64{1, 0.5, 0.25}}) }()
		return out
	}
	held := ask("half")
	used := func() int { return g.pool.Resources()[0].Used }
	require.Eventually(t, func() bool { return used() == 1 }, patience, time.Millisecond)
	waiting := ask("other")
	pending := func() int {
		for _, s := range g.pool.Statuses() {
			if s.Model == "other" {
				lease, err := g.pool.Acquire(s.Key)
				require.NoError(t, err)
				defer lease.Release()
				return lease.Pending()
			}
		}
		return 0
	}
	require.Eventually(t, func() bool { return pending() == 1 }, patience, time.Millisecond)
	require.Equal(t, 1, used(), "the stopped model has the slot")
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	require.Equal(t, http.StatusServiceUnavailable, (<-held).status)
	got := <-waiting
	require.Equal(t, http.StatusOK, got.status, got.body)
	require.Eventually(t, func() bool { return used() == 0 }, patience, time.Millisecond)
}
