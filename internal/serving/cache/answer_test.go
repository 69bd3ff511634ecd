package cache

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// everyType has a tensor of each element type, with the values that are lost most easily.
func everyType() []onnx.Tensor {
	out := []onnx.Tensor{
		{Name: "f32", Type: onnx.Float32, Shape: []int64{2, 2}, Floats: []float32{float32(math.Copysign(0, -1)), float32(math.Inf(1)), math.SmallestNonzeroFloat32, math.Float32frombits(0x7fc00123)}},
		{Name: "f64", Type: onnx.Float64, Shape: []int64{3}, Doubles: []float64{math.Copysign(0, -1), math.Float64frombits(0x7ff8000000000456), 1.0 / 3}},
		{Name: "f16", Type: onnx.Float16, Shape: []int64{1, 2}, Halves: []uint16{0x8000, 0x7e01}},
		{Name: "bf16", Type: onnx.BFloat16, Shape: []int64{1}, Halves: []uint16{0x7fc1}},
		{Name: "yes", Type: onnx.Bool, Shape: []int64{3}, Bools: []bool{true, false, true}},
		{Name: "words", Type: onnx.String, Shape: []int64{2, 2}, Strings: []string{"", "zwei", "\xff\x00\xfe", "世界"}},
		{Name: "none", Type: onnx.Float32, Shape: []int64{0, 4}, Floats: []float32{}},
		{Name: "nothing", Type: onnx.String, Shape: []int64{0}, Strings: []string{}},
		{Name: "", Type: onnx.Int64, Shape: []int64{}, Ints: []int64{math.MinInt64}},
	}
	for _, t := range []onnx.Type{onnx.Int64, onnx.Int32, onnx.Int16, onnx.Int8, onnx.Uint64, onnx.Uint32, onnx.Uint16, onnx.Uint8} {
		out = append(out, onnx.Tensor{Name: string(t), Type: t, Shape: []int64{4, 1}, Ints: []int64{0, 1, -1, math.MaxInt64}})
	}
	return out
}

// dump is all of tensors as text, in which two NaNs differ as their bits do.
func dump(tensors []onnx.Tensor) string {
	var text string
	for i := range tensors {
		t := &tensors[i]
		text += fmt.Sprintf("%q %q %d %d %x %q;", t.Name, t.Type, t.Shape, t.Len(), content(t), t.Strings)
	}
	return text
}

func TestAnswerComesBackAsItWas(t *testing.T) {
	t.Parallel()
	out := everyType()
	a := NewAnswer(out)
	require.Len(t, a.block, sizeOf(out), "the block is made in one piece")
	want := dump(out)
	require.Equal(t, want, dump(a.Tensors(nil)))

	infos := make([]onnx.Info, len(out))
	for i := range out {
		infos[i] = onnx.Info{Name: out[i].Name, Type: out[i].Type}
	}
	infos[0].Name, infos[1].Type = "other", onnx.Int8
	require.Equal(t, want, dump(a.Tensors(infos)), "what the model states is no answer")
	require.Equal(t, want, dump(a.Tensors(infos[:2])))
	require.Empty(t, NewAnswer(nil).Tensors(nil))
}

func TestNobodyChangesAnAnswer(t *testing.T) {
	t.Parallel()
	out := everyType()
	a, want := NewAnswer(out), dump(out)
	spoil := func(tensors []onnx.Tensor) {
		for i := range tensors {
			t := &tensors[i]
			for j := range t.Shape {
				t.Shape[j] = 99
			}
			clear(t.Floats)
			clear(t.Doubles)
			clear(t.Halves)
			clear(t.Ints)
			clear(t.Bools)
			clear(t.Strings)
		}
	}
	spoil(out)
	given := a.Tensors(nil)
	require.Equal(t, want, dump(given))
	spoil(given)
	require.Equal(t, want, dump(a.Tensors(nil)))
}
