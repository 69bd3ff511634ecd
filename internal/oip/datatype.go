package oip

import (
	"math"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// datatype is the protocol's name of a type; empty for one that it does not have.
func datatype(t onnx.Type) string {
	switch t {
	case onnx.Bool:
		return "BOOL"
	case onnx.Uint8:
		return "UINT8"
	case onnx.Uint16:
		return "UINT16"
	case onnx.Uint32:
		return "UINT32"
	case onnx.Uint64:
		return "UINT64"
	case onnx.Int8:
		return "INT8"
	case onnx.Int16:
		return "INT16"
	case onnx.Int32:
		return "INT32"
	case onnx.Int64:
		return "INT64"
	case onnx.Float16:
		return "FP16"
	case onnx.BFloat16:
		return "BF16"
	case onnx.Float32:
		return "FP32"
	case onnx.Float64:
		return "FP64"
	case onnx.String:
		return "BYTES"
	}
	return ""
}

// elementType is the type of the protocol's name.
func elementType[S string | []byte](name S) (onnx.Type, error) {
	switch string(name) {
	case "BOOL":
		return onnx.Bool, nil
	case "UINT8":
		return onnx.Uint8, nil
	case "UINT16":
		return onnx.Uint16, nil
	case "UINT32":
		return onnx.Uint32, nil
	case "UINT64":
		return onnx.Uint64, nil
	case "INT8":
		return onnx.Int8, nil
	case "INT16":
		return onnx.Int16, nil
	case "INT32":
		return onnx.Int32, nil
	case "INT64":
		return onnx.Int64, nil
	case "FP16":
		return onnx.Float16, nil
	case "BF16":
		return onnx.BFloat16, nil
	case "FP32":
		return onnx.Float32, nil
	case "FP64":
		return onnx.Float64, nil
	case "BYTES":
		return onnx.String, nil
	}
	return "", Errorf(Invalid, "datatype %q is none of BOOL, UINT8 to UINT64, INT8 to INT64, FP16, BF16, FP32, FP64 and BYTES", clip(string(name)))
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

// count is how many elements a shape has. Negative sizes and numbers that no
// request could carry are refused.
func count(shape []int64) (int, error) {
	const most = 1 << 31
	n := int64(1)
	for _, d := range shape {
		if d < 0 {
			return 0, Errorf(Invalid, "the shape %v has a negative size", shape)
		}
		if d > most || (d > 0 && n > most/d) {
			return 0, Errorf(Invalid, "the shape %v is too large", shape)
		}
		n *= d
	}
	return int(n), nil
}
