package gateway

import (
	"context"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/slipway-ml/slipway/internal/oip/inferencepb"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// cached makes a version keep its answers.
func cached(c *ModelConfig) { c.Deployment.ResponseCacheMB = 8 }

// counted are the statistics of a version: what it ran, and how requests went.
type counted struct {
	Rows       uint64 `json:"inference_count"`
	Executions uint64 `json:"execution_count"`
	Stats      map[string]struct {
		Count, NS uint64
	} `json:"inference_stats"`
}

func (r *running) counted(t testing.TB, name, version string) counted {
	t.Helper()
	var out struct {
		All []counted `json:"model_stats"`
	}
	stats := r.get(t, "/v2/models/"+name+"/versions/"+version+"/stats")
	require.NoError(t, json.Unmarshal([]byte(text(t, stats.body)), &out))
	require.Len(t, out.All, 1)
	return out.All[0]
}

// One request runs the model, by whatever way it comes; those with the same inputs that come later are answered
// without, and count and are logged as answers. Each version has its own.
func TestAnswersAreGivenAgain(t *testing.T) {
	t.Parallel()
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	t.Cleanup(func() { require.NoError(t, provider.Shutdown(context.Background())) })
	w := newWorld(t)
	w.promote(t, w.stage(t, "1.0.0", cached))
	g := w.start(t, t.TempDir(), func(c *Config) { c.Traces = provider })
	g.await(t, "1.0.0", 0)
	client, row := g.inference(t), rows(t, "test.csv")[0]
	probabilities := func(r reply) any {
		t.Helper()
		require.Equal(t, 200, r.status, r.body)
		return r.body["outputs"].([]any)[1].(map[string]any)["data"]
	}
	first := g.post(t, map[string]any{"input": row})
	require.Equal(t, 200, first.status)
	for range 3 {
		again := g.post(t, map[string]any{"input": row})
		require.Equal(t, first.body["prediction"], again.body["prediction"])
		require.Equal(t, first.body["probabilities"], again.body["probabilities"])
	}
	old := probabilities(g.send(t, inferPath, text(t, wire([]map[string]any{row}))))
	ask := &inferencepb.ModelInferRequest{ModelName: model, Inputs: typedInputs(row)}
	_, err := client.ModelInfer(context.Background(), ask)
	require.NoError(t, err)
	one := &inferencepb.ModelInferRequest{ModelName: model, Inputs: ask.GetInputs(), Outputs: []*inferencepb.ModelInferRequest_InferRequestedOutputTensor{{Name: "probabilities"}}}
	got, err := client.ModelInfer(context.Background(), one)
	require.NoError(t, err)
	require.Len(t, got.GetOutputs(), 1, "which outputs are asked for makes no other request")
	stream, err := client.ModelStreamInfer(context.Background())
	require.NoError(t, err)
	require.NoError(t, stream.Send(ask))
	_, err = stream.Recv()
	require.NoError(t, err)
	require.NoError(t, stream.CloseSend())

	c := g.counted(t, model, "1.0.0")
	require.EqualValues(t, 1, c.Executions)
	require.EqualValues(t, 1, c.Rows)
	for name, want := range map[string]uint64{"success": 8, "queue": 8, "cache_hit": 7, "cache_miss": 1, "compute_input": 1, "compute_infer": 1, "compute_output": 1, "fail": 0} {
		require.Equal(t, want, c.Stats[name].Count, name)
	}
	require.Positive(t, c.Stats["cache_hit"].NS)
	require.Positive(t, c.Stats["cache_miss"].NS)
	asked, err := client.ModelStatistics(context.Background(), &inferencepb.ModelStatisticsRequest{Name: model})
	require.NoError(t, err)
	require.EqualValues(t, 7, asked.GetModelStats()[0].GetInferenceStats().GetCacheHit().GetCount())
	config, err := client.ModelConfig(context.Background(), &inferencepb.ModelConfigRequest{Name: model})
	require.NoError(t, err)
	require.True(t, config.GetConfig().GetResponseCache().GetEnable())
	hits := 0
	for _, span := range exporter.GetSpans() {
		for _, a := range span.Attributes {
			if a == attribute.String("slipway.cached", "hit") {
				require.Equal(t, spanPredict, span.Name)
				hits++
			}
		}
	}
	require.Equal(t, 7, hits)
	require.Equal(t, http.StatusOK, g.get(t, "/health").status)

	w.shift(t, w.stage(t, "1.1.0", cached), 1000)
	g.await(t, "1.1.0", 1000)
	request := text(t, wire([]map[string]any{row}))
	newer := probabilities(g.send(t, inferPath, request))
	require.NotEqual(t, old, newer, "a new version does not answer with the old one's answers")
	require.Equal(t, newer, probabilities(g.send(t, inferPath, request)))
	require.Equal(t, old, probabilities(g.send(t, "/v2/models/"+model+"/versions/1.0.0/infer", request)))
	require.EqualValues(t, 1, g.counted(t, model, "1.1.0").Executions)
	require.EqualValues(t, 1, g.counted(t, model, "1.0.0").Executions)

	scrape := g.get(t, "/metrics").body["text"].(string)
	labels := `{model="` + model + `",version="1.0.0"} `
	for _, line := range []string{
		"nv_cache_num_hits_per_model" + labels + "8", "nv_cache_num_misses_per_model" + labels + "1", "nv_cache_hit_duration_per_model" + labels, "nv_cache_miss_duration_per_model" + labels,
		"nv_inference_request_success" + labels + "9", "nv_inference_count" + labels + "1", "nv_inference_exec_count" + labels + "1",
		"slipway_response_cache_entries" + labels + "1", "slipway_response_cache_bytes_limit" + labels + "8e+06", "slipway_response_cache_evictions_total" + labels + "0",
		`slipway_predictions_total{model="` + model + `",outcome="ok",version="1.0.0"} 9`, `slipway_prediction_seconds_count` + labels + "9",
	} {
		require.Contains(t, scrape, line)
	}
	require.NoError(t, g.stop())
	traffic, err := w.Traffic(context.Background(), model, "1.1.0", 0)
	require.NoError(t, err)
	answers := int64(0)
	for _, part := range traffic {
		answers += part.OK
	}
	require.EqualValues(t, 2, answers, "the canary's analysis sees them")
	segments, err := w.Segments(context.Background(), model, "1.0.0", time.Now().Add(time.Hour), 60)
	require.NoError(t, err)
	logged := int64(0)
	for _, s := range segments {
		logged += s.Rows
	}
	require.EqualValues(t, 9, logged, "and the log has them")
}

// Answers of every element type and number of outputs come back bit by bit, as JSON, as binary data and typed.
func TestAnswersOfEveryTypeAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	answers := answersOf(t)
	for name := range answers {
		w.register(t, name, filepath.Join("testdata", "types", name+".onnx"), spec.Classification)
	}
	g := w.start(t, t.TempDir(), func(c *Config) { c.ModelControl = true })
	client := g.inference(t)
	for name, cases := range answers {
		require.Equal(t, 200, g.load(t, name, `{"response_cache":{"enable":true}}`).status)
		for i, c := range append(cases, together(cases)) {
			what := fmt.Sprintf("%s, request %d", name, i)
			before := g.counted(t, name, "1").Executions
			first := g.inferBinary(t, name, c.Inputs)
			sameTensors(t, what, c.Outputs, first)
			ran := g.counted(t, name, "1").Executions
			require.LessOrEqual(t, ran, before+1, what)
			again := [][]wireTensor{g.inferBinary(t, name, c.Inputs), inferRaw(t, client, name, c.Inputs)}
			if plain(c) {
				again = append(again, inferTyped(t, client, name, c.Inputs))
			}
			for _, got := range again {
				require.Len(t, got, len(first))
				for j := range got {
					require.Equal(t, first[j].Raw, got[j].Raw, "%s: %s", what, first[j].Name)
					require.Equal(t, first[j].Shape, got[j].Shape, what)
				}
			}
			require.Equal(t, ran, g.counted(t, name, "1").Executions, what)
		}
		require.NotZero(t, g.counted(t, name, "1").Stats["cache_hit"].Count, name)
	}
}

