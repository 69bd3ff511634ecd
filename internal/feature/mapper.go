package feature

import (
	"errors"
	"fmt"
	"strings"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// Mapper knows how data becomes the inputs of one model. It is immutable.
//
// Two forms of model are served: one input a column, each of shape [batch,1] or
// [batch], named like the columns; or a single numeric input of shape
// [batch,width…], which takes the feature columns in file order.
type Mapper struct {
	inputs  []onnx.Info
	columns []string // nil for a matrix
	matrix  bool
	width   int64 // of a matrix, -1 for any
}

// ErrUnsupported says that a model's inputs have a form that is not served.
var ErrUnsupported = errors.New("the model's inputs have a form that is not served")

// NewMapper decides the form from the model's inputs. The error wraps ErrUnsupported.
func NewMapper(inputs []onnx.Info) (*Mapper, error) {
	if len(inputs) == 0 {
		return nil, fmt.Errorf("%w: there are none", ErrUnsupported)
	}
	for _, in := range inputs {
		if len(in.Shape) > 0 && in.Shape[0] >= 0 {
			return nil, fmt.Errorf("%w: %s takes batches of exactly %d; export the model with a first dimension of any size", ErrUnsupported, in, in.Shape[0])
		}
	}
	if width, ok := matrixWidth(inputs); ok {
		return &Mapper{inputs: inputs, matrix: true, width: width}, nil
	}
	for _, in := range inputs {
		if len(in.Shape) != 1 && !(len(in.Shape) == 2 && (in.Shape[1] == 1 || in.Shape[1] == -1)) {
			return nil, fmt.Errorf("%w: %s; want one input a column with shape [?,1], or a single numeric input with shape [?,width]", ErrUnsupported, in)
		}
	}
	columns := make([]string, len(inputs))
	for i, in := range inputs {
		columns[i] = in.Name
	}
	return &Mapper{inputs: inputs, columns: columns}, nil
}

// matrixWidth tells the numbers in a row of a model with a single matrix input.
func matrixWidth(inputs []onnx.Info) (int64, bool) {
	in := inputs[0]
	if len(inputs) > 1 || len(in.Shape) < 2 || !in.Type.Numeric() {
		return 0, false
	}
	if len(in.Shape) == 2 {
		return in.Shape[1], in.Shape[1] != 1
	}
	// Images and the like: rows are flattened, row-major, so every size must be known.
	width := int64(1)
	for _, d := range in.Shape[1:] {
		if d < 1 || width > 1<<31 {
			return 0, false
		}
		width *= d
	}
	return width, true
}

// Columns are the names of the model's input columns, nil for a matrix model. Do not modify.
func (m *Mapper) Columns() []string { return m.columns }

// Width is how many numbers a row of a matrix model has, -1 for any; 0 for a model with columns.
func (m *Mapper) Width() int64 { return m.width }

// shape is the input's shape for a number of rows, width numbers each.
func shape(in onnx.Info, rows int, width int64) []int64 {
	out := append([]int64{int64(rows)}, in.Shape[1:]...)
	for i := range out {
		if out[i] == -1 {
			out[i] = width
		}
	}
	return out
}

// faults collects what is wrong with data, to tell all of it at once.
type faults struct {
	list []string
	more int
}

const maxFaults = 10

func (f *faults) add(format string, args ...any) {
	if len(f.list) == maxFaults {
		f.more++
		return
	}
	f.list = append(f.list, fmt.Sprintf(format, args...))
}

func (f *faults) err() error {
	if len(f.list) == 0 {
		return nil
	}
	text := strings.Join(f.list, "; ")
	if f.more > 0 {
		text += fmt.Sprintf("; and %d more", f.more)
	}
	return fmt.Errorf("%w: %s", onnx.ErrInput, text)
}
