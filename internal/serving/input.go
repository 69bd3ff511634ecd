package serving

import (
	"slices"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// Input is one request's rows. One of the three is filled: Rows, objects by
// column name; Matrix, numbers in the order of the model's columns; or Tensors,
// the model's inputs themselves.
type Input struct {
	Rows    []map[string]any
	Matrix  [][]float64
	Tensors []onnx.Tensor
}

// Len is the number of rows.
func (in Input) Len() int {
	switch {
	case in.Rows != nil:
		return len(in.Rows)
	case len(in.Tensors) > 0:
		return int(in.Tensors[0].Rows())
	}
	return len(in.Matrix)
}

// first is the first row alone; of tensors whose rows can't be told apart, all.
func (in Input) first() Input {
	switch {
	case len(in.Rows) > 0:
		return Input{Rows: in.Rows[:1:1]}
	case len(in.Matrix) > 0:
		return Input{Matrix: in.Matrix[:1:1]}
	case len(in.Tensors) == 0:
		return Input{}
	}
	if n := in.Tensors[0].Rows(); n > 1 {
		if parts, err := onnx.Split(in.Tensors, []int64{1, n - 1}); err == nil {
			return Input{Tensors: parts[0]}
		}
	}
	return in
}

// times repeats the first row.
func (in Input) times(n int) Input {
	one := in.first()
	switch {
	case n == 1:
		return one
	case one.Rows != nil:
		return Input{Rows: slices.Repeat(one.Rows, n)}
	case one.Matrix != nil:
		return Input{Matrix: slices.Repeat(one.Matrix, n)}
	}
	return Input{Tensors: onnx.Concat(slices.Repeat([][]onnx.Tensor{one.Tensors}, n))}
}
