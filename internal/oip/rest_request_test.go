package oip

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
)

func tensor(t onnx.Type, shape []int64, fill func(*onnx.Tensor)) onnx.Tensor {
	out := onnx.Tensor{Name: "x", Type: t, Shape: shape}
	fill(&out)
	return out
}

func TestDecodeRequest(t *testing.T) {
	t.Parallel()
	one := func(datatype, shape, data string) string {
		return `{"id":"7","inputs":[{"name":"x","datatype":"` + datatype + `","shape":` + shape + `,"data":` + data + `,"unknown":{}}]}`
	}
	for text, want := range map[string]onnx.Tensor{
		one("FP32", "[2,2]", "[1, 2.5,-3e1 ,4]"):     tensor(onnx.Float32, []int64{2, 2}, func(t *onnx.Tensor) { t.Floats = []float32{1, 2.5, -30, 4} }),
		one("FP64", "[2,2]", "[[1,2],\n[3,4]]"):      tensor(onnx.Float64, []int64{2, 2}, func(t *onnx.Tensor) { t.Doubles = []float64{1, 2, 3, 4} }),
		one("INT64", "[1]", "[9223372036854775807]"): tensor(onnx.Int64, []int64{1}, func(t *onnx.Tensor) { t.Ints = []int64{math.MaxInt64} }),
		one("UINT8", "[2]", "[0,255]"):               tensor(onnx.Uint8, []int64{2}, func(t *onnx.Tensor) { t.Ints = []int64{0, 255} }),
		one("BOOL", "[2,1]", "[[true],[0]]"):         tensor(onnx.Bool, []int64{2, 1}, func(t *onnx.Tensor) { t.Bools = []bool{true, false} }),
		one("BYTES", "[3]", `["a","]\",","\u00e9"]`): tensor(onnx.String, []int64{3}, func(t *onnx.Tensor) { t.Strings = []string{"a", `]",`, "é"} }),
		one("FP32", "[0]", "[]"):                     tensor(onnx.Float32, []int64{0}, func(t *onnx.Tensor) { t.Floats = []float32{} }),
		one("FP32", "[1,2,1]", "[[[1],[2]]]"):        tensor(onnx.Float32, []int64{1, 2, 1}, func(t *onnx.Tensor) { t.Floats = []float32{1, 2} }),
		one("INT32", "[]", "[5]"):                    tensor(onnx.Int32, []int64{}, func(t *onnx.Tensor) { t.Ints = []int64{5} }),
		one("FP32", "[1]", "[16777217]"):             tensor(onnx.Float32, []int64{1}, func(t *onnx.Tensor) { t.Floats = []float32{16777216} }),
	} {
		got, err := newDecoder().decode([]byte(text), nil)
		require.NoError(t, err, text)
		require.Equal(t, "7", got.ID)
		require.Equal(t, []onnx.Tensor{want}, got.Inputs, text)
	}
	for text, words := range map[string]string{
		`[]`:                       "not the protocol's JSON",
		`{}`:                       `"inputs" is missing`,
		`{"inputs":[]}`:            `"inputs" is missing`,
		one("FP99", "[1]", "[1]"):  `datatype "FP99"`,
		one("FP16", "[1]", "[1]"):  "has no form in JSON",
		one("FP32", "[-1]", "[1]"): "negative size",
		one("FP32", "[4611686018427387904,4]", "[1]"):             "too large",
		one("FP32", "[1000000000]", "[1]"):                        "needs 1000000000 values, data has 1",
		one("FP32", "[1]", "[1,2]"):                               "data has more",
		one("FP32", "[2,2]", "[[1,2,3],[4]]"):                     "nested otherwise",
		one("FP32", "[2,2]", "[[1,2],3,4]"):                       "mixes values and lists",
		one("FP32", "[1]", "[[1]]"):                               "nested deeper",
		one("FP32", "[4,1]", "[[1,2],[3,4]]"):                     "nested otherwise",
		one("FP32", "[1]", `["NaN"]`):                             "want a number",
		one("FP32", "[1]", "[1e99]"):                              "fits FP32",
		one("FP32", "[1]", "[null]"):                              "want a number",
		one("INT8", "[1]", "[128]"):                               "fits INT8",
		one("INT64", "[1]", "[9223372036854775808]"):              "fits INT64",
		one("INT64", "[1]", "[1.5]"):                              "want an integer",
		one("BOOL", "[1]", "[2]"):                                 "true or false",
		one("BYTES", "[1]", "[1]"):                                "want a string",
		one("FP32", "[1]", `{"a":1}`):                             "want a list",
		`{"inputs":[{"name":"x","datatype":"FP32","shape":[1]}]}`: "data is missing",
		`{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}}]}`:            "0 bytes are left",
		`{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1],"parameters":{"binary_data_size":4}}]}`: "both data and",
		`{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":-4}}]}`:           "binary_data_size is -4",
	} {
		_, err := newDecoder().decode([]byte(text), nil)
		require.ErrorContains(t, err, words, text)
		require.Equal(t, Invalid, codeOf(err), text)
	}
}

