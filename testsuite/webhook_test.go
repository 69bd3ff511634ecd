package testsuite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/webhook"
)

// daemonKills is how often TestWebhooksSurviveKills kills the daemon.
const daemonKills = 4

// hookLog is a receiver that is out of order at first: it says 503, then it hangs.
type hookLog struct {
	mu       sync.Mutex
	attempts int
	ids      []string // in the order of the first time that each was accepted
	bodies   map[string]string
	bad      []string
}

func (h *hookLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	seconds, _ := strconv.ParseInt(r.Header.Get(webhook.HeaderTimestamp), 10, 64)
	id := r.Header.Get(webhook.HeaderDelivery)
	h.mu.Lock()
	h.attempts++
	n := h.attempts
	if was, known := h.bodies[id]; known && was != string(body) {
		h.bad = append(h.bad, "another body under the same id "+id)
	}
	if r.Header.Get(webhook.HeaderSignature) != webhook.Sign([]byte("hush"), id, time.Unix(seconds, 0), body) {
		h.bad = append(h.bad, "not signed: "+id)
	}
	h.mu.Unlock()
	switch {
	case n <= 2:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case n == 3:
		<-r.Context().Done()
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, known := h.bodies[id]; !known {
		h.ids = append(h.ids, id)
	}
	h.bodies[id] = string(body)
}

func (h *hookLog) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.ids)
}

// TestWebhooksSurviveKills kills -9 the daemon while a receiver fails, hangs and recovers: every
// event arrives, in order, under one id and signed.
func TestWebhooksSurviveKills(t *testing.T) {
	t.Parallel()
	h := &hookLog{bodies: map[string]string{}}
	receiver := httptest.NewServer(h)
	t.Cleanup(receiver.Close)
	c := startClusterWith(t, "", "", "SLIPWAY_WEBHOOK_NETWORKS=127.0.0.1")
	post := func(path string, body map[string]any) bool {
		text, err := json.Marshal(body)
		require.NoError(t, err)
		answer, err := http.Post(c.control+"/api/2.0/mlflow/"+path, "application/json", bytes.NewReader(text))
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}
	require.True(t, post("webhooks", map[string]any{"name": "ci", "url": receiver.URL, "secret": "hush",
		"events": []map[string]string{{"entity": "MODEL_VERSION", "action": "CREATED"}, {"entity": "MODEL_VERSION_ALIAS", "action": "CREATED"}}}))
	require.True(t, post("registered-models/create", map[string]any{"name": "m"}))
	versions := 0
	register := func(n int) {
		for range n {
			require.True(t, post("model-versions/create", map[string]any{"name": "m", "source": "s3://m"}))
			versions++
		}
		require.True(t, post("registered-models/alias", map[string]any{"name": "m", "alias": "best", "version": fmt.Sprint(versions)}))
	}
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	for kill := range daemonKills {
		register(10)
		before := h.count()
		// The first kills meet the receiver out of order, the later ones deliveries under way.
		if kill > 1 {
			require.Eventually(t, func() bool { return h.count() > before }, 2*time.Minute, 5*time.Millisecond, "deliveries stopped")
		}
		waitFor(func() bool { return false }, time.Duration(random.IntN(100))*time.Millisecond)
		c.daemon.kill()
		c.daemon.start()
		_ = c.daemon.ready()
	}
	register(10)
	want := versions + daemonKills + 1
	require.Eventually(t, func() bool { return h.count() == want }, 3*time.Minute, 50*time.Millisecond, "%d of %d arrived", h.count(), want)
	require.Empty(t, h.bad)

	// What arrived is what the audit log says, in its order.
	cat := c.openCatalog()
	events, err := cat.Events(t.Context(), catalog.EventFilter{SubjectPrefix: "model/"})
	require.NoError(t, err)
	var told []string
	for _, e := range events {
		notices, err := webhook.Notices(t.Context(), cat, e)
		require.NoError(t, err)
		for _, n := range notices {
			if n.Event == webhook.VersionCreated || n.Event == webhook.VersionAliasCreated {
				data, err := json.Marshal(n.Data)
				require.NoError(t, err)
				told = append(told, string(data))
			}
		}
	}
	var arrived []string
	for _, id := range h.ids {
		var body struct{ Data json.RawMessage }
		require.NoError(t, json.Unmarshal([]byte(h.bodies[id]), &body))
		arrived = append(arrived, string(body.Data))
	}
	require.Equal(t, told, arrived)
	t.Logf("%d notices, %d attempts, %d kills", want, h.attempts, daemonKills)

	// One workflow delivers, however often a daemon was started.
	tc := c.client()
	id := contract.DeliverID(contract.ConsumerWebhooks)
	open, err := tc.DescribeWorkflowExecution(t.Context(), id, "")
	require.NoError(t, err)
	run := open.GetWorkflowExecutionInfo().GetExecution().GetRunId()
	require.Equal(t, run, open.GetWorkflowExecutionInfo().GetFirstRunId())
	require.NoError(t, tc.CancelWorkflow(t.Context(), id, run))
	require.Error(t, tc.GetWorkflow(t.Context(), id, run).Get(t.Context(), nil), "cancelled")
	c.record(id, "deliver", "cancelled")
}