// Who may load may also say that answers are kept, or are not.
func TestModelControlOfTheCache(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t, "half", halfMatrix, spec.Classification)
	w.promote(t, w.stage(t, "1.0.0", cached))
	g := w.start(t, t.TempDir(), func(c *Config) { c.ModelControl = true })
	g.await(t, "1.0.0", 0)
	enabled := func(name string) any { return g.get(t, "/v2/models/"+name+"/config").body["response_cache"] }
	on, off := map[string]any{"enable": true}, map[string]any{"enable": false}
	limit := func(name, version string) bool {
		return strings.Contains(g.get(t, "/metrics").body["text"].(string), `slipway_response_cache_bytes_limit{model="`+name+`",version="`+version+`"} `)
	}
	require.Equal(t, 200, g.load(t, "half", "").status)
	require.Equal(t, off, enabled("half"))
	require.False(t, limit("half", "1"))
	require.Equal(t, 200, g.load(t, "half", `{"response_cache":{"enable":true}}`).status)
	require.Equal(t, on, enabled("half"))
	require.Contains(t, g.get(t, "/metrics").body["text"], `slipway_response_cache_bytes_limit{model="half",version="1"} 6.4e+07`)
	require.Equal(t, 200, g.load(t, "half", text(t, g.get(t, "/v2/models/half/config").body)).status, "what a server tells can be sent back")
	require.Equal(t, on, enabled("half"))
	require.Equal(t, 400, g.load(t, "half", `{"response_cache":{"enabled":true}}`).status)
	require.Equal(t, on, enabled("half"))

	require.Equal(t, on, enabled(model))
	require.Equal(t, 200, g.load(t, model, `{"response_cache":{"enable":false}}`).status)
	require.Eventually(t, func() bool { return !limit(model, "1.0.0") }, patience, time.Millisecond, "its memory is given back")
	require.Equal(t, off, enabled(model))
	require.Equal(t, 200, g.load(t, model, `{"response_cache":{"enable":true}}`).status)
	require.Contains(t, g.get(t, "/metrics").body["text"], `slipway_response_cache_bytes_limit{model="`+model+`",version="1.0.0"} 8e+06`, "the release says how large")
}

