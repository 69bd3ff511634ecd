package gateway

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/oip/inferencepb"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/spec"
)

// wireTensor is a tensor as testdata/types/answers.json has it.
type wireTensor struct {
	Name     string          `json:"name"`
	Datatype string          `json:"datatype"`
	Shape    []int64         `json:"shape"`
	Data     json.RawMessage `json:"data,omitempty"`
	Raw      []byte          `json:"raw,omitempty"`
}

// wireCase is a request of one row and its answer.
type wireCase struct {
	Inputs, Outputs []wireTensor
	Predict         *struct {
		Input, Prediction any
		Probabilities     []any
	}
}

func answersOf(t *testing.T) map[string][]wireCase {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "types", "answers.json"))
	require.NoError(t, err)
	var out map[string][]wireCase
	require.NoError(t, json.Unmarshal(b, &out))
	return out
}

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

// together is one request of all rows.
func together(cases []wireCase) wireCase {
	var out wireCase
	join := func(into *[]wireTensor, part []wireTensor) {
		if *into == nil {
			*into = make([]wireTensor, len(part))
		}
		for i, t := range part {
			all := &(*into)[i]
			rows := int64(1)
			if all.Shape != nil {
				rows += all.Shape[0]
			}
			all.Name, all.Datatype, all.Shape = t.Name, t.Datatype, append([]int64{rows}, t.Shape[1:]...)
			all.Raw = append(all.Raw, t.Raw...)
			if inner := bytes.TrimSuffix(bytes.TrimPrefix(t.Data, []byte("[")), []byte("]")); len(all.Data) == 0 {
				all.Data = t.Data
			} else {
				all.Data = append(append(append(all.Data[:len(all.Data)-1:len(all.Data)-1], ','), inner...), ']')
			}
		}
	}
	for _, c := range cases {
		join(&out.Inputs, c.Inputs)
		join(&out.Outputs, c.Outputs)
	}
	return out
}

// plain tells that all of a case has a form in JSON.
func plain(c wireCase) bool {
	for _, list := range [][]wireTensor{c.Inputs, c.Outputs} {
		for _, t := range list {
			if half(t) {
				return false
			}
		}
	}
	return true
}

func half(t wireTensor) bool { return t.Datatype == "FP16" || t.Datatype == "BF16" }

// sameTensors compares answers: floating-point numbers within their precision, all else bit by bit.
func sameTensors(t *testing.T, what string, want, got []wireTensor) {
	t.Helper()
	require.Len(t, got, len(want), what)
	for i, w := range want {
		require.Equal(t, []any{w.Name, w.Datatype, w.Shape}, []any{got[i].Name, got[i].Datatype, got[i].Shape}, what)
		a, b := numbers(t, w), numbers(t, got[i])
		if a == nil {
			require.Equal(t, w.Raw, got[i].Raw, "%s: %s", what, w.Name)
			continue
		}
		require.Len(t, b, len(a), what)
		precision := map[string]float64{"FP16": 1e-3, "BF16": 1e-2, "FP32": 1e-5, "FP64": 1e-12}[w.Datatype]
		for j := range a {
			require.InDelta(t, a[j], b[j], precision*max(1, math.Abs(a[j])), "%s: %s, value %d", what, w.Name, j)
		}
	}
}

// numbers are the values of a floating-point tensor; nil for others.
func numbers(t testing.TB, w wireTensor) []float64 {
	t.Helper()
	var out []float64
	for raw := w.Raw; len(raw) > 0; {
		switch w.Datatype {
		case "FP16", "BF16":
			kind := map[string]onnx.Type{"FP16": onnx.Float16, "BF16": onnx.BFloat16}[w.Datatype]
			out, raw = append(out, float64(onnx.FromHalf(kind, binary.LittleEndian.Uint16(raw)))), raw[2:]
		case "FP32":
			out, raw = append(out, float64(math.Float32frombits(binary.LittleEndian.Uint32(raw)))), raw[4:]
		case "FP64":
			out, raw = append(out, math.Float64frombits(binary.LittleEndian.Uint64(raw))), raw[8:]
		default:
			return nil
		}
	}
	return out
}

