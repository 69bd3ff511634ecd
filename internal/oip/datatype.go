package oip

import "github.com/slipway-ml/slipway/internal/onnx"

// The protocol's names of element types.
var datatypes = map[onnx.Type]string{
	onnx.Bool: "BOOL", onnx.Uint8: "UINT8", onnx.Uint16: "UINT16", onnx.Uint32: "UINT32", onnx.Uint64: "UINT64",
	onnx.Int8: "INT8", onnx.Int16: "INT16", onnx.Int32: "INT32", onnx.Int64: "INT64",
	onnx.Float16: "FP16", onnx.BFloat16: "BF16", onnx.Float32: "FP32", onnx.Float64: "FP64", onnx.String: "BYTES",
}

var elementTypes = func() map[string]onnx.Type {
	out := make(map[string]onnx.Type, len(datatypes))
	for t, name := range datatypes {
		out[name] = t
	}
	return out
}()

// datatype is the protocol's name of a type.
func datatype(t onnx.Type) string { return datatypes[t] }

// elementType is the type of the protocol's name.
func elementType(name string) (onnx.Type, error) {
	if t, ok := elementTypes[name]; ok {
		return t, nil
	}
	return "", Errorf(Invalid, "datatype %q is none of BOOL, UINT8 to UINT64, INT8 to INT64, FP16, BF16, FP32, FP64 and BYTES", clip(name))
}

// width is the size of an element in bytes; 0 for strings.
func width(t onnx.Type) int {
	switch t {
	case onnx.Bool, onnx.Int8, onnx.Uint8:
		return 1
	case onnx.Int16, onnx.Uint16, onnx.Float16, onnx.BFloat16:
		return 2
	case onnx.Int32, onnx.Uint32, onnx.Float32:
		return 4
	case onnx.Int64, onnx.Uint64, onnx.Float64:
		return 8
	}
	return 0
}

// count is how many elements a shape has. Negative sizes and numbers that no
// request could carry are refused.
func count(name string, shape []int64) (int, error) {
	const most = 1 << 31
	n := int64(1)
	for _, d := range shape {
		if d < 0 {
			return 0, Errorf(Invalid, "input %q: the shape %v has a negative size", clip(name), shape)
		}
		if d > most || (d > 0 && n > most/d) {
			return 0, Errorf(Invalid, "input %q: the shape %v is too large", clip(name), shape)
		}
		n *= d
	}
	return int(n), nil
}

// clip is a name that came from outside, cut to what fits an error.
func clip(s string) string {
	const most = 64
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
