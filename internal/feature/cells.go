package feature

import (
	"fmt"
	"math"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/onnx"
)

// Wants lists the columns that the model's inputs are made from, for
// dataset.NewCells. A model with a single matrix takes the given features in
// their order; one with columns names them itself. The error wraps onnx.ErrInput.
func (m *Mapper) Wants(features []string) ([]dataset.Column, error) {
	if !m.matrix {
		out := make([]dataset.Column, len(m.inputs))
		for i, in := range m.inputs {
			out[i] = dataset.Column{Name: in.Name, Kind: kindOf(in.Type)}
		}
		return out, nil
	}
	if m.width >= 0 && int64(len(features)) != m.width {
		return nil, fmt.Errorf("%w: the model's input %s wants %d columns, there are %d: exclude those that are no features", onnx.ErrInput, m.inputs[0], m.width, len(features))
	}
	out := make([]dataset.Column, len(features))
	for i, name := range features {
		out[i] = dataset.Column{Name: name, Kind: kindOf(m.inputs[0].Type)}
	}
	return out, nil
}

// Named tells that the model names its columns; else it takes one matrix.
func (m *Mapper) Named() bool { return !m.matrix }

func kindOf(t onnx.Type) dataset.Kind {
	switch {
	case t.Float():
		return dataset.Number
	case t.Integer():
		return dataset.Integer
	case t == onnx.Bool:
		return dataset.Boolean
	}
	return dataset.String
}

// input is what wanted column i goes into.
func (m *Mapper) input(i int) onnx.Info {
	if m.matrix {
		return m.inputs[0]
	}
	return m.inputs[i]
}

// Refused tells of each row of the cells, which are of the wanted columns, that
// can't be given to the model, why. A null and NaN become NaN for a floating-point
// input, for the model to deal with, and are refused for others.
func (m *Mapper) Refused(want []dataset.Column, c *dataset.Cells) map[int]string {
	refused := map[int]string{}
	say := func(row, column int, what string) {
		if _, told := refused[row]; !told {
			refused[row] = fmt.Sprintf("column %s: %s, the model wants %s", want[column].Name, what, m.input(column).Type)
		}
	}
	for i := range want {
		float := m.input(i).Type.Float()
		if !c.Usable(i) {
			for row := range c.Rows() {
				switch c.State(i, row) {
				case dataset.CellNull, dataset.CellNaN:
					if !float {
						say(row, i, "no value")
					}
				case dataset.CellInfinite:
					say(row, i, "an infinite number")
				case dataset.CellWrong:
					say(row, i, "the value is no "+string(want[i].Kind))
				}
			}
		}
		if m.input(i).Type == onnx.Float32 {
			for row, v := range c.Numbers(i) {
				if math.Abs(v) > math.MaxFloat32 && c.State(i, row) == dataset.CellUsable {
					say(row, i, "too large a number")
				}
			}
		}
	}
	return refused
}

// FromCells makes the model's inputs of some rows of the cells, none of which is refused.
func (m *Mapper) FromCells(c *dataset.Cells, rows []int) []onnx.Tensor {
	if m.matrix {
		return []onnx.Tensor{m.matrixOfCells(c, rows)}
	}
	out := make([]onnx.Tensor, len(m.inputs))
	for i, in := range m.inputs {
		out[i] = newTensor(in, len(rows), 1)
		appendCells(&out[i], c, i, rows)
	}
	return out
}

func appendCells(t *onnx.Tensor, c *dataset.Cells, i int, rows []int) {
	switch {
	case t.Type == onnx.String:
		for _, row := range rows {
			t.Strings = append(t.Strings, c.Text(i, row))
		}
	case t.Type == onnx.Bool:
		numbers := c.Numbers(i)
		for _, row := range rows {
			t.Bools = append(t.Bools, numbers[row] != 0)
		}
	case t.Type.Integer():
		integers := c.Integers(i)
		for _, row := range rows {
			t.Ints = append(t.Ints, integers[row])
		}
	default:
		for _, row := range rows {
			appendFloat(t, number(c, i, row))
		}
	}
}

// matrixOfCells is row-major: the columns of a row stand together.
func (m *Mapper) matrixOfCells(c *dataset.Cells, rows []int) onnx.Tensor {
	in := m.inputs[0]
	width := c.Columns()
	t := newTensor(in, len(rows), int64(width))
	for _, row := range rows {
		for i := range width {
			if in.Type.Integer() {
				t.Ints = append(t.Ints, c.Integers(i)[row])
				continue
			}
			appendFloat(&t, number(c, i, row))
		}
	}
	return t
}

// number is a cell for a floating-point input: NaN where there is no value.
func number(c *dataset.Cells, i, row int) float64 {
	if !c.Usable(i) && c.State(i, row) != dataset.CellUsable {
		return math.NaN()
	}
	return c.Numbers(i)[row]
}

func appendFloat(t *onnx.Tensor, v float64) {
	if t.Type == onnx.Float64 {
		t.Doubles = append(t.Doubles, v)
		return
	}
	t.Floats = append(t.Floats, float32(v))
}