func closeTo(t *testing.T, what string, want, got any) {
	t.Helper()
	if v, ok := want.(float64); ok {
		require.InDelta(t, v, got, 1e-3*max(1, math.Abs(v)), what)
		return
	}
	require.Equal(t, want, got, what)
}

// inferBinary sends a request with binary tensors and asks for such.
func (r *running) inferBinary(t testing.TB, name string, in []wireTensor) []wireTensor {
	t.Helper()
	var tail []byte
	inputs := []any{}
	for _, w := range in {
		inputs = append(inputs, map[string]any{"name": w.Name, "datatype": w.Datatype, "shape": w.Shape, "parameters": map[string]any{"binary_data_size": len(w.Raw)}})
		tail = append(tail, w.Raw...)
	}
	header := text(t, map[string]any{"inputs": inputs, "parameters": map[string]any{"binary_data_output": true}})
	req, err := http.NewRequest(http.MethodPost, r.url+"/v2/models/"+name+"/infer", bytes.NewReader(append([]byte(header), tail...)))
	require.NoError(t, err)
	req.Header.Set("Inference-Header-Content-Length", strconv.Itoa(len(header)))
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode, string(b))
	n, err := strconv.Atoi(resp.Header.Get("Inference-Header-Content-Length"))
	require.NoError(t, err)
	var out struct {
		Outputs []struct {
			wireTensor
			Parameters struct {
				Size int `json:"binary_data_size"`
			}
		}
	}
	require.NoError(t, json.Unmarshal(b[:n], &out))
	b = b[n:]
	var tensors []wireTensor
	for _, o := range out.Outputs {
		o.Raw, b = b[:o.Parameters.Size], b[o.Parameters.Size:]
		tensors = append(tensors, o.wireTensor)
	}
	require.Empty(t, b)
	return tensors
}

// inferJSON sends and receives JSON; the answer's data becomes raw again.
func (r *running) inferJSON(t testing.TB, name string, in []wireTensor) []wireTensor {
	t.Helper()
	inputs := make([]wireTensor, len(in))
	for i, w := range in {
		inputs[i] = w
		inputs[i].Raw = nil
	}
	req, err := http.NewRequest(http.MethodPost, r.url+"/v2/models/"+name+"/infer", bytes.NewReader([]byte(text(t, map[string]any{"inputs": inputs}))))
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode, string(b))
	var out struct{ Outputs []wireTensor }
	require.NoError(t, json.Unmarshal(b, &out))
	for i := range out.Outputs {
		out.Outputs[i].Raw = encode(t, out.Outputs[i])
	}
	return out.Outputs
}

// encode is the binary form of a tensor's data.
func encode(t testing.TB, w wireTensor) []byte {
	t.Helper()
	var values []any
	d := json.NewDecoder(bytes.NewReader(w.Data))
	d.UseNumber()
	require.NoError(t, d.Decode(&values))
	out := []byte{}
	for _, v := range values {
		switch v := v.(type) {
		case bool:
			out = append(out, map[bool]byte{true: 1}[v])
		case string:
			out = append(binary.LittleEndian.AppendUint32(out, uint32(len(v))), v...)
		case json.Number:
			out = append(out, encodeNumber(t, w.Datatype, v)...)
		}
	}
	return out
}

func encodeNumber(t testing.TB, datatype string, v json.Number) []byte {
	t.Helper()
	f, err := v.Float64()
	require.NoError(t, err)
	switch datatype {
	case "FP32":
		return binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(f)))
	case "FP64":
		return binary.LittleEndian.AppendUint64(nil, math.Float64bits(f))
	}
	n, err := v.Int64()
	require.NoError(t, err)
	width := map[string]int{"INT8": 1, "UINT8": 1, "INT16": 2, "UINT16": 2, "INT32": 4, "UINT32": 4, "INT64": 8, "UINT64": 8}[datatype]
	return binary.LittleEndian.AppendUint64(nil, uint64(n))[:width]
}

