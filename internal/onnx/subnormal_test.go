package onnx

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	ort "github.com/yalue/onnxruntime_go"
)

// Of a network whose training shrank thousands of weights towards zero only these change, and
// what it answers does not.
func TestSubnormalWeightsBecomeZero(t *testing.T) {
	t.Parallel()
	model, err := os.ReadFile(filepath.Join("..", "..", "examples", "mnist", "models", "1.0.0.onnx"))
	require.NoError(t, err)
	before := slices.Clone(model)
	g, err := ReadGraph(model)
	require.NoError(t, err)
	flushed := withoutSubnormals(model, g)
	require.Equal(t, before, model, "the caller's bytes must stay as they are")
	after, err := ReadGraph(flushed)
	require.NoError(t, err)
	zeroed := 0
	for i, p := range g.Parameters {
		was, err := g.Values(p)
		require.NoError(t, err)
		is, err := after.Values(after.Parameters[i])
		require.NoError(t, err)
		for j, v := range was {
			if a := math.Abs(v); a != 0 && a < 0x1p-126 {
				zeroed++
				v = 0
			}
			require.Equal(t, v, is[j]) //nolint:testifylint // bits count
		}
	}
	require.Equal(t, 7912, zeroed) // as NumPy counts them

	library, err := FindLibrary()
	require.NoError(t, err)
	rt, err := Start(library)
	require.NoError(t, err)
	defer func() { require.NoError(t, rt.Close()) }()
	image := Tensor{Name: "pixels", Type: Float32, Shape: []int64{1, 784}, Floats: make([]float32, 784)}
	for i := range image.Floats {
		image.Floats[i] = float32(i * 37 % 256)
	}
	answer := func(model []byte) []float32 {
		native, err := ort.NewDynamicAdvancedSessionWithONNXData(model, names(g.Inputs), names(g.Outputs), nil)
		require.NoError(t, err)
		s := &Session{inputs: g.Inputs, outputs: g.Outputs, halves: make([]Type, len(g.Outputs)), native: native}
		defer func() { require.NoError(t, s.Close()) }()
		out, err := s.Run(t.Context(), []Tensor{image})
		require.NoError(t, err)
		return out[1].Floats
	}
	require.Equal(t, answer(model), answer(flushed))
}

// Numbers that are all small mean something, and so do those of a tensor with a NaN.
func TestSubnormalWeightsThatCountStay(t *testing.T) {
	t.Parallel()
	good, err := os.ReadFile(filepath.Join("testdata", "good.onnx"))
	require.NoError(t, err)
	g, err := ReadGraph(good)
	require.NoError(t, err)
	p := g.Parameters[slices.IndexFunc(g.Parameters, func(p Parameter) bool { return p.Type == Float32 && p.Count > 1 })]
	values, err := g.Values(p)
	require.NoError(t, err)
	for name, others := range map[string]float64{"all small": 0x1p-120, "one is no number": math.NaN()} {
		model, err := g.PerturbAll(p, func(i int64) float64 {
			if i == 0 {
				return 0x1p-130 - values[0]
			}
			return others - values[i]
		})
		require.NoError(t, err)
		changed, err := ReadGraph(model)
		require.NoError(t, err)
		require.True(t, bytes.Equal(model, withoutSubnormals(model, changed)), name)
	}
}
