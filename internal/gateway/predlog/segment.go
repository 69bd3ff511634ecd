package predlog

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

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

// encode writes records, one row each, as a Parquet file. A feature is a
// column of doubles, or of strings if any of its values is one.
func encode(records []Record) ([]byte, error) {
	features := featuresOf(records)
	fields := fixed()
	for _, f := range features {
		fields = append(fields, arrow.Field{Name: featurePrefix + f.name, Type: f.kind(), Nullable: true})
	}
	schema := arrow.NewSchema(fields, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for i := range records {
		r := &records[i]
		b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(r.Time.UnixMicro()))
		b.Field(1).(*array.StringBuilder).Append(r.RequestID)
		appendText(b.Field(2), r.Subject)
		appendText(b.Field(3), r.Prediction)
		if r.Probability != nil {
			b.Field(4).(*array.Float64Builder).Append(*r.Probability)
		} else {
			b.Field(4).AppendNull()
		}
		b.Field(5).(*array.Float64Builder).Append(r.LatencyMS)
		appendText(b.Field(6), r.Error)
	}
	for i, f := range features {
		f.appendTo(b.Field(len(fixed())+i), records)
	}
	batch := b.NewRecordBatch()
	defer batch.Release()

	var out bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &out, properties(features), pqarrow.DefaultWriterProps())
	if err != nil {
		return nil, fmt.Errorf("encode segment: %w", err)
	}
	if err := w.WriteBuffered(batch); err != nil {
		return nil, fmt.Errorf("encode segment of %d rows: %w", len(records), err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("encode segment of %d rows: %w", len(records), err)
	}
	return out.Bytes(), nil
}

// properties are those of a segment. The log shares the processors with the predictions: Zstandard took most of its
// time, and then the dictionaries and bounds of columns of numbers, of which a model may have hundreds.
func properties(features []feature) *parquet.WriterProperties {
	p := []parquet.WriterProperty{parquet.WithCompression(compress.Codecs.Snappy), parquet.WithCreatedBy("slipway")}
	for _, f := range features {
		if !f.text {
			p = append(p, parquet.WithDictionaryFor(featurePrefix+f.name, false), parquet.WithStatsFor(featurePrefix+f.name, false))
		}
	}
	return parquet.NewWriterProperties(p...)
}

func appendText(b array.Builder, s string) {
	if s == "" {
		b.AppendNull()
		return
	}
	b.(*array.StringBuilder).Append(s)
}

func appendFeature(b array.Builder, v any) {
	switch b := b.(type) {
	case *array.Float64Builder:
		switch v := v.(type) {
		case float64:
			b.Append(v)
		case bool:
			b.Append(number(v))
		default:
			b.AppendNull()
		}
	case *array.StringBuilder:
		switch v := v.(type) {
		case string:
			b.Append(v)
		case float64:
			b.Append(strconv.FormatFloat(v, 'g', -1, 64))
		case bool:
			b.Append(strconv.FormatBool(v))
		default:
			b.AppendNull()
		}
	}
}

func number(v bool) float64 {
	if v {
		return 1
	}
	return 0
}

// span is the time of the first and the last record.
func span(records []Record) (from, to time.Time) {
	from, to = records[0].Time, records[0].Time
	for i := range records {
		r := &records[i]
		if r.Time.Before(from) {
			from = r.Time
		}
		if r.Time.After(to) {
			to = r.Time
		}
	}
	return from, to
}
