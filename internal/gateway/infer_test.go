package gateway

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/slipway-ml/slipway/internal/oip/inferencepb"
	"github.com/slipway-ml/slipway/internal/serving"
)

// wire is rows as an inference request in JSON.
func wire(rows []map[string]any) map[string]any {
	inputs := []any{}
	for name := range rows[0] {
		if name == "risk" {
			continue
		}
		datatype := "FP32"
		values := make([]any, len(rows))
		for i, row := range rows {
			values[i] = row[name]
		}
		if _, text := values[0].(string); text {
			datatype = "BYTES"
		}
		inputs = append(inputs, map[string]any{"name": name, "datatype": datatype, "shape": []int{len(rows), 1}, "data": values})
	}
	return map[string]any{"inputs": inputs}
}

// send posts a body as it is.
func (r *running) send(t testing.TB, path, body string, header ...string) reply {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, r.url+path, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return do(t, req)
}

func text(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

const inferPath = "/v2/models/" + model + "/infer"

// The protocol answers what POST /predict answers, is counted and logged like
// it, and takes part in the canary.
func TestInferIsAPrediction(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.promote(t, w.stage(t, "1.0.0"))
	g := w.start(t, t.TempDir(), nil)
	g.await(t, "1.0.0", 0)
	table := rows(t, "test.csv")[:20]
	want := g.post(t, map[string]any{"input": table})
	require.Equal(t, 200, want.status, want.body)
	got := g.send(t, inferPath, text(t, wire(table)))
	require.Equal(t, 200, got.status, got.body)
	require.Equal(t, "1.0.0", got.body["model_version"])
	require.Equal(t, want.body["prediction"], got.body["outputs"].([]any)[0].(map[string]any)["data"])

	w.shift(t, w.stage(t, "1.1.0"), 1000)
	g.await(t, "1.1.0", 1000)
	require.Equal(t, "1.1.0", g.send(t, inferPath, text(t, wire(table))).body["model_version"])
	byName := g.send(t, "/v2/models/"+model+"/versions/1.0.0/infer", text(t, wire(table)))
	require.Equal(t, "1.0.0", byName.body["model_version"], byName.body)
	require.Equal(t, 404, g.send(t, "/v2/models/"+model+"/versions/9/infer", text(t, wire(table))).status)

	scrape := g.get(t, "/metrics").body["text"].(string)
	for _, line := range []string{
		`nv_inference_count{model="` + model + `",version="1.0.0"} 60`,
		`nv_inference_request_success{model="` + model + `",version="1.1.0"} 1`,
		`slipway_batches_total{cut="alone",model="` + model + `",version="1.0.0"} 3`,
		`slipway_predictions_total{model="` + model + `",outcome="ok",version="1.1.0"} 1`,
	} {
		require.True(t, strings.Contains(scrape, line), "%s is missing", line)
	}
	require.NoError(t, g.stop())
	segments, err := w.Segments(context.Background(), model, "1.0.0", time.Now().Add(time.Hour), 60)
	require.NoError(t, err)
	logged := int64(0)
	for _, s := range segments {
		logged += s.Rows
	}
	require.Equal(t, int64(60), logged)
}

// What is malformed, hostile or too large is a clear 4xx, and the gateway serves on.
func TestInferRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.promote(t, w.stage(t, "1.0.0"))
	g := w.start(t, t.TempDir(), func(c *Config) { c.MaxBody = 1 << 20 })
	g.await(t, "1.0.0", 0)
	good := text(t, wire(rows(t, "test.csv")[:1]))
	bomb := func() string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, err := z.Write(make([]byte, 64<<20))
		require.NoError(t, err)
		require.NoError(t, z.Close())
		return b.String()
	}()
	huge := `{"inputs":[{"name":"age","datatype":"FP32","shape":[2147483647,2147483647],"data":[1]}]}`
	for name, c := range map[string]struct {
		path, body string
		header     []string
		status     int
		words      string
	}{
		"no JSON":            {inferPath, "{", nil, 400, "not the protocol's JSON"},
		"too large":          {inferPath, strings.Repeat(" ", 1<<20+1), nil, 413, "larger than"},
		"compressed bomb":    {inferPath, bomb, []string{"Content-Encoding", "gzip"}, 413, "larger than"},
		"not compressed":     {inferPath, good, []string{"Content-Encoding", "gzip"}, 400, "not compressed"},
		"unknown encoding":   {inferPath, good, []string{"Content-Encoding", "br"}, 415, "Content-Encoding"},
		"content type":       {inferPath, good, []string{"Content-Type", "text/html"}, 415, "Content-Type"},
		"huge shape":         {inferPath, huge, nil, 400, "too large"},
		"nested deep":        {inferPath, `{"inputs":` + strings.Repeat("[", 400000) + strings.Repeat("]", 400000) + `}`, nil, 400, "JSON"},
		"header too long":    {inferPath, good, []string{"Inference-Header-Content-Length", "99999999"}, 400, "want a number of bytes"},
		"header overflows":   {inferPath, good, []string{"Inference-Header-Content-Length", "18446744073709551617"}, 400, "want a number of bytes"},
		"header with a sign": {inferPath, good, []string{"Inference-Header-Content-Length", "+2"}, 400, "want a number of bytes"},
		"long error":         {inferPath, `{"inputs":[` + strings.Repeat(`{"name":"age","datatype":"FP32","shape":[1,1],"data":[1]},`, 10000) + good[len(`{"inputs":[`):], nil, 400, "input"},
		"header negative":    {inferPath, good, []string{"Inference-Header-Content-Length", "-1"}, 400, "want a number of bytes"},
		"raw, many inputs":   {inferPath, good, []string{"Inference-Header-Content-Length", "0"}, 400, "one input"},
		"timeout":            {inferPath, good, []string{"X-Request-Timeout-Seconds", "soon"}, 400, "want seconds"},
		"path traversal":     {"/v2/models/..%2f..%2fetc%2fpasswd/infer", good, nil, 404, "unknown model"},
		"long name":          {"/v2/models/" + strings.Repeat("a", 5000) + "/infer", good, nil, 404, "unknown model"},
		"subject too long":   {inferPath, `{"parameters":{"subject":"` + strings.Repeat("s", 300) + `"},` + good[1:], nil, 400, "subject"},
		"unknown path":       {"/v2/other", "{}", nil, 404, "Not Found"},
		"wrong method":       {"/v2/models/" + model, "{}", nil, 405, "Method Not Allowed"},
		"load of nobody":     {"/v2/repository/models/nobody/load", "{}", nil, 400, "failed to load"},
		"unload in use":      {"/v2/repository/models/" + model + "/unload", "{}", nil, 501, "decided by releases"},
		"unknown output":     {inferPath, `{"outputs":[{"name":"?"}],` + good[1:], nil, 400, "no output"},
		"empty batch":        {inferPath, strings.ReplaceAll(strings.ReplaceAll(good, "[1,1]", "[0,1]"), `"data":[`, `"data":[],"x":[`), nil, 400, "empty"},
		"rows do not agree":  {inferPath, strings.Replace(good, `"shape":[1,1]`, `"shape":[1,1,1]`, 1), nil, 400, "shape"},
		"unknown category":   {inferPath, text(t, wire([]map[string]any{with(rows(t, "test.csv")[0], "purpose", "spaceship")})), nil, 500, "Unknown Category"},
		"deadline":           {inferPath, `{"parameters":{"timeout":1},` + good[1:], nil, 504, "timeout"},
	} {
		got := g.send(t, c.path, c.body, c.header...)
		require.Equal(t, c.status, got.status, "%s: %v", name, got.body)
		require.Contains(t, got.body["error"], c.words, name)
		require.Less(t, len(fmt.Sprint(got.body["error"])), 2000, name)
	}
	require.Equal(t, 200, g.send(t, inferPath, good).status)
}

