package batch

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
)

func someTensors() []onnx.Tensor {
	return []onnx.Tensor{
		{Name: "f", Type: onnx.Float32, Shape: []int64{2, 2}, Floats: []float32{1, -2.5, float32(math.Inf(1)), 0}},
		{Name: "d", Type: onnx.Float64, Shape: []int64{1}, Doubles: []float64{math.Pi}},
		{Name: "i", Type: onnx.Int32, Shape: []int64{3, 1}, Ints: []int64{-1, 0, math.MaxInt32}},
		{Name: "b", Type: onnx.Bool, Shape: []int64{2}, Bools: []bool{true, false}},
		{Name: "s", Type: onnx.String, Shape: []int64{3, 1}, Strings: []string{"", "äöü", "x\x00y"}},
		{Name: "none", Type: onnx.Int64, Shape: []int64{0, 5}, Ints: []int64{}},
	}
}

func TestFramesCarryTensors(t *testing.T) {
	t.Parallel()
	var through bytes.Buffer
	p := &pipe{r: &through, w: &through}
	for range 3 { // memory is used again
		require.NoError(t, p.send(frameTensors, func(b []byte) ([]byte, error) { return appendTensors(b, someTensors()) }))
		kind, body, err := p.receive()
		require.NoError(t, err)
		require.EqualValues(t, frameTensors, kind)
		got, err := readTensors(body)
		require.NoError(t, err)
		require.Equal(t, someTensors(), got)
	}
	require.ErrorContains(t, p.send(frameTensors, func(b []byte) ([]byte, error) {
		return appendTensors(b, []onnx.Tensor{{Name: "x", Type: onnx.Unknown}})
	}), "not carried")
}

func TestFramesThatAreNone(t *testing.T) {
	t.Parallel()
	for name, b := range map[string][]byte{
		"cut off":       {5, 0, 0, 0, 1, 2},
		"empty":         {0, 0, 0, 0, 1},
		"a huge claim":  {255, 255, 255, 255, 1, 0},
		"a large claim": {0, 0, 0, 31, 1, 0},
	} {
		_, _, err := (&pipe{r: bytes.NewReader(b)}).receive()
		require.Error(t, err, name)
	}
}

// FuzzReadTensors: nothing that a child writes crashes its parent, and what is read can be written again.
func FuzzReadTensors(f *testing.F) {
	body, err := appendTensors(nil, someTensors())
	require.NoError(f, err)
	f.Add(body)
	f.Fuzz(func(t *testing.T, body []byte) {
		tensors, err := readTensors(body)
		if err != nil {
			require.ErrorIs(t, err, errFrame)
			return
		}
		again, err := appendTensors(nil, tensors)
		require.NoError(t, err)
		got, err := readTensors(again)
		require.NoError(t, err)
		require.Len(t, got, len(tensors))
		for i := range got {
			require.Equal(t, tensors[i].Shape, got[i].Shape)
			require.Equal(t, tensors[i].Len(), got[i].Len())
		}
	})
}
