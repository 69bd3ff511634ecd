package oip

import "github.com/slipway-ml/slipway/internal/onnx"

// BinarySize is how many bytes AppendBinary writes.
func BinarySize(t onnx.Tensor) int { return rawSize(t) }

// AppendBinary writes a tensor's elements in the protocol's binary form, as the
// binary tensor extension and raw_input_contents have them.
func AppendBinary(b []byte, t onnx.Tensor) []byte { return appendRaw(b, t) }

// DecodeBinary reads a tensor's elements from the protocol's binary form. The bytes have to be
// exactly as many as the shape needs; else the error is an Error with the code Invalid. They belong to the tensor
// from then on.
func DecodeBinary(name string, kind onnx.Type, shape []int64, raw []byte) (onnx.Tensor, error) {
	t := onnx.Tensor{Name: name, Type: kind, Shape: shape}
	n, err := count(shape)
	if err == nil {
		err = decodeRaw(&t, n, raw, &blocks{})
	}
	if err != nil {
		err = ofInput(name, err)
	}
	return t, err
}
