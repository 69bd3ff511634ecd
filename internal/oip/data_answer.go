package oip

import (
	"math"
	"strconv"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// appendData writes a tensor's elements as a flat list. JSON has no NaN and no
// infinity, and the protocol gives 16-bit floating-point numbers no form in it:
// they are an error that says what to ask for.
func appendData(b []byte, t *onnx.Tensor) ([]byte, error) {
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
