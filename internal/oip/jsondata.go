package oip

import (
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// dataReader reads the field "data" of a tensor: flat, or nested as the shape
// is, row-major. The JSON is known to be well formed.
type dataReader struct {
	t    *onnx.Tensor
	left []byte
	most int // elements that the shape has room for
	n    int
}

// decodeData fills a tensor of n elements from JSON.
func decodeData(t *onnx.Tensor, n int, data json.RawMessage) error {
	if t.Type.Half() {
		return Errorf(Invalid, "input %q: %s has no form in JSON: send it as binary data", clip(t.Name), datatype(t.Type))
	}
	// No element is shorter than one byte and its comma, so the text bounds what is allocated.
	room := min(n, len(data)/2+1)
	switch {
	case t.Type == onnx.Float32:
		t.Floats = make([]float32, 0, room)
	case t.Type == onnx.Float64:
		t.Doubles = make([]float64, 0, room)
	case t.Type == onnx.Bool:
		t.Bools = make([]bool, 0, room)
	case t.Type == onnx.String:
		t.Strings = make([]string, 0, room)
	default:
		t.Ints = make([]int64, 0, room)
	}
	r := dataReader{t: t, left: data, most: n}
	r.space()
	if len(r.left) == 0 || r.left[0] != '[' {
		return Errorf(Invalid, "input %q: data: want a list", clip(t.Name))
	}
	if err := r.list(0); err != nil {
		return err
	}
	if r.n != n {
		return Errorf(Invalid, "input %q: the shape %v needs %d values, data has %d", clip(t.Name), t.Shape, n, r.n)
	}
	return nil
}

func (r *dataReader) space() {
	for len(r.left) > 0 {
		switch r.left[0] {
		case ' ', '\t', '\n', '\r':
			r.left = r.left[1:]
		default:
			return
		}
	}
}

// list reads a list at a depth of nesting. What is nested has to be so as the shape says.
func (r *dataReader) list(depth int) error {
	if depth >= max(len(r.t.Shape), 1) {
		return Errorf(Invalid, "input %q: data is nested deeper than its shape %v", clip(r.t.Name), r.t.Shape)
	}
	r.left = r.left[1:]
	items, nested := int64(0), false
	for {
		r.space()
		if r.left[0] == ']' {
			r.left = r.left[1:]
			break
		}
		var err error
		switch inner := r.left[0] == '['; {
		case items > 0 && inner != nested:
			return Errorf(Invalid, "input %q: data mixes values and lists", clip(r.t.Name))
		case inner:
			nested = true
			err = r.list(depth + 1)
		default:
			err = r.value()
		}
		if err != nil {
			return err
		}
		items++
		r.space()
		if r.left[0] == ',' {
			r.left = r.left[1:]
		}
	}
	flat := depth == 0 && !nested
	if !flat && (items != r.t.Shape[depth] || (!nested && depth != len(r.t.Shape)-1)) {
		return Errorf(Invalid, "input %q: data is nested otherwise than its shape %v", clip(r.t.Name), r.t.Shape)
	}
	return nil
}

// value reads one element.
func (r *dataReader) value() error {
	if r.n == r.most {
		return Errorf(Invalid, "input %q: the shape %v needs %d values, data has more", clip(r.t.Name), r.t.Shape, r.most)
	}
	r.n++
	token := r.token()
	switch r.t.Type {
	case onnx.Bool:
		switch string(token) {
		case "true", "1":
			r.t.Bools = append(r.t.Bools, true)
		case "false", "0":
			r.t.Bools = append(r.t.Bools, false)
		default:
			return r.refuse(token, "true or false")
		}
	case onnx.String:
		if token[0] != '"' {
			return r.refuse(token, "a string")
		}
		if !utf8.Valid(token) {
			return r.refuse([]byte("text"), "a string in UTF-8")
		}
		s, err := text("data", token)
		if err != nil {
			return r.refuse(token, "a string")
		}
		r.t.Strings = append(r.t.Strings, s)
	case onnx.Float32:
		v, err := strconv.ParseFloat(string(token), 32)
		if err != nil {
			return r.refuse(token, "a number that fits FP32")
		}
		r.t.Floats = append(r.t.Floats, float32(v))
	case onnx.Float64:
		v, err := strconv.ParseFloat(string(token), 64)
		if err != nil {
			return r.refuse(token, "a number that fits FP64")
		}
		r.t.Doubles = append(r.t.Doubles, v)
	default:
		v, err := strconv.ParseInt(string(token), 10, 64)
		if err != nil || !inRange(r.t.Type, v) {
			return r.refuse(token, "an integer that fits "+datatype(r.t.Type))
		}
		r.t.Ints = append(r.t.Ints, v)
	}
	return nil
}

func (r *dataReader) refuse(token []byte, want string) error {
	return Errorf(Invalid, "input %q: data: value %d is %s: want %s", clip(r.t.Name), r.n-1, clip(string(token)), want)
}

// token cuts the next value off: a string with its quotes, or all up to the next delimiter.
func (r *dataReader) token() []byte {
	end := 0
	if r.left[0] == '"' {
		for end = 1; r.left[end] != '"'; end++ {
			if r.left[end] == '\\' {
				end++
			}
		}
		end++
	} else {
		for end < len(r.left) {
			switch r.left[end] {
			case ',', ']', ' ', '\t', '\n', '\r':
			default:
				end++
				continue
			}
			break
		}
	}
	token := r.left[:end]
	r.left = r.left[end:]
	return token
}

// inRange tells whether an integer fits a type.
func inRange(t onnx.Type, v int64) bool {
	switch t {
	case onnx.Int8:
		return v >= math.MinInt8 && v <= math.MaxInt8
	case onnx.Int16:
		return v >= math.MinInt16 && v <= math.MaxInt16
	case onnx.Int32:
		return v >= math.MinInt32 && v <= math.MaxInt32
	case onnx.Uint8:
		return v >= 0 && v <= math.MaxUint8
	case onnx.Uint16:
		return v >= 0 && v <= math.MaxUint16
	case onnx.Uint32:
		return v >= 0 && v <= math.MaxUint32
	case onnx.Uint64:
		return v >= 0
	}
	return true
}

// appendData writes a tensor's elements as a flat list. JSON has no NaN and no
// infinity, and the protocol gives 16-bit floating-point numbers no form in it:
// they are an error that says what to ask for.
func appendData(b []byte, t onnx.Tensor) ([]byte, error) {
	if t.Type.Half() {
		return nil, Errorf(Invalid, "output %q: %s has no form in JSON: ask for binary data", t.Name, datatype(t.Type))
	}
	b = append(b, '[')
	for i := range t.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		switch {
		case t.Type.Float():
			v, bits := 0.0, 64
			if t.Type == onnx.Float32 {
				v, bits = float64(t.Floats[i]), 32
			} else {
				v = t.Doubles[i]
			}
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, Errorf(Internal, "output %q: value %d is %g, which JSON cannot carry: ask for binary data", t.Name, i, v)
			}
			b = strconv.AppendFloat(b, v, 'g', -1, bits)
		case t.Type == onnx.Bool:
			b = strconv.AppendBool(b, t.Bools[i])
		case t.Type == onnx.String:
			b = appendText(b, t.Strings[i])
		default:
			b = strconv.AppendInt(b, t.Ints[i], 10)
		}
	}
	return append(b, ']'), nil
}
