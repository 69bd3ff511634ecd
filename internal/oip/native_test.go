package oip

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// Bytes that need no conversion mean the same as those that get one, wherever they lie.
func TestNativeBytes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tensor onnx.Tensor
		raw    []byte
	}{
		{onnx.Tensor{Type: onnx.Float32, Floats: []float32{1, float32(math.Inf(-1))}}, []byte{0, 0, 0x80, 0x3f, 0, 0, 0x80, 0xff}},
		{onnx.Tensor{Type: onnx.Float64, Doubles: []float64{1, -2}}, []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0}},
		{onnx.Tensor{Type: onnx.Int64, Ints: []int64{1, -2}}, []byte{1, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		{onnx.Tensor{Type: onnx.Int16, Ints: []int64{1, -2}}, []byte{1, 0, 0xfe, 0xff}},
		{onnx.Tensor{Type: onnx.Float32, Floats: []float32{}}, []byte{}},
	} {
		c.tensor.Name = string(c.tensor.Type)
		c.tensor.Shape = []int64{int64(c.tensor.Len())}
		require.Equal(t, c.raw, rawOf(c.tensor))
		require.Equal(t, append([]byte("x"), c.raw...), appendRaw([]byte("x"), c.tensor))
		for offset := range 9 { // most places are not where such a number may lie
			raw := append(make([]byte, offset, offset+len(c.raw)), c.raw...)[offset:]
			got := onnx.Tensor{Name: c.tensor.Name, Type: c.tensor.Type, Shape: c.tensor.Shape}
			require.NoError(t, decodeRaw(&got, c.tensor.Len(), raw, &blocks{}))
			require.Equal(t, c.tensor, got)
		}
	}
}
