package predlog

import (
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/onnx"
)

// Request is what the log takes of a request: each of its rows becomes a row of the log.
// The log keeps references to it until its rows are written, so what it refers to must not change any more.
type Request struct {
	Layout *Layout // required
	Time   time.Time
	ID     string
	// Subject is whom the request was for, empty if it named nobody. The log holds its SHA-256.
	Subject   string
	LatencyMS float64
	// Error is why there are no predictions; empty if there are.
	Error string

	// The input is one of the three: the model's tensors, whose first dimension is the rows;
	// objects by column name, as JSON has them; or lists of numbers. A value that is no number,
	// truth value or text is logged as missing. Rows of more than MaxColumns values, and those of
	// tensors that have not as many rows as each other, are logged without features.
	Tensors []onnx.Tensor
	Rows    []map[string]any
	Matrix  [][]float64

	// Predictions are those of the rows; rows beyond them have none.
	Predictions []feature.Prediction

	count int // of rows, and their form, once Add has taken the request
	form  form
}

// Layout is what is logged of a model version's requests. It must not change; requests of a version
// share it where they can, because what follows from it is then worked out once.
type Layout struct {
	Model, Version string
	// Columns are the names of the inputs that the model takes, one a column; other columns
	// are not logged. Nil: the model takes lists of numbers, or tensors of any form.
	Columns []string
	// Names are those of the numbers of a list, if there are as many; else they are logged by place.
	Names []string
	// Sensitive columns, and tensors, are never logged. While there are any, lists without names are not logged
	// either: nobody could tell which of their numbers are sensitive.
	Sensitive []string
}

// name is that of a number in a list of so many, false if it must not be logged.
func (l *Layout) name(width, i int) (string, bool) {
	if len(l.Names) == width {
		return l.Names[i], !slices.Contains(l.Sensitive, l.Names[i])
	}
	return strconv.Itoa(i), len(l.Sensitive) == 0
}

// value is the name of a tensor's value in a row of so many, false if it must not be logged.
func (l *Layout) value(tensor string, size, i int) (string, bool) {
	name := tensor
	if size > 1 {
		name += "[" + strconv.Itoa(i) + "]"
	}
	if l.Columns != nil {
		return name, l.logs(name)
	}
	return name, !slices.Contains(l.Sensitive, tensor) && !slices.Contains(l.Sensitive, name)
}

// logs tells whether a column of an object is logged.
func (l *Layout) logs(column string) bool {
	return slices.Contains(l.Columns, column) && !slices.Contains(l.Sensitive, column)
}

// MaxColumns is how many columns a row of the log may have. Rows of more are logged without their features.
const MaxColumns = 1 << 14

// form is how the input of a request becomes features.
type form int

const (
	bare    form = iota // not at all
	objects             // columns by name
	lists               // numbers by place
	matrix              // one tensor's numbers, row-major, by place
	tensors             // columns by the tensors' names, and places where a row has several values
)

// measure is how many rows of the log the request makes, and how its input becomes features.
func (r *Request) measure() (int, form) {
	switch {
	case r.Rows != nil:
		return len(r.Rows), r.narrow(objects, func(yield func(int) bool) {
			for _, row := range r.Rows {
				if !yield(listed(r.Layout, row)) {
					return
				}
			}
		})
	case len(r.Tensors) == 0:
		return len(r.Matrix), r.narrow(lists, func(yield func(int) bool) {
			for _, row := range r.Matrix {
				if !yield(len(row)) {
					return
				}
			}
		})
	}
	n := int(r.Tensors[0].Rows())
	columns := 0
	for i := range r.Tensors {
		t := &r.Tensors[i]
		size := 0
		if n > 0 {
			size = t.Len() / n
		}
		if int(t.Rows()) != n || t.Len() != n*size || size > 1 && r.Layout.Columns != nil {
			return max(n, len(r.Predictions)), bare // what its rows are only the model knows
		}
		columns += size
	}
	switch {
	case columns > MaxColumns:
		return n, bare
	case r.Layout.Columns == nil && len(r.Tensors) == 1 && len(r.Tensors[0].Shape) > 1 && r.Tensors[0].Type.Numeric():
		return n, matrix
	}
	return n, tensors
}

// narrow is the form unless one of the lists has too many numbers.
func (r *Request) narrow(f form, widths iter.Seq[int]) form {
	for width := range widths {
		if width > MaxColumns {
			return bare
		}
	}
	return f
}

// listed is how many values the lists of an object have, of a model without columns.
func listed(l *Layout, row map[string]any) int {
	n := 0
	if l.Columns == nil {
		for _, v := range row {
			if list, ok := v.([]any); ok {
				n = max(n, len(list))
			}
		}
	}
	return n
}
