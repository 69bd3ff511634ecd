package onnx_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// The bits are numpy's float16 and ml_dtypes' bfloat16 of these numbers.
func TestHalves(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		v             float32
		float16, bf16 uint16
	}{
		{0, 0, 0}, {float32(math.Copysign(0, -1)), 0x8000, 0x8000}, {1, 0x3c00, 0x3f80}, {-2.5, 0xc100, 0xc020}, {0.1, 0x2e66, 0x3dcd},
		{65504, 0x7bff, 0x4780}, {65520, 0x7c00, 0x4780}, {1e-7, 0x0002, 0x33d7}, {5.9604645e-08, 0x0001, 0x3380}, {1e-10, 0x0000, 0x2edc},
		{1.00390625, 0x3c04, 0x3f80}, {1.01171875, 0x3c0c, 0x3f82}, {3.4e38, 0x7c00, 0x7f80}, {float32(math.Inf(-1)), 0xfc00, 0xff80},
	} {
		require.Equal(t, c.float16, onnx.ToHalf(onnx.Float16, c.v), "float16 of %g", c.v)
		require.Equal(t, c.bf16, onnx.ToHalf(onnx.BFloat16, c.v), "bfloat16 of %g", c.v)
	}
	for bits := range 1 << 16 {
		for _, kind := range []onnx.Type{onnx.Float16, onnx.BFloat16} {
			v := onnx.FromHalf(kind, uint16(bits))
			if math.IsNaN(float64(v)) {
				require.True(t, math.IsNaN(float64(onnx.FromHalf(kind, onnx.ToHalf(kind, v)))))
				continue
			}
			require.Equal(t, uint16(bits), onnx.ToHalf(kind, v), "%s %#x", kind, bits)
		}
	}
}