// Every type goes through the binary form and back, beside an input in JSON.
func TestBinaryTensors(t *testing.T) {
	t.Parallel()
	for _, in := range []onnx.Tensor{
		tensor(onnx.Float32, []int64{2}, func(t *onnx.Tensor) { t.Floats = []float32{1.5, float32(math.Inf(-1))} }),
		tensor(onnx.Float64, []int64{1, 1}, func(t *onnx.Tensor) { t.Doubles = []float64{math.Pi} }),
		tensor(onnx.Bool, []int64{2}, func(t *onnx.Tensor) { t.Bools = []bool{true, false} }),
		tensor(onnx.String, []int64{3}, func(t *onnx.Tensor) { t.Strings = []string{"", "é", "long enough"} }),
		tensor(onnx.Int8, []int64{2}, func(t *onnx.Tensor) { t.Ints = []int64{-128, 127} }),
		tensor(onnx.Uint8, []int64{2}, func(t *onnx.Tensor) { t.Ints = []int64{0, 255} }),
		tensor(onnx.Int16, []int64{1}, func(t *onnx.Tensor) { t.Ints = []int64{-32768} }),
		tensor(onnx.Uint16, []int64{1}, func(t *onnx.Tensor) { t.Ints = []int64{65535} }),
		tensor(onnx.Int32, []int64{1}, func(t *onnx.Tensor) { t.Ints = []int64{math.MinInt32} }),
		tensor(onnx.Uint32, []int64{1}, func(t *onnx.Tensor) { t.Ints = []int64{math.MaxUint32} }),
		tensor(onnx.Int64, []int64{1}, func(t *onnx.Tensor) { t.Ints = []int64{math.MinInt64} }),
		tensor(onnx.Uint64, []int64{1}, func(t *onnx.Tensor) { t.Ints = []int64{math.MaxInt64} }),
	} {
		raw := appendRaw(nil, in)
		require.Len(t, raw, rawSize(in), in.Type)
		text, err := json.Marshal(map[string]any{
			"inputs": []any{
				map[string]any{"name": "j", "datatype": "FP32", "shape": []int{1}, "data": []int{1}},
				map[string]any{"name": "x", "datatype": datatype(in.Type), "shape": in.Shape, "parameters": map[string]any{"binary_data_size": len(raw)}},
			},
			"parameters": map[string]any{"binary_data_output": true, "priority": 1, "share": 0.5, "note": "x", "list": []int{1}},
			"outputs":    []any{map[string]any{"name": "x", "parameters": map[string]any{"binary_data": false, "classification": 3}}},
		})
		require.NoError(t, err)
		got, err := newDecoder().decode(text, raw)
		require.NoError(t, err, in.Type)
		require.Equal(t, in, got.Inputs[1])
		require.Equal(t, map[string]any{"binary_data_output": true, "priority": int64(1), "share": 0.5, "note": "x"}, got.Parameters)
		require.Equal(t, 3, got.Outputs[0].Classes)
		require.False(t, *got.Outputs[0].Binary)
		_, err = newDecoder().decode(text, append(raw, 0))
		require.ErrorContains(t, err, "follow")
		_, err = newDecoder().decode(text, raw[:len(raw)-1])
		require.Error(t, err)
	}
	for name, raw := range map[string][]byte{
		"announces": binary.LittleEndian.AppendUint32(nil, 1<<31), "cannot hold": {1, 2, 3}, "follow": {0, 0, 0, 0, 0},
	} {
		x := onnx.Tensor{Name: "x", Type: onnx.String, Shape: []int64{1}}
		require.ErrorContains(t, decodeRaw(&x, 1, raw, &blocks{}), name)
	}
	big := onnx.Tensor{Name: "x", Type: onnx.Uint64, Shape: []int64{1}}
	require.ErrorContains(t, decodeRaw(&big, 1, binary.LittleEndian.AppendUint64(nil, math.MaxUint64), &blocks{}), "UINT64")
}