// Where too many wait, a request whose answer is kept is answered all the same, and others are refused.
func TestOverloadIsNoRefusalOfWhatIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rt := slowRuntime{w.runtime, make(chan struct{}, 10), make(chan struct{})}
	w.promote(t, w.stage(t, "1.0.0", cached))
	g := w.start(t, t.TempDir(), func(c *Config) { c.Runtime, c.Limits = rt, serving.Limits{Running: 1, Waiting: 1} })
	g.await(t, "1.0.0", 0)
	table := rows(t, "test.csv")
	body := func(i int) string { return text(t, wire(table[i:i+1])) }
	answered := make(chan reply, 3)
	ask := func(i int) { go func() { answered <- g.send(t, inferPath, body(i)) }() }
	ask(0)
	<-rt.entered
	rt.leave <- struct{}{}
	require.Equal(t, 200, (<-answered).status)

	ask(1)
	<-rt.entered
	ask(2)
	require.Eventually(t, func() bool {
		lease, err := g.pool.Acquire(stableKey(g.table.Routes()[model]))
		if err != nil {
			return false
		}
		defer lease.Release()
		return lease.Pending() == 1
	}, patience, 1e6)
	require.Equal(t, 200, g.send(t, inferPath, body(0)).status)
	require.Equal(t, 503, g.send(t, inferPath, body(3)).status)
	require.Equal(t, 400, g.send(t, inferPath, `{"inputs":[`).status, "it was read")
	close(rt.leave)
	for range 2 {
		require.Equal(t, 200, (<-answered).status)
	}
}

// Real images from many callers at once: each one runs once, by itself or in a batch with others, and everybody gets the
// answer that the model gives without a cache.
func TestImagesRunOnce(t *testing.T) {
	t.Parallel()
	const mnist = "../../examples/mnist"
	f, err := os.Open(filepath.Join(mnist, "data", "test.csv"))
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	records, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	var images [][]wireTensor
	for _, record := range records[1:9] {
		image := wireTensor{Name: "pixels", Datatype: "FP32", Shape: []int64{1, 784}}
		for _, field := range record[:784] {
			v, err := strconv.ParseFloat(field, 32)
			require.NoError(t, err)
			image.Raw = binary.LittleEndian.AppendUint32(image.Raw, math.Float32bits(float32(v)))
		}
		images = append(images, []wireTensor{image})
	}
	w := newWorld(t)
	w.register(t, "mnist", filepath.Join(mnist, "models", "1.0.0.onnx"), spec.Classification)
	g := w.start(t, t.TempDir(), func(c *Config) { c.ModelControl = true })
	client := g.inference(t)
	require.Equal(t, 200, g.load(t, "mnist", "").status)
	want := make([][]wireTensor, len(images))
	for i, image := range images {
		want[i] = inferRaw(t, client, "mnist", image)
	}
	require.NotEqual(t, want[0], want[1])

	require.Equal(t, 200, g.load(t, "mnist", `{"response_cache":{"enable":true}}`).status)
	var callers sync.WaitGroup
	answers := make([][][]wireTensor, 12)
	for caller := range answers {
		callers.Go(func() {
			for i := range images {
				answers[caller] = append(answers[caller], inferRaw(t, client, "mnist", images[(i+caller)%len(images)]))
			}
		})
	}
	callers.Wait()
	for caller, got := range answers {
		for i := range got {
			sameTensors(t, "an image", want[(i+caller)%len(images)], got[i])
		}
	}
	c := g.counted(t, "mnist", "1")
	require.EqualValues(t, len(images), c.Rows)
	require.EqualValues(t, len(images), c.Stats["cache_miss"].Count)
	require.EqualValues(t, (len(answers)-1)*len(images), c.Stats["cache_hit"].Count)
}
