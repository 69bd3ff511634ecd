package predlog

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/stretchr/testify/require"
)

// row is one of a segment, read with what tells a missing value from an empty one.
type row struct {
	Time        time.Time
	Prediction  string
	Probability *float64
	LatencyMS   float64
	Error       string
	// Features by column: float64, string or nil.
	Features map[string]any
}

// rowsOf reads a segment row by row.
func rowsOf(t testing.TB, b []byte) []row {
	t.Helper()
	f, err := file.NewParquetReader(bytes.NewReader(b))
	require.NoError(t, err)
	r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	require.NoError(t, err)
	table, err := r.ReadTable(context.Background())
	require.NoError(t, err)
	defer table.Release()
	rows := make([]row, table.NumRows())
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
	return rows
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
