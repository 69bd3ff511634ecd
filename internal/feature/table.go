package feature

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/onnx"
)

// FromTable maps rows lo to hi-1 of a table. Every column but the label and the
// excluded ones must be an input of the model. A null becomes NaN for a
// floating-point input, for the model to deal with, and is an error for others.
func (m *Mapper) FromTable(t *dataset.Table, label string, exclude []string, lo, hi int) ([]onnx.Tensor, error) {
	if lo < 0 || hi > t.Rows() || lo >= hi {
		return nil, fmt.Errorf("%s: rows [%d,%d) are not within the table's %d", t.Name(), lo, hi, t.Rows())
	}
	var features []dataset.Column
	for _, c := range t.Columns() {
		if c.Name != label && !slices.Contains(exclude, c.Name) {
			features = append(features, c)
		}
	}
	part := t.Slice(lo, hi)
	if m.matrix {
		return m.matrixFromTable(part, features)
	}
	if err := m.compare(t.Name(), features); err != nil {
		return nil, err
	}
	out := make([]onnx.Tensor, 0, len(m.inputs))
	for _, in := range m.inputs {
		tensor, err := columnTensor(part, in)
		if err != nil {
			return nil, err
		}
		out = append(out, tensor)
	}
	return out, nil
}

// compare holds the columns against the model's inputs and tells every difference.
func (m *Mapper) compare(table string, features []dataset.Column) error {
	kinds := make(map[string]dataset.Kind, len(features))
	for _, c := range features {
		kinds[c.Name] = c.Kind
	}
	var missing, mistyped, extra []string
	for _, in := range m.inputs {
		kind, ok := kinds[in.Name]
		switch {
		case !ok:
			missing = append(missing, fmt.Sprintf("%s (%s)", in.Name, in.Type))
		case !accepts(in.Type, kind):
			mistyped = append(mistyped, fmt.Sprintf("%s is %s, the model wants %s", in.Name, kind, in.Type))
		}
		delete(kinds, in.Name)
	}
	for _, c := range features {
		if _, left := kinds[c.Name]; left {
			extra = append(extra, c.Name)
		}
	}
	var f faults
	if len(missing) > 0 {
		f.add("the model wants columns that are missing: %s", strings.Join(missing, ", "))
	}
	if len(extra) > 0 {
		f.add("columns that the model does not take: %s; exclude them or use the right model", strings.Join(extra, ", "))
	}
	if len(mistyped) > 0 {
		f.add("columns of the wrong type: %s", strings.Join(mistyped, ", "))
	}
	if err := f.err(); err != nil {
		return fmt.Errorf("%s: %w", table, err)
	}
	return nil
}

// accepts tells whether values of a kind are values of a type.
func accepts(want onnx.Type, kind dataset.Kind) bool {
	switch {
	case want.Float():
		return kind.Numeric()
	case want.Integer():
		return kind == dataset.Integer
	case want == onnx.Bool:
		return kind == dataset.Boolean
	}
	return want == onnx.String && kind == dataset.String
}

func columnTensor(t *dataset.Table, in onnx.Info) (onnx.Tensor, error) {
	out := newTensor(in, t.Rows(), 1)
	if in.Type.Float() {
		numbers, err := t.Floats(in.Name)
		if err != nil {
			return out, err
		}
		for i, v := range numbers {
			if err := appendNumber(&out, v); err != nil {
				return out, fmt.Errorf("%s: line %d: column %s: %w: %w", t.Name(), t.Line(i), in.Name, onnx.ErrInput, err)
			}
		}
		return out, nil
	}
	for i := range t.Rows() {
		value := t.Value(in.Name, i)
		if value == nil {
			return out, fmt.Errorf("%s: line %d: column %s: %w: no value, the model wants %s", t.Name(), t.Line(i), in.Name, onnx.ErrInput, in.Type)
		}
		if err := appendValue(&out, value); err != nil {
			return out, fmt.Errorf("%s: line %d: column %s: %w: %w", t.Name(), t.Line(i), in.Name, onnx.ErrInput, err)
		}
	}
	return out, nil
}

func (m *Mapper) matrixFromTable(t *dataset.Table, features []dataset.Column) ([]onnx.Tensor, error) {
	in := m.inputs[0]
	var f faults
	if m.width >= 0 && int64(len(features)) != m.width {
		f.add("the model's input %s wants %d columns, there are %d beside the label and the excluded ones", in, m.width, len(features))
	}
	for _, c := range features {
		if !accepts(in.Type, c.Kind) {
			f.add("column %s is %s, the model wants %s", c.Name, c.Kind, in.Type)
		}
	}
	if err := f.err(); err != nil {
		return nil, fmt.Errorf("%s: %w", t.Name(), err)
	}
	columns := make([][]float64, len(features))
	for i, c := range features {
		numbers, err := t.Floats(c.Name)
		if err != nil {
			return nil, err
		}
		columns[i] = numbers
	}
	out := newTensor(in, t.Rows(), int64(len(features)))
	for row := range t.Rows() {
		for i, c := range features {
			if err := appendNumber(&out, columns[i][row]); err != nil {
				return nil, fmt.Errorf("%s: line %d: column %s: %w: %w", t.Name(), t.Line(row), c.Name, onnx.ErrInput, err)
			}
		}
	}
	return []onnx.Tensor{out}, nil
}
