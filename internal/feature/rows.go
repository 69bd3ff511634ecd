package feature

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// FromRows maps rows as a JSON client sends them, column → value (string, bool,
// number or json.Number). Every input of the model must be there, with a value
// of its type that is not null; keys that are no inputs are ignored. A matrix
// model takes rows that hold a list of numbers under the input's name.
func (m *Mapper) FromRows(rows []map[string]any) ([]onnx.Tensor, error) {
	if len(rows) == 0 {
		return nil, fmt.Errorf("%w: there are no rows", onnx.ErrInput)
	}
	if m.matrix {
		return m.matrixFromRows(rows)
	}
	var f faults
	out := make([]onnx.Tensor, len(m.inputs))
	for i, in := range m.inputs {
		out[i] = newTensor(in, len(rows), 1)
		for r, row := range rows {
			value, ok := row[in.Name]
			if !ok {
				f.add("row %d: column %s (%s) is missing", r, in.Name, in.Type)
				continue
			}
			if err := appendValue(&out[i], value); err != nil {
				f.add("row %d: column %s: %s", r, in.Name, err)
			}
		}
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	return out, nil
}

func (m *Mapper) matrixFromRows(rows []map[string]any) ([]onnx.Tensor, error) {
	in := m.inputs[0]
	matrix := make([][]float64, len(rows))
	for r, row := range rows {
		list, ok := row[in.Name].([]any)
		if !ok {
			return nil, fmt.Errorf("%w: row %d: want the list of numbers for %s, or {%q: [numbers]}", onnx.ErrInput, r, in, in.Name)
		}
		matrix[r] = make([]float64, len(list))
		for i, value := range list {
			number, ok := toNumber(value)
			if !ok {
				return nil, fmt.Errorf("%w: row %d: value %d of %s is no number", onnx.ErrInput, r, i, in.Name)
			}
			matrix[r][i] = number
		}
	}
	return m.FromMatrix(matrix)
}

// FromMatrix maps rows of numbers onto a model with a single matrix input.
func (m *Mapper) FromMatrix(rows [][]float64) ([]onnx.Tensor, error) {
	if !m.matrix {
		return nil, fmt.Errorf("%w: the model takes named columns, not lists of numbers: send objects with %s", onnx.ErrInput, quoteNames(m.inputs))
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%w: there are no rows", onnx.ErrInput)
	}
	in := m.inputs[0]
	width := m.width
	if width < 0 {
		width = int64(len(rows[0]))
	}
	var f faults
	out := newTensor(in, len(rows), width)
	for r, row := range rows {
		if int64(len(row)) != width {
			f.add("row %d has %d numbers, %s wants %d", r, len(row), in, width)
			continue
		}
		for i, v := range row {
			if math.IsNaN(v) {
				f.add("row %d: number %d is not a number (NaN)", r, i)
			} else if err := appendNumber(&out, v); err != nil {
				f.add("row %d: number %d: %s", r, i, err)
			}
		}
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	return []onnx.Tensor{out}, nil
}

func quoteNames(inputs []onnx.Info) string {
	text := ""
	for i, in := range inputs {
		if i == maxFaults {
			return text + fmt.Sprintf(" and %d more", len(inputs)-i)
		}
		if i > 0 {
			text += ", "
		}
		text += in.Name
	}
	return text
}

// newTensor is an input with room for its rows, still empty.
func newTensor(in onnx.Info, rows int, width int64) onnx.Tensor {
	t := onnx.Tensor{Name: in.Name, Type: in.Type, Shape: shape(in, rows, width)}
	n := int64(rows) * width
	switch {
	case in.Type == onnx.Float32:
		t.Floats = make([]float32, 0, n)
	case in.Type == onnx.Float64:
		t.Doubles = make([]float64, 0, n)
	case in.Type.Half():
		t.Halves = make([]uint16, 0, n)
	case in.Type.Integer():
		t.Ints = make([]int64, 0, n)
	case in.Type == onnx.Bool:
		t.Bools = make([]bool, 0, n)
	default:
		t.Strings = make([]string, 0, n)
	}
	return t
}

// appendValue adds one value, which must be of the tensor's type and no NaN.
func appendValue(t *onnx.Tensor, value any) error {
	if value == nil {
		return fmt.Errorf("no value, the model wants %s", t.Type)
	}
	switch {
	case t.Type == onnx.String:
		s, ok := value.(string)
		if !ok {
			return fmt.Errorf("a %s, the model wants a string", jsonKind(value))
		}
		t.Strings = append(t.Strings, s)
	case t.Type == onnx.Bool:
		b, ok := value.(bool)
		if !ok {
			return fmt.Errorf("a %s, the model wants true or false", jsonKind(value))
		}
		t.Bools = append(t.Bools, b)
	default:
		if exact, ok := toInteger(value); ok && t.Type.Integer() {
			t.Ints = append(t.Ints, exact)
			return nil
		}
		number, ok := toNumber(value)
		if !ok {
			return fmt.Errorf("a %s, the model wants a number (%s)", jsonKind(value), t.Type)
		}
		if math.IsNaN(number) {
			return errors.New("not a number (NaN)")
		}
		return appendNumber(t, number)
	}
	return nil
}

// appendNumber adds a number to a numeric tensor, if its type can hold it.
func appendNumber(t *onnx.Tensor, v float64) error {
	switch {
	case math.IsInf(v, 0):
		return errors.New("infinite")
	case t.Type == onnx.Float64:
		t.Doubles = append(t.Doubles, v)
	case t.Type == onnx.Float32:
		narrow := float32(v)
		if math.IsInf(float64(narrow), 0) {
			return errors.New("too large for float32")
		}
		t.Floats = append(t.Floats, narrow)
	case t.Type.Half():
		bits := onnx.ToHalf(t.Type, float32(v))
		if math.IsInf(float64(onnx.FromHalf(t.Type, bits)), 0) {
			return fmt.Errorf("too large for %s", t.Type)
		}
		t.Halves = append(t.Halves, bits)
	default:
		// Beyond 2^53 a float64 no longer says which integer was meant.
		if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
			return fmt.Errorf("not a whole number, the model wants %s", t.Type)
		}
		t.Ints = append(t.Ints, int64(v))
	}
	return nil
}

func toInteger(value any) (int64, bool) {
	switch v := value.(type) {
	case int64:
		return v, true
	case int:
		return int64(v), true
	case json.Number:
		n, err := v.Int64()
		return n, err == nil
	}
	return 0, false
}

func toNumber(value any) (float64, bool) {
	switch v := value.(type) {
	case float64:
		return v, true
	case float32:
		return float64(v), true
	case int64:
		return float64(v), true
	case int:
		return float64(v), true
	case json.Number:
		n, err := v.Float64()
		return n, err == nil
	}
	return 0, false
}

func jsonKind(value any) string {
	switch value.(type) {
	case string:
		return "string"
	case bool:
		return "boolean"
	case []any:
		return "list"
	case map[string]any:
		return "object"
	}
	if _, ok := toNumber(value); ok {
		return "number"
	}
	return fmt.Sprintf("%T", value)
}
