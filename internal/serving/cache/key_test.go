package cache

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
)

func floats(name string, shape []int64, values ...float32) onnx.Tensor {
	return onnx.Tensor{Name: name, Type: onnx.Float32, Shape: shape, Floats: values}
}

func words(name string, values ...string) onnx.Tensor {
	return onnx.Tensor{Name: name, Type: onnx.String, Shape: []int64{int64(len(values))}, Strings: values}
}

func ints(name string, kind onnx.Type, values ...int64) onnx.Tensor {
	return onnx.Tensor{Name: name, Type: kind, Shape: []int64{int64(len(values))}, Ints: values}
}

// Requests that a careless hash takes for one.
func TestKeysDiffer(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", flushAt)
	requests := [][]onnx.Tensor{
		nil,
		{words("a")}, {words("a", "")}, {words("a", "", "")},
		{words("a", "bc", "d")}, {words("a", "b", "cd")}, {words("a", "bcd")}, {words("ab", "c", "d")},
		{words("a", long, "y")}, {words("a", long+"y", "")}, {words("a", "", long+"y")}, {words("a", long+"y")},
		{words("a", "x"), words("b", "y")}, {words("b", "y"), words("a", "x")}, {words("a", "y"), words("b", "x")}, {words("a", "x", "y")},
		{floats("a", []int64{2, 3}, 1, 2, 3, 4, 5, 6)}, {floats("a", []int64{3, 2}, 1, 2, 3, 4, 5, 6)}, {floats("a", []int64{6}, 1, 2, 3, 4, 5, 6)}, {floats("a", []int64{1, 6}, 1, 2, 3, 4, 5, 6)},
		{floats("a", []int64{1}, 1), floats("b", []int64{2}, 2, 3)}, {floats("a", []int64{2}, 1, 2), floats("b", []int64{1}, 3)},
		{ints("a", onnx.Int64, 1)}, {ints("a", onnx.Int32, 1)}, {ints("a", onnx.Uint8, 1)}, {ints("a", onnx.Uint8, 257)}, {ints("a", onnx.Int64, 1, 0)},
		{{Name: "a", Type: onnx.Bool, Shape: []int64{1}, Bools: []bool{true}}}, {{Name: "a", Type: onnx.Bool, Shape: []int64{1}, Bools: []bool{false}}},
		{{Name: "a", Type: onnx.Float16, Shape: []int64{1}, Halves: []uint16{1}}}, {{Name: "a", Type: onnx.BFloat16, Shape: []int64{1}, Halves: []uint16{1}}},
	}
	c, seen := New(1<<20, nil), map[Key]int{}
	for i, r := range requests {
		k := c.Key(r)
		require.NotContains(t, seen, k, "%d is taken for another", i)
		seen[k] = i
		require.Equal(t, k, c.Key(r), "%d", i)
	}
	all := c.Key(everyType())
	require.Equal(t, all, c.Key(NewAnswer(everyType()).Tensors(nil)), "equal tensors have one key wherever they lie")
}

// source makes tensors of arbitrary bytes.
type source struct{ rest []byte }

func (s *source) byte() byte {
	if len(s.rest) == 0 {
		return 0
	}
	b := s.rest[0]
	s.rest = s.rest[1:]
	return b
}

func (s *source) text() string {
	n := min(int(s.byte()%8), len(s.rest))
	b := s.rest[:n]
	s.rest = s.rest[n:]
	return string(b)
}

func (s *source) tensors() []onnx.Tensor {
	kinds := []onnx.Type{onnx.Float32, onnx.Float64, onnx.Float16, onnx.Int64, onnx.Uint8, onnx.Bool, onnx.String}
	out := make([]onnx.Tensor, s.byte()%4)
	for i := range out {
		t := &out[i]
		t.Name, t.Type, t.Shape = s.text(), kinds[int(s.byte())%len(kinds)], make([]int64, s.byte()%3)
		for j := range t.Shape {
			t.Shape[j] = int64(int8(s.byte())) //nolint:gosec // negative ones too
		}
		for range s.byte() % 8 {
			switch {
			case t.Type == onnx.Float32:
				t.Floats = append(t.Floats, float32(s.byte()))
			case t.Type == onnx.Float64:
				t.Doubles = append(t.Doubles, float64(s.byte()))
			case t.Type.Half():
				t.Halves = append(t.Halves, uint16(s.byte()))
			case t.Type.Integer():
				t.Ints = append(t.Ints, int64(s.byte()))
			case t.Type == onnx.Bool:
				t.Bools = append(t.Bools, s.byte()%2 == 1)
			default:
				t.Strings = append(t.Strings, s.text())
			}
		}
	}
	return out
}

// FuzzKey looks for two requests that are different and have one key, or equal and have two, and for answers
// that do not come back as they were.
func FuzzKey(f *testing.F) {
	f.Add([]byte{1, 1, 'a', 6, 1, 2, 2, 1, 'b', 1, 'c'}, []byte{1, 1, 'a', 6, 1, 2, 2, 0, 2, 'b', 'c'})
	f.Add([]byte{2, 1, 'a', 0, 0, 1, 1, 1, 'b', 0, 0, 2, 2, 3}, []byte{2, 1, 'a', 0, 0, 2, 1, 2, 1, 'b', 0, 0, 1, 3})
	f.Add([]byte{1, 0, 0, 1, 0, 0}, []byte{1, 0, 0, 1, 1, 0})
	c := New(1<<20, nil)
	f.Fuzz(func(t *testing.T, one, other []byte) {
		a, b := (&source{one}).tensors(), (&source{other}).tensors()
		if same := dump(a) == dump(b); (c.Key(a) == c.Key(b)) != same {
			t.Fatalf("equal: %t, keys say otherwise:\n%s\n%s", same, dump(a), dump(b))
		}
		if got := dump(NewAnswer(a).Tensors(nil)); got != dump(a) {
			t.Fatalf("put in %s\ncame back %s", dump(a), got)
		}
	})
}