// refusedAsJSON sends 16-bit numbers as JSON, and asks for them as JSON.
func (r *running) refusedAsJSON(t testing.TB, name string, in []wireTensor) (sent, asked reply) {
	t.Helper()
	inputs := []any{}
	var tail []byte
	for _, w := range in {
		data := map[string]any{"name": w.Name, "datatype": w.Datatype, "shape": w.Shape, "data": w.Data}
		if half(w) {
			data["data"] = []float64{1, 2}
		}
		inputs = append(inputs, data)
	}
	sent = r.send(t, "/v2/models/"+name+"/infer", text(t, map[string]any{"inputs": inputs}))
	inputs = nil
	for _, w := range in {
		inputs = append(inputs, map[string]any{"name": w.Name, "datatype": w.Datatype, "shape": w.Shape, "parameters": map[string]any{"binary_data_size": len(w.Raw)}})
		tail = append(tail, w.Raw...)
	}
	header := text(t, map[string]any{"inputs": inputs})
	return sent, r.send(t, "/v2/models/"+name+"/infer", header+string(tail), "Inference-Header-Content-Length", strconv.Itoa(len(header)))
}

func inferRaw(t testing.TB, client inferencepb.GRPCInferenceServiceClient, name string, in []wireTensor) []wireTensor {
	t.Helper()
	r := &inferencepb.ModelInferRequest{ModelName: name}
	for _, w := range in {
		r.Inputs = append(r.Inputs, &inferencepb.ModelInferRequest_InferInputTensor{Name: w.Name, Datatype: w.Datatype, Shape: w.Shape})
		r.RawInputContents = append(r.RawInputContents, w.Raw)
	}
	return ask(t, client, r)
}

func ask(t testing.TB, client inferencepb.GRPCInferenceServiceClient, r *inferencepb.ModelInferRequest) []wireTensor {
	t.Helper()
	resp, err := client.ModelInfer(context.Background(), r)
	require.NoError(t, err, r.GetModelName())
	var out []wireTensor
	for i, o := range resp.GetOutputs() {
		out = append(out, wireTensor{Name: o.GetName(), Datatype: o.GetDatatype(), Shape: o.GetShape(), Raw: resp.GetRawOutputContents()[i]})
	}
	return out
}

func inferTyped(t testing.TB, client inferencepb.GRPCInferenceServiceClient, name string, in []wireTensor) []wireTensor {
	t.Helper()
	r := &inferencepb.ModelInferRequest{ModelName: name}
	for _, w := range in {
		c := &inferencepb.InferTensorContents{}
		into := map[string]any{
			"BOOL": &c.BoolContents, "INT8": &c.IntContents, "INT16": &c.IntContents, "INT32": &c.IntContents, "INT64": &c.Int64Contents,
			"UINT8": &c.UintContents, "UINT16": &c.UintContents, "UINT32": &c.UintContents, "UINT64": &c.Uint64Contents,
			"FP32": &c.Fp32Contents, "FP64": &c.Fp64Contents,
		}[w.Datatype]
		if w.Datatype == "BYTES" {
			var words []string
			require.NoError(t, json.Unmarshal(w.Data, &words))
			for _, word := range words {
				c.BytesContents = append(c.BytesContents, []byte(word))
			}
		} else {
			require.NoError(t, json.Unmarshal(w.Data, into))
		}
		r.Inputs = append(r.Inputs, &inferencepb.ModelInferRequest_InferInputTensor{Name: w.Name, Datatype: w.Datatype, Shape: w.Shape, Contents: c})
	}
	return ask(t, client, r)
}
