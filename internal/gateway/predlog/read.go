package predlog

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
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

// Reader is where segments' bytes come from.
type Reader interface {
	Read(ctx context.Context, d artifacts.Digest, max int64) ([]byte, error)
}

// row is one of a segment, as far as a Window has a use for it.
type row struct {
	Time        time.Time
	Prediction  string
	Probability *float64
	LatencyMS   float64
	Error       string
	// Features by column: float64, string or nil.
	Features map[string]any
}

// Window is a stretch of the prediction log, oldest row first. All slices and
// columns have one entry per row.
type Window struct {
	Time []time.Time
	// Prediction is the label or the value as text; "" where there is an error.
	Prediction []string
	// Probability is NaN where the model gave none.
	Probability []float64
	LatencyMS   []float64
	// Error is "" where there is a prediction.
	Error    []string
	Features map[string]monitor.Column
}

// Rows is the number of rows.
func (w Window) Rows() int { return len(w.Time) }

// GoodLatencies are the latencies in milliseconds of the rows that were answered.
func (w Window) GoodLatencies() []float64 {
	out := make([]float64, 0, w.Rows())
	for i, e := range w.Error {
		if e == "" {
			out = append(out, w.LatencyMS[i])
		}
	}
	return out
}

// Errors is the number of rows without a prediction.
func (w Window) Errors() int { return w.Rows() - len(w.GoodLatencies()) }

// Read returns the newest rows, at most limit, from before until. A feature
// that a segment does not have is missing in its rows; one that is text in any
// segment is text in all.
func Read(ctx context.Context, store Reader, segments []catalog.Segment, until time.Time, limit int) (Window, error) {
	var rows []row
	for _, s := range segments {
		digest, err := artifacts.ParseDigest(s.Digest)
		if err != nil {
			return Window{}, fmt.Errorf("segment %s/%d: %w", s.Gateway, s.Seq, err)
		}
		b, err := store.Read(ctx, digest, maxSegment)
		if err != nil {
			return Window{}, fmt.Errorf("read segment %s/%d: %w", s.Gateway, s.Seq, err)
		}
		decoded, err := decode(ctx, b)
		if err != nil {
			return Window{}, fmt.Errorf("segment %s/%d (%s): %w", s.Gateway, s.Seq, s.Digest, err)
		}
		rows = append(rows, decoded...)
	}
	rows = slices.DeleteFunc(rows, func(r row) bool { return !r.Time.Before(until) })
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.Time.UnixMicro(), b.Time.UnixMicro()) })
	if limit >= 0 && len(rows) > limit {
		rows = rows[len(rows)-limit:]
	}
	return window(rows), nil
}

func window(rows []row) Window {
	w := Window{Features: map[string]monitor.Column{}}
	names := map[string]struct{}{}
	for _, r := range rows {
		probability := math.NaN()
		if r.Probability != nil {
			probability = *r.Probability
		}
		w.Time = append(w.Time, r.Time)
		w.Prediction = append(w.Prediction, r.Prediction)
		w.Probability = append(w.Probability, probability)
		w.LatencyMS = append(w.LatencyMS, r.LatencyMS)
		w.Error = append(w.Error, r.Error)
		for name := range r.Features {
			names[name] = struct{}{}
		}
	}
	for name := range names {
		w.Features[name] = columnOf(rows, name)
	}
	return w
}

func columnOf(rows []row, name string) monitor.Column {
	text := isText(rows, name)
	numbers := monitor.Column{Numbers: make([]float64, len(rows))}
	words := make([]string, len(rows))
	for i, r := range rows {
		switch v := r.Features[name].(type) {
		case float64:
			numbers.Numbers[i] = v
		case string:
			words[i] = v
		default:
			numbers.Numbers[i] = math.NaN()
		}
	}
	if !text {
		return numbers
	}
	for i, t := range numbers.Texts() {
		if _, isNumber := rows[i].Features[name].(float64); isNumber {
			words[i] = t
		}
	}
	return monitor.Column{Strings: words}
}

// isText tells whether any of a column's values is text.
func isText(rows []row, column string) bool {
	return slices.ContainsFunc(rows, func(r row) bool { _, ok := r.Features[column].(string); return ok })
}

// decode reads a segment. The reader trusts its input; a panic on a file that
// is no segment is an error here.
func decode(ctx context.Context, b []byte) (rows []row, err error) {
	defer func() {
		if r := recover(); r != nil {
			rows, err = nil, fmt.Errorf("not a segment of the prediction log: %v", r)
		}
	}()
	f, err := file.NewParquetReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("not a segment of the prediction log: %w", err)
	}
	defer func() { _ = f.Close() }() // reads memory
	if n := f.NumRows(); n < 0 || n > maxRows {
		return nil, fmt.Errorf("not a segment of the prediction log: it claims %d rows, at most %d are read", n, maxRows)
	}
	r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		return nil, fmt.Errorf("not a segment of the prediction log: %w", err)
	}
	table, err := r.ReadTable(ctx)
	if err != nil {
		return nil, fmt.Errorf("not a segment of the prediction log: %w", err)
	}
	defer table.Release()
	for _, want := range fixed() {
		if got, ok := table.Schema().FieldsByName(want.Name); !ok || got[0].Type.ID() != want.Type.ID() {
			return nil, fmt.Errorf("not a segment of the prediction log: column %s (%s) is missing", want.Name, want.Type)
		}
	}
	rows = make([]row, table.NumRows())
	for i := range rows {
		rows[i].Features = map[string]any{}
	}
	for c := range int(table.NumCols()) {
		at := 0
		for _, chunk := range table.Column(c).Data().Chunks() {
			fill(rows[at:], table.Column(c).Name(), chunk)
			at += chunk.Len()
		}
	}
	return rows, nil
}

// fill puts one column's values into the rows.
func fill(rows []row, name string, values arrow.Array) {
	feature, isFeature := strings.CutPrefix(name, featurePrefix)
	for i := range values.Len() {
		if values.IsNull(i) {
			if isFeature {
				rows[i].Features[feature] = nil
			}
			continue
		}
		r := &rows[i]
		switch v := values.(type) {
		case *array.Timestamp:
			r.Time = time.UnixMicro(int64(v.Value(i))).UTC()
		case *array.Float64:
			x := v.Value(i)
			switch {
			case isFeature:
				r.Features[feature] = x
			case name == columnProbability:
				r.Probability = &x
			case name == columnLatency:
				r.LatencyMS = x
			}
		case *array.String:
			s := strings.Clone(v.Value(i)) // the file's memory is let go
			switch {
			case isFeature:
				r.Features[feature] = s
			case name == columnPrediction:
				r.Prediction = s
			case name == columnError:
				r.Error = s
			}
		}
	}
}
