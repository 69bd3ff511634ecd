package gateway

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/oip/inferencepb"
	"github.com/slipway-ml/slipway/internal/onnx"
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
