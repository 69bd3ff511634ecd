package gateway

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/modelserver"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/sandbox"
	"github.com/slipway-ml/slipway/internal/serving"
)

// TestMain makes the test binary the process of a model.
func TestMain(m *testing.M) {
	sandbox.Serve(modelserver.Entries())
	os.Exit(m.Run())
}

// processes is a world whose models have processes of their own.
func processes(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	r, err := modelserver.NewONNX(modelserver.Config{Device: onnx.DeviceCPU, Threads: 1, Memory: 1 << 30, Pause: 10 * time.Millisecond, MaxPause: 100 * time.Millisecond})
	require.NoError(t, err)
	w.runtime = r
	return w
}

func (r *running) process(version string) serving.Process {
	for _, s := range r.pool.Statuses() {
		if s.Version == version && s.Process != nil {
			return *s.Process
		}
	}
	return serving.Process{}
}

// While one process takes over from another no request is lost, and the old one is gone afterwards.
func TestProcessesAreSwappedWithoutLoss(t *testing.T) {
	t.Parallel()
	w := processes(t)
	w.promote(t, w.shift(t, w.stage(t, "1.0.0"), 1000))
	g := w.start(t, t.TempDir(), nil)
	g.await(t, "1.0.0", 0)
	old := g.process("1.0.0").PID
	require.NotZero(t, old)
	body := map[string]any{"model": model, "input": rows(t, "test.csv")[0]}
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if r := g.post(t, body); r.status != http.StatusOK {
					t.Errorf("a request was lost: %d %v", r.status, r.body)
					return
				}
			}
		})
	}
	next := w.stage(t, "1.1.0")
	g.await(t, "1.1.0", 0)
	w.promote(t, w.shift(t, w.shift(t, next, 500), 1000))
	require.Eventually(t, func() bool { return g.table.Routes()[model].Stable == "1.1.0" }, patience, time.Millisecond)
	// The version before stays warm; a third one takes its place.
	w.promote(t, w.shift(t, w.stage(t, "1.2.0"), 1000))
	require.Eventually(t, func() bool { return g.table.Routes()[model].Stable == "1.2.0" && syscall.Kill(old, 0) != nil }, patience, time.Millisecond)
	close(stop)
	clients.Wait()
}

// A process that is killed is seen everywhere, and there again by itself.
func TestAProcessIsKilled(t *testing.T) {
	t.Parallel()
	w := processes(t)
	w.promote(t, w.shift(t, w.stage(t, "1.0.0"), 1000))
	g := w.start(t, t.TempDir(), nil)
	g.await(t, "1.0.0", 0)
	body := map[string]any{"model": model, "input": rows(t, "test.csv")[0]}
	require.Equal(t, http.StatusOK, g.post(t, body).status)
	first := g.process("1.0.0")
	require.NotEmpty(t, first.Barriers)
	require.Equal(t, http.StatusOK, g.get(t, "/v2/models/"+model+"/ready").status)

	require.NoError(t, syscall.Kill(first.PID, syscall.SIGKILL))
	refused := g.post(t, body)
	if refused.status != http.StatusOK { // it may be there again already
		require.Equal(t, http.StatusServiceUnavailable, refused.status, "%v", refused.body)
		require.Equal(t, "1", refused.header.Get("Retry-After"))
		require.Contains(t, refused.body["error"], "its process has ended")
	}
	require.Eventually(t, func() bool { return g.post(t, body).status == http.StatusOK && g.process("1.0.0").Restarts == 1 }, patience, time.Millisecond)
	require.NotEqual(t, first.PID, g.process("1.0.0").PID)

	health := g.get(t, "/health")
	require.Equal(t, http.StatusOK, health.status)
	require.Contains(t, fmt.Sprint(health.body), "restarts:1")
	text := g.get(t, "/metrics").body["text"].(string)
	for _, line := range []string{
		`slipway_model_process_up{model="credit-risk",version="1.0.0"} 1`, `slipway_model_process_restarts_total{model="credit-risk",version="1.0.0"} 1`,
		`slipway_model_process_resident_bytes{model="credit-risk",version="1.0.0"}`,
	} {
		require.True(t, strings.Contains(text, line), line)
	}
}

// What is kept is answered whatever becomes of the process that once answered it.
func TestKeptAnswersOutliveTheProcess(t *testing.T) {
	t.Parallel()
	w := processes(t)
	w.promote(t, w.shift(t, w.stage(t, "1.0.0", cached), 1000))
	g := w.start(t, t.TempDir(), nil)
	g.await(t, "1.0.0", 0)
	body := map[string]any{"model": model, "input": rows(t, "test.csv")[0]}
	require.Equal(t, http.StatusOK, g.post(t, body).status)
	require.NoError(t, syscall.Kill(g.process("1.0.0").PID, syscall.SIGKILL))
	require.Eventually(t, func() bool {
		require.Equal(t, http.StatusOK, g.post(t, body).status)
		return g.process("1.0.0").Restarts == 1
	}, patience, time.Millisecond)
	require.EqualValues(t, 1, g.counted(t, model, "1.0.0").Executions)
}
