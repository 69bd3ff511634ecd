package oip

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// Fields come in any order, and the last of several of one name counts.
func TestOrderOfFields(t *testing.T) {
	t.Parallel()
	x := onnx.Tensor{Name: "x", Type: onnx.Float32, Shape: []int64{2}, Floats: []float32{1, 2}}
	d := newDecoder()
	for _, body := range []string{
		`{"inputs":[{"name":"x","shape":[2],"datatype":"FP32","data":[1,2]}]}`,
		`{"inputs":[{"data":[1,2],"datatype":"FP32","name":"x","shape":[2]}]}`,
		`{"inputs":[{"data":[3,[true]],"shape":[7,7],"datatype":"no","name":"y","data":[[1],[2]],"datatype":"FP32","name":"x","shape":[],"data":[1,2],"shape":[2]}]}`,
		`{"inputs":[{"datatype":"none"}],"inputs":[{"name":"x","shape":[2],"datatype":"FP32","data":[1,2]}]}`,
		`{"inputs":[{"name":"\u0078","shape":[2],"datatype":"FP\u0033\u0032","data":[1,2]}],"more":[{"inputs":"]"}]}`,
	} {
		got, err := d.decode([]byte(body), nil)
		require.NoError(t, err, body)
		require.Equal(t, []onnx.Tensor{x}, got.Inputs, body)
	}
	for body, words := range map[string]string{
		`{"inputs":[{"name":"x","shape":[1],"datatype":"FP99","data":[1]}],}`:       "invalid character '}'", // what is no JSON is said first
		`{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1 2]}]}`:      "invalid character '2'",
		`{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1,,]}]}`:      "invalid character ','",
		`{"inputs":[{"data":[NaN],"name":"x","shape":[1],"datatype":"FP32"}]}`:      "invalid character 'N'",
		`{"inputs":[{"data":[NaN],"data":[1]}]}`:                                    "invalid character 'N'",
		`{"inputs":[{"datatype":"FP99","data":[NaN]}]}`:                             "invalid character 'N'",
		`{"inputs":[{"shape":[1],"datatype":"FP32","data":["a"],"name":"x"},{}]}`:   `input "x": data: value 0 is "a": want a number that fits FP32`,
		`{"inputs":[{"shape":[1],"datatype":"FP32","data":[{"a":[2]}]}]}`:           `data: value 0 is {"a":[2]}: want`,
		"{\"inputs\":[{\"shape\":[1],\"datatype\":\"BYTES\",\"data\":[\"\xff\"]}]}": "want a string in UTF-8",
	} {
		_, err := d.decode([]byte(body), nil)
		require.ErrorContains(t, err, words, body)
	}
}

// A decoder is used again, and what it handed out stays as it is.
func TestDecoderIsUsedAgain(t *testing.T) {
	t.Parallel()
	d := newDecoder()
	first, second := columns(), columns()
	for i := range second {
		second[i].Name = "other" + strconv.Itoa(i)
		if _, ok := second[i].Data.([]string); ok {
			second[i].Data = []string{"\u00e9\n"}
		} else {
			second[i].Data = []float32{-1}
		}
	}
	texts := make([][]byte, 2)
	for i, inputs := range [][]benchInput{first, second} {
		var err error
		texts[i], err = json.Marshal(map[string]any{"inputs": inputs})
		require.NoError(t, err)
	}
	body := bytes.Clone(texts[0])
	got, err := d.decode(body, nil)
	require.NoError(t, err)
	copy(body, bytes.Repeat([]byte{'x'}, len(body)))
	_, err = d.decode(texts[1], nil)
	require.NoError(t, err)
	want, err := newDecoder().decode(texts[0], nil)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Equal(t, []string{"A0"}, got.Inputs[0].Strings)
	require.Equal(t, []float32{12.5}, got.Inputs[1].Floats)
}

// escapedName is a name of a field with escapes, which means nothing to the decoder.
var escapedName = regexp.MustCompile(`\\[^"]*"\s*:`)

