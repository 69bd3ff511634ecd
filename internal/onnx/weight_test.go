package onnx

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every binary16 number survives the way to float64 and back.
func TestHalfPrecisionRoundTrip(t *testing.T) {
	t.Parallel()
	for h := range 1 << 16 {
		v := halfToFloat(uint16(h))
		if math.IsNaN(v) {
			require.True(t, math.IsNaN(halfToFloat(floatToHalf(v))))
			continue
		}
		require.Equal(t, uint16(h), floatToHalf(v), "%v", v)
	}
	for v, want := range map[float64]float64{
		1.0 / 3: 0.333251953125, 65504: 65504, 65519.99: 65504, 65520: math.Inf(1), -1e9: math.Inf(-1),
		1 + 1.0/2048: 1, 1 + 3.0/2048: 1 + 2.0/1024, // ties go to even
		2047.9999: 2048, math.Ldexp(1, -26): 0,
	} {
		require.Equal(t, want, halfToFloat(floatToHalf(v)), "%v", v)
	}
}

// What a probe of a device runs is a model like any other.
func TestIdentityModel(t *testing.T) {
	t.Parallel()
	g, err := ReadGraph(identityModel())
	require.NoError(t, err)
	require.Equal(t, []Info{{Name: "x", Type: Float32, Shape: []int64{1}}}, g.Inputs)
	require.Equal(t, []Info{{Name: "y", Type: Float32, Shape: []int64{1}}}, g.Outputs)
	library, err := FindLibrary()
	require.NoError(t, err)
	r, err := Start(library)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	s, err := r.Open(identityModel(), Options{Device: DeviceCPU})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	out, err := s.Run(t.Context(), []Tensor{{Name: "x", Type: Float32, Shape: []int64{1}, Floats: []float32{3}}})
	require.NoError(t, err)
	require.Equal(t, []float32{3}, out[0].Floats)
}
