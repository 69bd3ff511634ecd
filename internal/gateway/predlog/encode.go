package predlog

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// Columns of a segment. Features follow under featurePrefix + their name.
const (
	columnTime        = "time"
	columnRequestID   = "request_id"
	columnSubject     = "subject"
	columnPrediction  = "prediction"
	columnProbability = "probability"
	columnLatency     = "latency_ms"
	columnError       = "error"
	featurePrefix     = "feature."
)

// MediaType is that of a segment.
const MediaType = "application/vnd.apache.parquet"

// fixed are the columns that every segment has, in order.
func fixed() []arrow.Field {
	return []arrow.Field{
		{Name: columnTime, Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}},
		{Name: columnRequestID, Type: arrow.BinaryTypes.String},
		{Name: columnSubject, Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: columnPrediction, Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: columnProbability, Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: columnLatency, Type: arrow.PrimitiveTypes.Float64},
		{Name: columnError, Type: arrow.BinaryTypes.String, Nullable: true},
	}
}

// encode writes a segment as a Parquet file. A feature is a column of doubles, or of strings if any of its values is one.
func encode(s *segment) ([]byte, error) {
	features := s.features()
	order := s.block.order()
	fields := fixed()
	texts := []parquet.WriterProperty{
		parquet.WithDictionaryFor(columnSubject, true), parquet.WithDictionaryFor(columnPrediction, !s.prediction.texts.apart), parquet.WithDictionaryFor(columnError, true),
	}
	for _, at := range order {
		fields = append(fields, arrow.Field{Name: featurePrefix + s.block.names[at], Type: arrow.PrimitiveTypes.Float64, Nullable: true})
	}
	for _, f := range features {
		field := arrow.Field{Name: featurePrefix + f.name, Type: arrow.PrimitiveTypes.Float64, Nullable: true}
		if f.texts != nil {
			field.Type = arrow.BinaryTypes.String
			texts = append(texts, parquet.WithDictionaryFor(field.Name, !f.texts.apart))
		}
		fields = append(fields, field)
	}
	w, err := newWriter(s.rows, fields, texts)
	if err != nil {
		return nil, fmt.Errorf("encode segment: %w", err)
	}
	w.times(s.times)
	w.texts(s.ids)
	w.column(&s.subject)
	w.column(&s.prediction)
	w.column(&s.probability)
	w.required(s.latency)
	w.column(&s.failure)
	w.block(s.block, order)
	for _, f := range features {
		w.column(f)
	}
	b, err := w.close()
	if err != nil {
		return nil, fmt.Errorf("encode segment of %d rows: %w", s.rows, err)
	}
	return b, nil
}

// order is how the columns stand in a file: by name.
func (b *block) order() []int {
	if b == nil {
		return nil
	}
	out := make([]int, len(b.names))
	for i := range out {
		out[i] = i
	}
	slices.SortFunc(out, func(i, j int) int { return cmp.Compare(b.names[i], b.names[j]) })
	return out
}

// writer writes columns, one after the other, as a Parquet file of one row group.
type writer struct {
	rows   int
	out    bytes.Buffer
	file   *file.Writer
	group  file.SerialRowGroupWriter
	levels []int16 // definition levels of a column in which all rows have a value
	err    error   // the first
}

// newWriter begins a file. The log shares the processors with the predictions: Zstandard took most of its time,
// and then the dictionaries and bounds of columns of numbers, of which a model may have hundreds.
func newWriter(rows int, fields []arrow.Field, p []parquet.WriterProperty) (*writer, error) {
	w := &writer{rows: rows, levels: make([]int16, rows)}
	for i := range w.levels {
		w.levels[i] = 1
	}
	properties := parquet.NewWriterProperties(append(p,
		parquet.WithCompression(compress.Codecs.Snappy), parquet.WithCreatedBy("slipway"),
		parquet.WithDictionaryDefault(false), parquet.WithStats(false), parquet.WithStatsFor(columnTime, true))...)
	schema, err := pqarrow.ToParquet(arrow.NewSchema(fields, nil), properties, pqarrow.DefaultWriterProps())
	if err != nil {
		return nil, err
	}
	if w.file, err = file.NewParquetWriterWithError(&w.out, schema.Root(), file.WithWriterProps(properties)); err != nil {
		return nil, err
	}
	if w.group, err = w.file.AppendRowGroupChecked(); err != nil {
		return nil, err
	}
	return w, nil
}

