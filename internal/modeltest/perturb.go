package modeltest

import (
	"fmt"
	"math"
	"slices"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/onnx"
)

// place is where the cells of a column lie in the model's inputs.
type place struct {
	column dataset.Column
	tensor int // of the inputs
	offset int // of the column in a row
	width  int // of a row
}

// locate finds a column among the inputs that rows were mapped onto.
func (s *suite) locate(name string, inputs []onnx.Tensor) (place, error) {
	if !s.isFeature(name) {
		return place{}, fmt.Errorf("column %q is the label or excluded, no input of the model", name)
	}
	features := s.features()
	at := slices.IndexFunc(features, func(c dataset.Column) bool { return c.Name == name })
	if at < 0 {
		return place{}, fmt.Errorf("%s has no column %q", s.in.Test.Name(), name)
	}
	if s.mapper.Columns() == nil { // one matrix of all features
		return place{features[at], 0, at, len(features)}, nil
	}
	for i, in := range inputs {
		if in.Name == name {
			return place{features[at], i, 0, 1}, nil
		}
	}
	return place{}, fmt.Errorf("column %q is no input of the model", name)
}

func (s *suite) isFeature(name string) bool {
	return name != s.in.Data.Label && !slices.Contains(s.in.Data.Exclude, name)
}

// copyInputs lets the tensor that holds a column be changed.
func (p place) copyInputs(inputs []onnx.Tensor) []onnx.Tensor {
	out := slices.Clone(inputs)
	t := &out[p.tensor]
	t.Floats, t.Doubles, t.Ints = slices.Clone(t.Floats), slices.Clone(t.Doubles), slices.Clone(t.Ints)
	t.Bools, t.Strings, t.Halves = slices.Clone(t.Bools), slices.Clone(t.Strings), slices.Clone(t.Halves)
	return out
}

// set writes a value of the test table into a row.
func (p place) set(inputs []onnx.Tensor, row int, v any) {
	t, i := &inputs[p.tensor], row*p.width+p.offset
	switch v := v.(type) {
	case string:
		t.Strings[i] = v
	case bool:
		t.Bools[i] = v
	case int64:
		p.setNumber(t, i, float64(v))
	case float64:
		p.setNumber(t, i, v)
	}
}

func (p place) setNumber(t *onnx.Tensor, i int, v float64) {
	switch {
	case t.Type == onnx.Float64:
		t.Doubles[i] = v
	case t.Type.Half():
		t.Halves[i] = onnx.ToHalf(t.Type, float32(v))
	case t.Type.Integer():
		t.Ints[i] = int64(math.Round(v))
	default:
		t.Floats[i] = float32(v)
	}
}

// number reads a cell of a column of numbers.
func (p place) number(inputs []onnx.Tensor, row int) float64 {
	t, i := &inputs[p.tensor], row*p.width+p.offset
	switch {
	case t.Type == onnx.Float64:
		return t.Doubles[i]
	case t.Type.Half():
		return float64(onnx.FromHalf(t.Type, t.Halves[i]))
	case t.Type.Integer():
		return float64(t.Ints[i])
	}
	return float64(t.Floats[i])
}

// gridValues are the most that a column is set to.
const gridValues = 9

// grid are values that a column takes in the test rows: numbers ascending over
// their quantiles, words by how common they are.
func (s *suite) grid(c dataset.Column) ([]any, error) {
	if c.Kind.Numeric() {
		all, err := s.in.Test.Floats(c.Name)
		if err != nil {
			return nil, err
		}
		known := slices.DeleteFunc(all, func(v float64) bool { return !isFinite(v) })
		slices.Sort(known)
		var out []any
		for g := 0; g < gridValues && len(known) > 0; g++ {
			v := known[g*(len(known)-1)/(gridValues-1)]
			if len(out) == 0 || out[len(out)-1] != any(v) {
				out = append(out, v)
			}
		}
		return out, nil
	}
	counts := map[any]int{}
	var order []any
	for i := range s.in.Test.Rows() {
		if v := s.in.Test.Value(c.Name, i); v != nil {
			if counts[v] == 0 {
				order = append(order, v)
			}
			counts[v]++
		}
	}
	slices.SortStableFunc(order, func(a, b any) int { return counts[b] - counts[a] })
	return order[:min(len(order), gridValues)], nil
}