func with(row map[string]any, name string, v any) map[string]any {
	out := map[string]any{}
	for k, old := range row {
		out[k] = old
	}
	out[name] = v
	return out
}

func TestInferNeedsTheToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.promote(t, w.stage(t, "1.0.0"))
	g := w.start(t, t.TempDir(), func(c *Config) { c.Token = "secret" })
	g.await(t, "1.0.0", 0)
	body := text(t, wire(rows(t, "test.csv")[:1]))
	require.Equal(t, 401, g.send(t, inferPath, body).status)
	require.Equal(t, 401, g.send(t, inferPath, body, "Authorization", "Bearer wrong").status)
	require.Equal(t, 401, g.get(t, "/v2/models/"+model).status)
	require.Equal(t, 200, g.send(t, inferPath, body, "Authorization", "Bearer secret").status)
	require.Equal(t, 200, g.get(t, "/v2/health/ready").status)

	conn, err := grpc.NewClient(g.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	client := inferencepb.NewGRPCInferenceServiceClient(conn)
	_, err = client.ModelMetadata(context.Background(), &inferencepb.ModelMetadataRequest{Name: model})
	require.Equal(t, codes.Unauthenticated, status.Code(err))
	ctx := metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer secret")
	m, err := client.ModelMetadata(ctx, &inferencepb.ModelMetadataRequest{Name: model})
	require.NoError(t, err)
	require.Equal(t, "onnxruntime_onnx", m.GetPlatform())
}