// FuzzSameAsJSON compares with a decoder that is slow and plain.
func FuzzSameAsJSON(f *testing.F) {
	for _, inputs := range [][]benchInput{columns()[:3], {{Name: "x", Shape: []int64{2, 1}, Datatype: "INT64", Data: [][]int64{{1}, {-1 << 63}}}}} {
		for _, v := range []any{inputs, dataFirst(inputs)} {
			body, err := json.Marshal(map[string]any{"inputs": v, "id": "7"})
			require.NoError(f, err)
			f.Add(body)
		}
	}
	f.Add([]byte(`{"inputs":[{"name":"a","shape":[2],"datatype":"BOOL","data":[true,0]},{"name":"\n","datatype":"BYTES","data":["\ud83d\ude00"]},{"shape":[1,2,1],"datatype":"FP64","data":[[[1e400],[2]]]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := newDecoder().decode(body, nil)
		want, ok := plainDecode(body)
		if err == nil {
			if !escapedName.Match(body) {
				require.True(t, ok)
				require.Equal(t, want, got.Inputs)
			}
			return
		}
		if bytes.Contains(body, []byte(`"outputs"`)) || bytes.Contains(body, []byte(`"parameters"`)) {
			return
		}
		for _, name := range []string{`"inputs"`, `"id"`, `"name"`, `"shape"`, `"datatype"`, `"data"`} {
			if bytes.Count(body, []byte(name)) > len(want) { // what is overwritten may be wrong, and what is not compared
				return
			}
		}
		if utf8.Valid(body) && bytes.Count(body, []byte("["))+bytes.Count(body, []byte("{")) <= maxNesting && !escapedName.Match(body) {
			require.False(t, ok, "%v", err)
		}
	})
}

// plainDecode reads a request's inputs by encoding/json; false if they are not as the protocol wants them.
func plainDecode(body []byte) ([]onnx.Tensor, bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var request map[string]any
	if !json.Valid(body) || d.Decode(&request) != nil {
		return nil, false
	}
	if id, text := request["id"].(string); id == "" && !text && request["id"] != nil {
		return nil, false
	}
	list, _ := request["inputs"].([]any)
	out := make([]onnx.Tensor, len(list))
	for i, v := range list {
		in, _ := v.(map[string]any)
		name, named := in["name"].(string)
		datatype, _ := in["datatype"].(string)
		kind, err := elementType(datatype)
		if in["name"] != nil && !named {
			return out, false
		}
		t := onnx.Tensor{Name: name, Type: kind}
		if sizes, ok := in["shape"].([]any); ok {
			t.Shape = []int64{}
			for _, size := range sizes {
				n, _ := size.(json.Number)
				v, err := strconv.ParseInt(n.String(), 10, 64)
				if err != nil {
					return out, false
				}
				t.Shape = append(t.Shape, v)
			}
		} else if in["shape"] != nil {
			return out, false
		}
		n, wrong := count(t.Shape)
		data, ok := in["data"].([]any)
		if err != nil || wrong != nil || !ok || kind.Half() {
			return out, false
		}
		values, ok := flat(data, t.Shape)
		if !ok || len(values) != n || !fill(&t, values) {
			return out, false
		}
		out[i] = t
	}
	return out, len(out) > 0
}

// flat are the values of data that is flat, or nested as a shape is.
func flat(data []any, shape []int64) ([]any, bool) {
	if len(data) == 0 {
		return nil, true
	}
	_, nested := data[0].([]any)
	if !nested {
		for _, v := range data {
			if _, list := v.([]any); list {
				return nil, false
			}
		}
		return data, true
	}
	return rows(data, shape)
}

func rows(data []any, shape []int64) (out []any, ok bool) {
	if len(shape) == 0 || int64(len(data)) != shape[0] {
		return nil, false
	}
	for _, v := range data {
		list, nested := v.([]any)
		switch {
		case nested != (len(shape) > 1):
			return nil, false
		case nested:
			values, ok := rows(list, shape[1:])
			if !ok {
				return nil, false
			}
			out = append(out, values...)
		default:
			out = append(out, v)
		}
	}
	return out, true
}

// fill reads values by strconv.
func fill(t *onnx.Tensor, values []any) bool {
	t.Floats, t.Doubles, t.Ints, t.Bools, t.Strings = []float32{}, []float64{}, []int64{}, []bool{}, []string{}
	for _, v := range values {
		n, _ := v.(json.Number)
		single, tooLarge := strconv.ParseFloat(n.String(), 32)
		double, infinite := strconv.ParseFloat(n.String(), 64)
		whole, broken := strconv.ParseInt(n.String(), 10, 64)
		truth, boolean := v.(bool)
		text, isText := v.(string)
		switch {
		case t.Type == onnx.Float32 && tooLarge == nil:
			t.Floats = append(t.Floats, float32(single))
		case t.Type == onnx.Float64 && infinite == nil:
			t.Doubles = append(t.Doubles, double)
		case t.Type == onnx.String && isText:
			t.Strings = append(t.Strings, text)
		case t.Type == onnx.Bool && (boolean || n == "0" || n == "1"):
			t.Bools = append(t.Bools, truth || n == "1")
		case t.Type.Integer() && broken == nil && inRange(t.Type, whole):
			t.Ints = append(t.Ints, whole)
		default:
			return false
		}
	}
	switch of := *t; {
	case of.Type.Integer():
		t.Floats, t.Doubles, t.Bools, t.Strings = nil, nil, nil, nil
	case of.Type == onnx.Float32:
		t.Doubles, t.Ints, t.Bools, t.Strings = nil, nil, nil, nil
	case of.Type == onnx.Float64:
		t.Floats, t.Ints, t.Bools, t.Strings = nil, nil, nil, nil
	case of.Type == onnx.Bool:
		t.Floats, t.Doubles, t.Ints, t.Strings = nil, nil, nil, nil
	default:
		t.Floats, t.Doubles, t.Ints, t.Bools = nil, nil, nil, nil
	}
	return true
}
