package dataset

import (
	"errors"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Kind is the type of a column's values.
type Kind string

// Kinds of column.
const (
	Integer Kind = "integer" // int64
	Number  Kind = "number"  // float64
	Boolean Kind = "boolean"
	String  Kind = "string"

	// The kinds below say what text means; a Table holds them as strings.

	Category Kind = "category" // one of few words
	Date     Kind = "date"     // a day
	Datetime Kind = "datetime" // a moment
)

// Numeric tells that values of the kind are numbers.
func (k Kind) Numeric() bool { return k == Integer || k == Number }

// temporal tells that values of the kind are dates.
func (k Kind) temporal() bool { return k == Date || k == Datetime }

// textual tells that values of the kind are text with no other meaning.
func (k Kind) textual() bool { return k == String || k == Category }

// held is the kind that a Table holds the values as.
func (k Kind) held() Kind {
	if k.textual() || k.temporal() {
		return String
	}
	return k
}

// Column names a column and its kind.
type Column struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
}

// Table is a named, immutable table over one Arrow record batch.
type Table struct {
	name    string
	record  arrow.RecordBatch
	columns []Column
	index   map[string]int
	lines   []int32 // of the file, per row
}

// ErrNoColumn says that a table has no column of the name asked for.
var ErrNoColumn = errors.New("no such column")

func newTable(name string, columns []Column, arrays []arrow.Array, lines []int32) *Table {
	fields := make([]arrow.Field, len(columns))
	index := make(map[string]int, len(columns))
	for i, c := range columns {
		fields[i] = arrow.Field{Name: c.Name, Type: arrays[i].DataType(), Nullable: true}
		index[c.Name] = i
	}
	record := array.NewRecordBatch(arrow.NewSchema(fields, nil), arrays, int64(len(lines)))
	return &Table{name: name, record: record, columns: columns, index: index, lines: lines}
}

// Name is what the table was read as, for messages.
func (t *Table) Name() string { return t.name }

// Rows is the number of rows, the header not counted.
func (t *Table) Rows() int { return int(t.record.NumRows()) }

// Columns describes the columns in file order. Do not modify.
func (t *Table) Columns() []Column { return t.columns }

// Has tells whether there is a column of this name.
func (t *Table) Has(name string) bool {
	_, ok := t.index[name]
	return ok
}

// Record is the Arrow record batch behind the table.
func (t *Table) Record() arrow.RecordBatch { return t.record }

// Line is the line of the file on which row i starts; the header is on line 1.
func (t *Table) Line(i int) int { return int(t.lines[i]) }

func (t *Table) column(name string) (int, error) {
	i, ok := t.index[name]
	if !ok {
		return 0, fmt.Errorf("%s: column %q: %w", t.name, name, ErrNoColumn)
	}
	return i, nil
}

// Floats returns a column as numbers, NaN for null; booleans are 0 and 1. A
// string column is an error.
func (t *Table) Floats(name string) ([]float64, error) {
	c, err := t.column(name)
	if err != nil {
		return nil, err
	}
	if t.columns[c].Kind == String {
		return nil, fmt.Errorf("%s: column %q holds text, want numbers", t.name, name)
	}
	out := make([]float64, t.Rows())
	for i := range out {
		out[i] = math.NaN()
		switch v := t.value(c, i).(type) {
		case int64:
			out[i] = float64(v)
		case float64:
			out[i] = v
		case bool:
			if out[i] = 0; v {
				out[i] = 1
			}
		}
	}
	return out, nil
}

// Strings returns a column as text, as strconv writes it, and which rows are null.
func (t *Table) Strings(name string) (values []string, nulls []bool, err error) {
	c, err := t.column(name)
	if err != nil {
		return nil, nil, err
	}
	values, nulls = make([]string, t.Rows()), make([]bool, t.Rows())
	for i := range values {
		v := t.value(c, i)
		if nulls[i] = v == nil; v != nil {
			values[i] = text(v)
		}
	}
	return values, nulls, nil
}

// Row returns row i as column → value: int64, float64, bool, string or nil.
func (t *Table) Row(i int) map[string]any {
	row := make(map[string]any, len(t.columns))
	for c, column := range t.columns {
		row[column.Name] = t.value(c, i)
	}
	return row
}

// Value is one cell: int64, float64, bool, string, or nil for null and for a
// column that is not there.
func (t *Table) Value(name string, row int) any {
	c, ok := t.index[name]
	if !ok {
		return nil
	}
	return t.value(c, row)
}

// Slice is the table of rows lo to hi-1; it shares the data.
func (t *Table) Slice(lo, hi int) *Table {
	out := *t
	out.record = t.record.NewSlice(int64(lo), int64(hi))
	out.lines = t.lines[lo:hi]
	return &out
}

// value is one cell: int64, float64, bool, string, or nil for null.
func (t *Table) value(column, row int) any {
	a := t.record.Column(column)
	if a.IsNull(row) {
		return nil
	}
	switch a := a.(type) {
	case *array.Int64:
		return a.Value(row)
	case *array.Float64:
		return a.Value(row)
	case *array.Boolean:
		return a.Value(row)
	case *array.String:
		return a.Value(row)
	}
	return nil
}