// next is the writer of the next column; false after an error.
func next[W file.ColumnChunkWriter](w *writer) (W, bool) {
	var none W
	if w.err != nil {
		return none, false
	}
	runtime.Gosched() // a segment takes long enough for requests to wait behind it
	column, err := w.group.NextColumn()
	if err != nil {
		w.err = err
		return none, false
	}
	typed, ok := column.(W)
	if !ok {
		w.err = fmt.Errorf("column %s is of another type", column.Descr().Name())
	}
	return typed, ok
}

func (w *writer) failed(err error) {
	if err != nil && w.err == nil {
		w.err = err
	}
}

func (w *writer) times(values []int64) {
	if c, ok := next[*file.Int64ColumnChunkWriter](w); ok {
		_, err := c.WriteBatch(values, nil, nil)
		w.failed(err)
	}
}

// required writes numbers that every row must have.
func (w *writer) required(values []float64) { w.numbers(values, nil) }

func (w *writer) numbers(values []float64, levels []int16) {
	if c, ok := next[*file.Float64ColumnChunkWriter](w); ok {
		_, err := c.WriteBatch(values, levels, nil)
		w.failed(err)
	}
}

// texts writes texts that every row must have.
func (w *writer) texts(t *texts) {
	if c, ok := next[*file.ByteArrayColumnChunkWriter](w); ok {
		_, err := c.WriteBatch(t.each(nil), nil, nil)
		w.failed(err)
	}
}

// column writes values that may be missing.
func (w *writer) column(c *column) {
	levels, missing := w.levels, 0
	if c.present != nil {
		levels = make([]int16, w.rows)
		for i, is := range c.present {
			if is {
				levels[i] = 1
			} else {
				missing++
			}
		}
	}
	switch {
	case c.texts == nil:
		w.numbers(c.given(), levels)
	case c.texts.apart || c.texts.entries() == 0:
		if out, ok := next[*file.ByteArrayColumnChunkWriter](w); ok {
			_, err := out.WriteBatch(c.texts.each(c.present), levels, nil)
			w.failed(err)
		}
	default:
		w.dictionary(c, levels, missing)
	}
}

// dictionary writes the entries and, for each row, which it is.
func (w *writer) dictionary(c *column, levels []int16, missing int) {
	out, ok := next[*file.ByteArrayColumnChunkWriter](w)
	if !ok {
		return
	}
	ends := make([]int32, len(c.texts.ends))
	for i, end := range c.texts.ends {
		ends[i] = int32(end) //nolint:gosec // what is held apart from its rows is bounded
	}
	entries := array.NewData(arrow.BinaryTypes.String, c.texts.entries(),
		[]*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(ends)), memory.NewBufferBytes(c.texts.data)}, nil, 0, 0)
	defer entries.Release()
	kind := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	rows := array.NewDataWithDictionary(kind, w.rows,
		[]*memory.Buffer{bits(c.present), memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(c.texts.of))}, missing, 0, entries)
	defer rows.Release()
	values := array.NewDictionaryData(rows)
	defer values.Release()
	w.failed(pqarrow.WriteArrowToColumn(context.Background(), out, values, levels, nil, true))
}

// bits is a validity bitmap; nil if all rows have a value.
func bits(present mask) *memory.Buffer {
	if present == nil {
		return nil
	}
	b := make([]byte, bitutil.BytesForBits(int64(len(present))))
	for i, is := range present {
		if is {
			bitutil.SetBit(b, i)
		}
	}
	return memory.NewBufferBytes(b)
}

// block writes the columns of a block in the order given.
func (w *writer) block(b *block, order []int) {
	var out [stripe][]float64
	for i := range min(stripe, len(order)) {
		out[i] = make([]float64, w.rows)
	}
	for len(order) > 0 {
		n := min(stripe, len(order))
		b.columns(order[:n], out[:n])
		for _, values := range out[:n] {
			w.numbers(values, w.levels)
		}
		order = order[n:]
	}
}

// close ends the file.
func (w *writer) close() ([]byte, error) {
	if w.err != nil {
		return nil, w.err
	}
	if err := errors.Join(w.group.Close(), w.file.Close()); err != nil {
		return nil, err
	}
	return w.out.Bytes(), nil
}

// given are the numbers of the rows that have one.
func (c *column) given() []float64 {
	if c.present == nil {
		return c.numbers
	}
	out := make([]float64, 0, len(c.numbers))
	for i, v := range c.numbers {
		if c.present.has(i) {
			out = append(out, v)
		}
	}
	return out
}

// each are the texts of the rows that are present; nil: of all.
func (t *texts) each(present mask) []parquet.ByteArray {
	out := make([]parquet.ByteArray, 0, len(t.of))
	for i, entry := range t.of {
		if present.has(i) {
			out = append(out, t.entry(entry))
		}
	}
	return out
}