// A gRPC deadline ends a request when it is over, not when the model is done.
func TestDeadlinesFireOnTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rt := slowRuntime{w.runtime, make(chan struct{}, 10), make(chan struct{})}
	w.promote(t, w.stage(t, "1.0.0"))
	g := w.start(t, t.TempDir(), func(c *Config) {
		c.Runtime, c.Limits, c.PredictTimeout = rt, serving.Limits{Running: 1, Waiting: 1}, time.Hour
	})
	g.await(t, "1.0.0", 0)
	conn, err := grpc.NewClient(g.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	client := inferencepb.NewGRPCInferenceServiceClient(conn)
	ask := func(ctx context.Context) error {
		_, err := client.ModelInfer(ctx, &inferencepb.ModelInferRequest{ModelName: model, Inputs: typedInputs(rows(t, "test.csv")[0])})
		return err
	}
	running, waiting := make(chan error, 1), make(chan error, 1)
	first, stop := context.WithCancel(context.Background())
	go func() { running <- ask(first) }()
	<-rt.entered
	go func() { waiting <- ask(first) }()
	lease, err := g.pool.Acquire(stableKey(g.table.Routes()[model]))
	require.NoError(t, err)
	defer lease.Release()
	require.Eventually(t, func() bool { return lease.Pending() == 1 }, patience, time.Millisecond)
	err = ask(context.Background())
	require.Equal(t, codes.Unavailable, status.Code(err), "the queue is full: refused at once")
	stop()
	require.Equal(t, codes.Canceled, status.Code(<-running))
	require.Equal(t, codes.Canceled, status.Code(<-waiting))
	require.Eventually(t, func() bool { return lease.Pending() == 0 }, patience, time.Millisecond, "the gateway hears of it a little later")

	go func() { running <- ask(context.Background()) }()
	<-rt.entered
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	require.Equal(t, codes.DeadlineExceeded, status.Code(ask(ctx)), "it ends in the queue")
	close(rt.leave)
	require.NoError(t, <-running)
}

func typedInputs(row map[string]any) []*inferencepb.ModelInferRequest_InferInputTensor {
	var out []*inferencepb.ModelInferRequest_InferInputTensor
	for name, v := range row {
		in := &inferencepb.ModelInferRequest_InferInputTensor{Name: name, Shape: []int64{1, 1}, Contents: &inferencepb.InferTensorContents{}}
		switch v := v.(type) {
		case string:
			in.Datatype, in.Contents.BytesContents = "BYTES", [][]byte{[]byte(v)}
		case float64:
			in.Datatype, in.Contents.Fp32Contents = "FP32", []float32{float32(v)}
		}
		if name != "risk" {
			out = append(out, in)
		}
	}
	return out
}

// Messages over the bound are refused by gRPC itself.
func TestLargeMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.promote(t, w.stage(t, "1.0.0"))
	g := w.start(t, t.TempDir(), func(c *Config) { c.MaxBody = 1 << 16 })
	g.await(t, "1.0.0", 0)
	conn, err := grpc.NewClient(g.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(math.MaxInt32)))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	_, err = inferencepb.NewGRPCInferenceServiceClient(conn).ModelInfer(context.Background(), &inferencepb.ModelInferRequest{ModelName: model, RawInputContents: [][]byte{make([]byte, 1<<17)}})
	require.Equal(t, codes.ResourceExhausted, status.Code(err))
}

// Some clients look for the name of a server that they know.
func TestServerName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, want := range map[string]string{"": "slipway", "triton": "triton"} {
		g := w.start(t, t.TempDir(), func(c *Config) { c.ServerName = name })
		require.Equal(t, want, g.get(t, "/v2").body["name"])
		m, err := g.inference(t).ServerMetadata(t.Context(), &inferencepb.ServerMetadataRequest{})
		require.NoError(t, err)
		require.Equal(t, want, m.GetName())
	}
}

// A path that leads up or round about is no page, and no redirect either.
func TestCrookedPaths(t *testing.T) {
	t.Parallel()
	g := newWorld(t).start(t, t.TempDir(), nil)
	for _, path := range []string{"/v2/models/../../etc/passwd", "/v2//models/m", "/v2/./health/live", "/.."} {
		req, err := http.NewRequest(http.MethodGet, g.url+path, nil)
		require.NoError(t, err)
		resp, err := http.DefaultTransport.RoundTrip(req)
		require.NoError(t, err)
		var body struct{ Error string }
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&body), path)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusNotFound, resp.StatusCode, path)
		require.NotEmpty(t, body.Error, path)
	}
	require.Equal(t, http.StatusOK, g.get(t, "/v2/health/live?x=/../y").status, "what is asked behind the path is not looked at")
}
