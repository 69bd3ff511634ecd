package batch

import (
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/feature"
)

// Columns of the output beside the keys. They are part of a file format and never change.
const (
	ColumnRow           = "row"           // int64: number of the row in the data version, from 1
	ColumnPrediction    = "prediction"    // int64 or string (class), or float64; null of a refused row
	ColumnProbabilities = "probabilities" // list of float64, where the model gives them
	ColumnModelVersion  = "model_version" // string
	ColumnError         = "error"         // string: why the row was refused, else null
)

// checkKeys refuses key columns that the output has a column of its own for.
func checkKeys(keys []string) error {
	for i, k := range keys {
		if slices.Contains([]string{ColumnRow, ColumnPrediction, ColumnProbabilities, ColumnModelVersion, ColumnError}, k) {
			return fmt.Errorf("%w: key column %q: the output has a column of its own by that name; choose another key", ErrPlan, k)
		}
		if slices.Contains(keys[:i], k) {
			return fmt.Errorf("%w: key column %q is named twice", ErrPlan, k)
		}
	}
	return nil
}

// rowGroup bounds the rows of a row group, and with it what is held in memory.
const rowGroup = 1 << 17

// output writes one shard as Parquet.
type output struct {
	schema *arrow.Schema
	form   feature.Form
	w      *pqarrow.FileWriter

	rows          *array.Int64Builder
	label         *array.Int64Builder
	text          *array.StringBuilder
	value         *array.Float64Builder
	probabilities *array.ListBuilder
	scores        *array.Float64Builder
	version       *array.StringBuilder
	errors        *array.StringBuilder
}

// newOutput writes to w; keys are the fields of the key columns as they are written.
func newOutput(w io.Writer, keys []arrow.Field, form feature.Form) (*output, error) {
	o := &output{
		form: form, rows: array.NewInt64Builder(memory.DefaultAllocator),
		version: array.NewStringBuilder(memory.DefaultAllocator), errors: array.NewStringBuilder(memory.DefaultAllocator),
	}
	fields := append(slices.Clone(keys), arrow.Field{Name: ColumnRow, Type: arrow.PrimitiveTypes.Int64})
	prediction := arrow.Field{Name: ColumnPrediction, Nullable: true}
	switch form.Kind {
	case dataset.String:
		o.text, prediction.Type = array.NewStringBuilder(memory.DefaultAllocator), arrow.BinaryTypes.String
	case dataset.Number:
		o.value, prediction.Type = array.NewFloat64Builder(memory.DefaultAllocator), arrow.PrimitiveTypes.Float64
	default:
		o.label, prediction.Type = array.NewInt64Builder(memory.DefaultAllocator), arrow.PrimitiveTypes.Int64
	}
	fields = append(fields, prediction)
	if form.Scored {
		o.probabilities = array.NewListBuilder(memory.DefaultAllocator, arrow.PrimitiveTypes.Float64)
		o.scores, _ = o.probabilities.ValueBuilder().(*array.Float64Builder) // it is one of float64
		fields = append(fields, arrow.Field{Name: ColumnProbabilities, Type: o.probabilities.Type(), Nullable: true})
	}
	fields = append(fields, arrow.Field{Name: ColumnModelVersion, Type: arrow.BinaryTypes.String},
		arrow.Field{Name: ColumnError, Type: arrow.BinaryTypes.String, Nullable: true})
	o.schema = arrow.NewSchema(fields, nil)
	var err error
	o.w, err = pqarrow.NewFileWriter(o.schema, onlyWriter{w},
		parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd), parquet.WithMaxRowGroupLength(rowGroup)),
		pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		return nil, fmt.Errorf("write Parquet: %w", err)
	}
	return o, nil
}

// add takes the next row; why is empty of one that was predicted.
func (o *output) add(row int64, version string, p *feature.Prediction, why string) {
	o.rows.Append(row)
	o.version.Append(version)
	if why != "" {
		o.errors.Append(why)
		o.addNone()
		return
	}
	o.errors.AppendNull()
	switch {
	case o.text != nil:
		o.text.Append(p.LabelText)
	case o.value != nil && p.Value != nil:
		o.value.Append(*p.Value)
	case o.value != nil:
		o.value.AppendNull()
	case p.Label != nil:
		o.label.Append(*p.Label)
	default:
		o.label.AppendNull()
	}
	if o.probabilities != nil {
		o.probabilities.Append(true)
		o.scores.AppendValues(p.Probabilities, nil)
	}
}

func (o *output) addNone() {
	switch {
	case o.text != nil:
		o.text.AppendNull()
	case o.value != nil:
		o.value.AppendNull()
	default:
		o.label.AppendNull()
	}
	if o.probabilities != nil {
		o.probabilities.AppendNull()
	}
}

// write writes the rows that were added, with their keys.
func (o *output) write(keys []arrow.Array) error {
	n := int64(o.rows.Len())
	columns := slices.Clone(keys)
	made := []arrow.Array{o.rows.NewArray()}
	switch {
	case o.text != nil:
		made = append(made, o.text.NewArray())
	case o.value != nil:
		made = append(made, o.value.NewArray())
	default:
		made = append(made, o.label.NewArray())
	}
	if o.probabilities != nil {
		made = append(made, o.probabilities.NewArray())
	}
	made = append(made, o.version.NewArray(), o.errors.NewArray())
	batch := array.NewRecordBatch(o.schema, append(columns, made...), n)
	for _, a := range made {
		a.Release()
	}
	defer batch.Release()
	if err := o.w.WriteBuffered(batch); err != nil {
		return fmt.Errorf("write Parquet: %w", err)
	}
	return nil
}

// close ends the file.
func (o *output) close() error {
	if err := o.w.Close(); err != nil {
		return fmt.Errorf("write Parquet: %w", err)
	}
	return nil
}

// onlyWriter keeps the Parquet writer from closing what it writes to.
type onlyWriter struct{ io.Writer }
