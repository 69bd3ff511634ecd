package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/oip/inferencepb"
	"github.com/slipway-ml/slipway/internal/spec"
)

// register puts a model of testdata/types into the registry; no route leads to it.
func (w *world) register(t testing.TB, name, file string, task spec.Task) {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	ref, err := w.store.PutBytes(context.Background(), b, "application/vnd.onnx")
	require.NoError(t, err)
	config, err := json.Marshal(ModelConfig{Model: spec.Model{Name: name, Version: "1", Task: task}})
	require.NoError(t, err)
	_, _, err = w.RegisterModel(context.Background(), catalog.Model{Name: name, Version: "1", Digest: string(ref.Digest), Release: "r-" + name, Config: config, CreatedBy: "test"}, nil, mark("register-"+name))
	require.NoError(t, err)
}

// Every element type and form of model goes through REST as JSON and as binary
// data, through gRPC, and, where a row has columns, through POST /predict, with
// the answers that another binding of ONNX Runtime gives.
func TestEveryType(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	answers := answersOf(t)
	for name := range answers {
		task := spec.Classification
		if name == "regression" {
			task = spec.Regression
		}
		w.register(t, name, filepath.Join("testdata", "types", name+".onnx"), task)
	}
	g := w.start(t, t.TempDir(), func(c *Config) { c.ModelControl = true })
	client := g.inference(t)
	for name, cases := range answers {
		loaded := g.send(t, "/v2/repository/models/"+name+"/load", "{}")
		require.Equal(t, 200, loaded.status, "%s: %v", name, loaded.body)
		all := together(cases)
		sameTensors(t, name+" REST binary", all.Outputs, g.inferBinary(t, name, all.Inputs))
		sameTensors(t, name+" gRPC raw", all.Outputs, inferRaw(t, client, name, all.Inputs))
		if plain(all) {
			sameTensors(t, name+" REST JSON", all.Outputs, g.inferJSON(t, name, all.Inputs))
			sameTensors(t, name+" gRPC typed", all.Outputs, inferTyped(t, client, name, all.Inputs))
		} else {
			in, out := g.refusedAsJSON(t, name, all.Inputs)
			require.Contains(t, in.body["error"], "has no form in JSON: send it as binary data")
			require.Equal(t, 400, in.status)
			require.Contains(t, out.body["error"], "has no form in JSON: ask for binary data")
			require.Equal(t, 400, out.status)
		}
		for _, c := range cases {
			if c.Predict == nil {
				continue
			}
			got := g.post(t, map[string]any{"model": name, "input": c.Predict.Input})
			require.Equal(t, 200, got.status, "%s: %v", name, got.body)
			closeTo(t, name, c.Predict.Prediction, got.body["prediction"])
			for i, p := range c.Predict.Probabilities {
				closeTo(t, name, p, got.body["probabilities"].([]any)[i])
			}
		}
	}
	for _, name := range []string{"every", "mixed"} {
		got := g.post(t, map[string]any{"model": name, "input": map[string]any{}})
		require.Equal(t, 400, got.status, got.body)
		require.Contains(t, got.body["error"], "Open Inference Protocol", name)
	}
}

// Single rows from many callers go through one batch, and each gets its own back.
func TestEveryTypeInABatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	answers := answersOf(t)
	for name := range answers {
		w.register(t, name, filepath.Join("testdata", "types", name+".onnx"), spec.Classification)
	}
	g := w.start(t, t.TempDir(), func(c *Config) { c.ModelControl = true })
	client := g.inference(t)
	for name, cases := range answers {
		config := fmt.Sprintf(`{"max_batch_size":"64","instance_group":[{"count":1}],"dynamic_batching":{"preferred_batch_size":[%d],"max_queue_delay_microseconds":"10000000"}}`, len(cases))
		loaded := g.send(t, "/v2/repository/models/"+name+"/load", text(t, map[string]any{"parameters": map[string]any{"config": config}}))
		require.Equal(t, 200, loaded.status, "%s: %v", name, loaded.body)
		var callers sync.WaitGroup
		got := make([][]wireTensor, len(cases))
		for i, c := range cases {
			callers.Go(func() {
				if i%2 == 0 {
					got[i] = g.inferBinary(t, name, c.Inputs)
				} else {
					got[i] = inferRaw(t, client, name, c.Inputs)
				}
			})
		}
		callers.Wait()
		for i, c := range cases {
			sameTensors(t, fmt.Sprintf("%s, row %d", name, i), c.Outputs, got[i])
		}
		stats := g.get(t, "/v2/models/"+name+"/stats").body["model_stats"].([]any)[0].(map[string]any)
		require.EqualValues(t, len(cases), stats["inference_count"], name)
		require.EqualValues(t, 1, stats["execution_count"], "%s: all of them in one batch", name)
	}
}

// An answer that is no number is the model's failure in the counts, and still what
// was asked for where it has a form: perf_analyzer sends whatever bits there are.
func TestNoNumberIsAnAnswerInBinary(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t, "nan", filepath.Join("..", "onnx", "testdata", "nan_output.onnx"), spec.Classification)
	g := w.start(t, t.TempDir(), func(c *Config) { c.ModelControl = true })
	require.Equal(t, 200, g.send(t, "/v2/repository/models/nan/load", "{}").status)
	in := []wireTensor{{Name: "x", Datatype: "FP32", Shape: []int64{1, 4}, Data: json.RawMessage("[1,2,3,4]"), Raw: encode(t, wireTensor{Datatype: "FP32", Data: json.RawMessage("[1,2,3,4]")})}}
	out := g.inferBinary(t, "nan", in)
	require.True(t, math.IsNaN(numbers(t, out[1])[0]))
	out = inferRaw(t, g.inference(t), "nan", in)
	require.True(t, math.IsNaN(numbers(t, out[1])[0]))
	asJSON := g.send(t, "/v2/models/nan/infer", text(t, map[string]any{"inputs": []any{map[string]any{"name": "x", "datatype": "FP32", "shape": []int{1, 4}, "data": []int{1, 2, 3, 4}}}}))
	require.Equal(t, 500, asJSON.status)
	require.Contains(t, asJSON.body["error"], "ask for binary data")
	require.Contains(t, g.get(t, "/metrics").body["text"], `slipway_predictions_total{model="nan",outcome="error",version="1"} 3`)
	stats := g.get(t, "/v2/models/nan/stats").body["model_stats"].([]any)[0].(map[string]any)["inference_stats"].(map[string]any)
	for _, phase := range []string{"success", "queue", "compute_input", "compute_infer", "compute_output"} {
		require.EqualValues(t, 3, stats[phase].(map[string]any)["count"], "%s: perf_analyzer wants the counts to be equal", phase)
	}
}

func (r *running) inference(t testing.TB) inferencepb.GRPCInferenceServiceClient {
	t.Helper()
	conn, err := grpc.NewClient(r.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return inferencepb.NewGRPCInferenceServiceClient(conn)
}