func TestRawRequest(t *testing.T) {
	t.Parallel()
	image := []onnx.Info{{Name: "x", Type: onnx.Float32, Shape: []int64{-1, -1, 2}}}
	got, err := rawRequest(image, make([]byte, 4*6))
	require.NoError(t, err)
	require.Equal(t, []int64{1, 3, 2}, got.Inputs[0].Shape)
	_, err = rawRequest(image, make([]byte, 4*5))
	require.ErrorContains(t, err, "needs 16 bytes, there are 20")
	_, err = rawRequest(append(image, image...), nil)
	require.ErrorContains(t, err, "one input")
	got, err = rawRequest([]onnx.Info{{Name: "s", Type: onnx.String, Shape: []int64{-1}}}, []byte("text"))
	require.NoError(t, err)
	require.Equal(t, []string{"text"}, got.Inputs[0].Strings)
}

func TestResponse(t *testing.T) {
	t.Parallel()
	all := []onnx.Tensor{
		{Name: "label", Type: onnx.Int64, Shape: []int64{2}, Ints: []int64{1, 0}},
		{Name: "score", Type: onnx.Float32, Shape: []int64{2, 2}, Floats: []float32{0.25, 0.75, 1, 0}},
	}
	outs, err := choose(Request{}, all, false)
	require.NoError(t, err)
	text, header, err := appendResponse(nil, Request{ID: "a\"b"}, Response{Model: "m", Version: "1"}, outs)
	require.NoError(t, err)
	require.Equal(t, -1, header)
	require.JSONEq(t, `{"model_name":"m","model_version":"1","id":"a\"b","outputs":[{"name":"label","datatype":"INT64","shape":[2],"data":[1,0]},
		{"name":"score","datatype":"FP32","shape":[2,2],"data":[0.25,0.75,1,0]}]}`, string(text))
	yes := true
	outs, err = choose(Request{Outputs: []Output{{Name: "score", Classes: 1}, {Name: "label", Binary: &yes}}}, all, false)
	require.NoError(t, err)
	text, header, err = appendResponse(nil, Request{}, Response{Model: "m", Version: "1"}, outs)
	require.NoError(t, err)
	require.JSONEq(t, `{"model_name":"m","model_version":"1","outputs":[{"name":"score","datatype":"BYTES","shape":[2,1],"data":["0.750000:1","1.000000:0"]},
		{"name":"label","datatype":"INT64","shape":[2],"parameters":{"binary_data_size":16}}]}`, string(text[:header]))
	require.Len(t, text[header:], 16)
	_, err = choose(Request{Outputs: []Output{{Name: "other"}}}, all, false)
	require.ErrorContains(t, err, `no output "other"`)
	all[1].Floats[0] = float32(math.NaN())
	outs, err = choose(Request{}, all, false)
	require.NoError(t, err)
	_, _, err = appendResponse(nil, Request{}, Response{}, outs)
	require.ErrorContains(t, err, "ask for binary data")
}

// A request is refused or holds exactly what its shapes say; what it announces costs nothing.
func FuzzDecodeRequest(f *testing.F) {
	f.Add([]byte(`{"inputs":[{"name":"x","datatype":"FP32","shape":[2,1],"data":[[1],[2]]}]}`), []byte{})
	f.Add([]byte(`{"id":"1","inputs":[{"name":"x","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":5}}]}`), []byte{1, 0, 0, 0, 'a'})
	f.Add([]byte(`{"inputs":[{"name":"x","datatype":"INT8","shape":[9999999,214],"data":[1,"a",[true]]}],"outputs":[{"name":"y","parameters":{"classification":2}}]}`), []byte{})
	f.Fuzz(func(t *testing.T, text, tail []byte) {
		r, err := newDecoder().decode(text, tail)
		if err != nil {
			require.Equal(t, Invalid, min(codeOf(err), Invalid), "%v", err)
			return
		}
		for _, in := range r.Inputs {
			n, err := count(in.Shape)
			require.NoError(t, err)
			require.Equal(t, n, in.Len())
			raw := appendRaw(nil, in)
			again := onnx.Tensor{Name: in.Name, Type: in.Type, Shape: in.Shape}
			require.NoError(t, decodeRaw(&again, n, raw, &blocks{}))
			require.Equal(t, raw, appendRaw(nil, again))
		}
	})
}
