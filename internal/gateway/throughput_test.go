package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/oip/inferencepb"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// limited are configurations of versions with what each may get a second.
func limited(limits map[serving.Key]float64) *map[serving.Key]ModelConfig {
	out := map[serving.Key]ModelConfig{}
	for key, v := range limits {
		out[key] = ModelConfig{Model: spec.Model{Deployment: spec.Deployment{MaxThroughput: v, LimitThroughput: true}}}
	}
	return &out
}

// A version gets what a second allows at once, and then as many as time allows.
func TestThroughputOverTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fast, slow, free := serving.Key{Model: "fast"}, serving.Key{Model: "slow"}, serving.Key{Model: "free"}
		limits := &throughput{}
		configs := limited(map[serving.Key]float64{fast: 500, slow: 0.5})
		(*configs)[free] = ModelConfig{Model: spec.Model{Deployment: spec.Deployment{MaxThroughput: 1}}}
		taken := func(key serving.Key) (n int) {
			for n < 2000 && limits.of(key, configs).Allow() {
				n++
			}
			return n
		}
		require.Nil(t, limits.of(free, configs), "what is on record only limits nothing")
		require.Equal(t, 500, taken(fast))
		require.Equal(t, 1, taken(slow), "one at least")
		require.Zero(t, taken(fast))
		time.Sleep(100 * time.Millisecond)
		require.Equal(t, 50, taken(fast))
		configs = limited(map[serving.Key]float64{fast: 500, slow: 2})
		require.Zero(t, taken(fast), "a look at the catalog gives nothing anew")
		require.Equal(t, 2, taken(slow), "another limit does")
		time.Sleep(time.Hour)
		require.Equal(t, 500, taken(fast), "nobody saves up more than a second's")
	})
}

// Requests above the limit are refused at once by every way in, say why and count as nobody's failure.
func TestThroughputIsLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, err := os.ReadFile(filepath.Join(creditRisk, "models", "1.0.0.onnx"))
	require.NoError(t, err)
	ref, err := w.store.PutBytes(t.Context(), b, "application/vnd.onnx")
	require.NoError(t, err)
	config, err := json.Marshal(spec.Model{Name: model, Version: "1.0.0", Task: spec.Classification, Deployment: spec.Deployment{BatchSize: 8, MaxThroughput: 0.0001, LimitThroughput: true}})
	require.NoError(t, err)
	_, _, err = w.RegisterModel(t.Context(), catalog.Model{Name: model, Version: "1.0.0", Digest: string(ref.Digest), Release: "r", Config: config, CreatedBy: "test"}, nil, mark("register"))
	require.NoError(t, err)
	route, err := w.StageCanary(t.Context(), model, "1.0.0", string(ref.Digest), "r", mark("stage"))
	require.NoError(t, err)
	w.promote(t, w.shift(t, route, 1000))
	g := w.start(t, t.TempDir(), nil)
	g.await(t, "1.0.0", 0)
	table := rows(t, "test.csv")
	require.Equal(t, http.StatusOK, g.post(t, map[string]any{"input": table[0]}).status)
	const why = "deployment.max_throughput is 0.0001 a second"
	for _, path := range []string{"/predict", inferPath, "/v2/models/" + model + "/versions/1.0.0/infer"} {
		refused := g.send(t, path, text(t, map[string]any{"input": table[0]}))
		require.Equal(t, http.StatusServiceUnavailable, refused.status, path)
		require.Equal(t, "1", refused.header.Get("Retry-After"))
		require.Contains(t, refused.body["error"], why)
	}
	urgent := wire(table[:1])
	urgent["parameters"] = map[string]any{"priority": 1} // it is read before it is refused
	require.Equal(t, http.StatusServiceUnavailable, g.send(t, inferPath, text(t, urgent)).status)
	_, err = g.inference(t).ModelInfer(context.Background(), &inferencepb.ModelInferRequest{ModelName: model, Inputs: typedInputs(table[0])})
	require.Equal(t, codes.Unavailable, status.Code(err))
	require.ErrorContains(t, err, why)
	scrape := g.get(t, "/metrics").body["text"]
	require.Contains(t, scrape, `slipway_predictions_total{model="credit-risk",outcome="throttled",version="1.0.0"} 5`)
	require.Contains(t, scrape, `nv_inference_request_failure{model="credit-risk",reason="REJECTED",version="1.0.0"} 5`)
	require.NoError(t, g.stop())
	traffic, err := w.Traffic(context.Background(), model, "1.0.0", 0)
	require.NoError(t, err)
	require.NotEmpty(t, traffic)
	for _, row := range traffic {
		require.Zero(t, row.Errors)
	}
}
