package predlog

import (
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

	// The input is one of the three: the model's tensors, of which the log can hold one
	// matrix of numbers or columns of one value a row; objects by column name, as JSON has
	// them; or lists of numbers. A value that is no number, truth value or text is logged as missing.
	Tensors []onnx.Tensor
	Rows    []map[string]any
	Matrix  [][]float64

	// Predictions are those of the rows; rows beyond them have none.
	Predictions []feature.Prediction

	count int // rows(), once Add has taken the request
}

// Layout is what is logged of a model version's requests. It must not change; requests of a version
// share it where they can, because what follows from it is then worked out once.
type Layout struct {
	Model, Version string
	// Columns are the names of the inputs that the model takes, one a column; other columns
	// are not logged. Nil: the model takes lists of numbers.
	Columns []string
	// Names are those of the numbers of a list, if there are as many; else they are logged by place.
	Names []string
	// Sensitive columns are never logged. While there are any, lists without names are not logged
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

// logs tells whether a column of an object is logged.
func (l *Layout) logs(column string) bool {
	return slices.Contains(l.Columns, column) && !slices.Contains(l.Sensitive, column)
}

// rows is how many rows of the log the request makes: none if the log can't hold its input.
func (r *Request) rows() int {
	switch {
	case r.Rows != nil:
		return len(r.Rows)
	case len(r.Tensors) == 0:
		return len(r.Matrix)
	}
	n := int(r.Tensors[0].Rows())
	if r.matrix() {
		if int64(r.Tensors[0].Len()) != r.Tensors[0].Shape[0]*r.Tensors[0].Shape[1] {
			return 0
		}
		return n
	}
	for i := range r.Tensors {
		if r.Tensors[i].Len() != n {
			return 0
		}
	}
	return n
}

// matrix tells that the tensors are one matrix of numbers.
func (r *Request) matrix() bool {
	return len(r.Tensors) == 1 && len(r.Tensors[0].Shape) == 2 && r.Tensors[0].Shape[1] > 1 && r.Tensors[0].Type.Numeric()
}
