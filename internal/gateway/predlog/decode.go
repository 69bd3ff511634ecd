package predlog

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/slipway-ml/slipway/internal/monitor"
)

// fixed are the columns that every segment has.
func fixed() []arrow.Field {
	return []arrow.Field{
		{Name: columnTime, Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}},
		{Name: columnRequestID, Type: arrow.BinaryTypes.String},
		{Name: columnSubject, Type: arrow.BinaryTypes.String},
		{Name: columnPrediction, Type: arrow.BinaryTypes.String},
		{Name: columnProbability, Type: arrow.PrimitiveTypes.Float64},
		{Name: columnLatency, Type: arrow.PrimitiveTypes.Float64},
		{Name: columnError, Type: arrow.BinaryTypes.String},
	}
}

// A segment read into memory is bounded in bytes and rows.
const (
	maxSegment = 256 << 20
	maxRows    = 1 << 20
)

// part is a segment that has been read, by column, as far as a Window has a use for it.
type part struct {
	times       []int64 // microseconds since 1970
	prediction  []string
	probability []float64
	latency     []float64
	failure     []string
	features    map[string]monitor.Column
}

// decode reads a segment. The reader trusts its input; a panic on a file that
// is no segment is an error here.
func decode(ctx context.Context, b []byte) (p part, err error) {
	defer func() {
		if r := recover(); r != nil {
			p, err = part{}, fmt.Errorf("not a segment of the prediction log: %v", r)
		}
	}()
	f, err := file.NewParquetReader(bytes.NewReader(b))
	if err != nil {
		return part{}, fmt.Errorf("not a segment of the prediction log: %w", err)
	}
	defer func() { _ = f.Close() }() // reads memory
	if n := f.NumRows(); n < 0 || n > maxRows {
		return part{}, fmt.Errorf("not a segment of the prediction log: it claims %d rows, at most %d are read", n, maxRows)
	}
	r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		return part{}, fmt.Errorf("not a segment of the prediction log: %w", err)
	}
	table, err := r.ReadTable(ctx)
	if err != nil {
		return part{}, fmt.Errorf("not a segment of the prediction log: %w", err)
	}
	defer table.Release()
	for _, want := range fixed() {
		if got, ok := table.Schema().FieldsByName(want.Name); !ok || got[0].Type.ID() != want.Type.ID() {
			return part{}, fmt.Errorf("not a segment of the prediction log: column %s (%s) is missing", want.Name, want.Type)
		}
	}
	p.features = map[string]monitor.Column{}
	for i := range int(table.NumCols()) {
		p.take(table.Column(i).Name(), table.Column(i).Data(), int(table.NumRows()))
	}
	return p, nil
}

// take makes use of a column.
func (p *part) take(name string, values *arrow.Chunked, rows int) {
	switch name {
	case columnTime:
		p.times = make([]int64, 0, rows)
		for _, chunk := range values.Chunks() {
			if v, ok := chunk.(*array.Timestamp); ok {
				for i := range v.Len() {
					p.times = append(p.times, int64(v.Value(i)))
				}
			}
		}
	case columnPrediction:
		p.prediction = textsOf(values, rows)
	case columnError:
		p.failure = textsOf(values, rows)
	case columnProbability:
		p.probability = numbersOf(values, rows)
	case columnLatency:
		p.latency = numbersOf(values, rows)
	}
	feature, ok := strings.CutPrefix(name, featurePrefix)
	if !ok {
		return
	}
	switch values.DataType().ID() {
	case arrow.FLOAT64:
		p.features[feature] = monitor.Column{Numbers: numbersOf(values, rows)}
	case arrow.STRING:
		p.features[feature] = monitor.Column{Strings: textsOf(values, rows)}
	}
}

// numbersOf are a column's, NaN where one is missing.
func numbersOf(values *arrow.Chunked, rows int) []float64 {
	out := make([]float64, 0, rows)
	for _, chunk := range values.Chunks() {
		v, ok := chunk.(*array.Float64)
		for i := range chunk.Len() {
			n := math.NaN()
			if ok && v.IsValid(i) {
				n = v.Value(i)
			}
			out = append(out, n)
		}
	}
	return out
}

// textsOf are a column's, "" where one is missing. They hold on to nothing of the file.
func textsOf(values *arrow.Chunked, rows int) []string {
	out := make([]string, 0, rows)
	for _, chunk := range values.Chunks() {
		v, ok := chunk.(*array.String)
		last, same := "", ""
		for i := range chunk.Len() {
			s := ""
			if ok && v.IsValid(i) {
				s = v.Value(i)
			}
			if s != last {
				last, same = s, strings.Clone(s)
			}
			out = append(out, same)
		}
	}
	return out
}
