package dataset_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowcsv "github.com/apache/arrow-go/v18/arrow/csv"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/dataset"
)

// mixedSchema is the schema of the benchmark's table: 20 columns and 20 checks,
// those for nulls and types, which every column has, not counted.
const mixedSchema = `
columns:
  - {name: id, type: integer, unique: true}
  - {name: user, type: integer, min: 0}
  - {name: age, type: integer, min: 0, max: 120}
  - {name: visits, type: integer, nullable: true, max: 100000}
  - {name: score, type: number, mean: {min: -1, max: 1}}
  - {name: amount, type: number, min: 0, checks: [{quantiles: [{q: 0.99, max: 1000000}]}]}
  - {name: price, type: number, std: {max: 1000}}
  - {name: ratio, type: number, above: -0.001, below: 1.001}
  - {name: lat, type: number, min: -90, max: 90}
  - {name: lon, type: number, nullable: true}
  - {name: country, type: category, values: [de, fr, us, gb, it, es, pl, nl, se, at]}
  - {name: plan, type: category, not_values: [legacy]}
  - {name: channel, type: category, pattern: "[a-z]+"}
  - {name: code, type: string, min_length: 8, max_length: 8}
  - {name: email, type: string, personal: true, pattern: "[a-z0-9]+@example\\.com"}
  - {name: city, type: string, nullable: true, distinct: {max: 1000}}
  - {name: active, type: boolean}
  - {name: trial, type: boolean}
  - {name: created, type: datetime, earliest: "2020-01-01"}
  - {name: updated, type: datetime}
checks:
  - {rule: updated >= created}
  - {rule: age >= 18 or not active, mostly: 0.5}
`

// mixedRows makes rows of the benchmark's table: batches of at most 65536 rows, always the same.
func mixedRows(rows int, each func(arrow.RecordBatch)) {
	utf8 := arrow.BinaryTypes.String
	i64, f64, flag := arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Float64, arrow.FixedWidthTypes.Boolean
	fields := []arrow.Field{}
	for _, c := range []struct {
		name string
		kind arrow.DataType
	}{
		{"id", i64}, {"user", i64}, {"age", i64}, {"visits", i64}, {"score", f64}, {"amount", f64}, {"price", f64}, {"ratio", f64}, {"lat", f64}, {"lon", f64},
		{"country", utf8}, {"plan", utf8}, {"channel", utf8}, {"code", utf8}, {"email", utf8}, {"city", utf8}, {"active", flag}, {"trial", flag},
		{"created", arrow.FixedWidthTypes.Timestamp_us}, {"updated", arrow.FixedWidthTypes.Timestamp_us},
	} {
		fields = append(fields, arrow.Field{Name: c.name, Type: c.kind, Nullable: true})
	}
	rng := rand.New(rand.NewPCG(1, 2))
	countries := []string{"de", "fr", "us", "gb", "it", "es", "pl", "nl", "se", "at"}
	start := time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	for row := range rows {
		ints := func(c int, v int64) { b.Field(c).(*array.Int64Builder).Append(v) }
		floats := func(c int, v float64) { b.Field(c).(*array.Float64Builder).Append(v) }
		words := func(c int, v string) { b.Field(c).(*array.StringBuilder).Append(v) }
		ints(0, int64(row))
		ints(1, rng.Int64N(1_000_000))
		ints(2, 18+rng.Int64N(80))
		if rng.IntN(20) == 0 {
			b.Field(3).AppendNull()
		} else {
			ints(3, int64(rng.ExpFloat64()*30))
		}
		floats(4, rng.NormFloat64())
		floats(5, float64(int(rng.ExpFloat64()*10000))/100)
		floats(6, float64(rng.IntN(10000))/100)
		floats(7, rng.Float64())
		floats(8, rng.Float64()*180-90)
		if rng.IntN(50) == 0 {
			b.Field(9).AppendNull()
		} else {
			floats(9, rng.Float64()*360-180)
		}
		words(10, countries[rng.IntN(10)])
		words(11, []string{"free", "basic", "pro", "enterprise"}[rng.IntN(4)])
		words(12, []string{"web", "mobile", "partner", "store", "phone"}[rng.IntN(5)])
		words(13, fmt.Sprintf("%08x", rng.Uint32()))
		words(14, "u"+strconv.FormatInt(rng.Int64N(1<<40), 36)+"@example.com")
		if rng.IntN(10) == 0 {
			b.Field(15).AppendNull()
		} else {
			words(15, "city "+strconv.Itoa(rng.IntN(500)))
		}
		b.Field(16).(*array.BooleanBuilder).Append(rng.IntN(2) == 0)
		b.Field(17).(*array.BooleanBuilder).Append(rng.IntN(9) == 0)
		created := start + rng.Int64N(1<<46)
		b.Field(18).(*array.TimestampBuilder).Append(arrow.Timestamp(created))
		b.Field(19).(*array.TimestampBuilder).Append(arrow.Timestamp(created + rng.Int64N(1<<40)))
		if (row+1)%65536 == 0 || row+1 == rows {
			batch := b.NewRecordBatch()
			each(batch)
			batch.Release()
		}
	}
}

// mixedFile writes the table as Parquet or CSV, once: SLIPWAY_BENCH_DIR keeps it between runs.
func mixedFile(tb testing.TB, format dataset.Format, rows int) string {
	tb.Helper()
	dir := os.Getenv("SLIPWAY_BENCH_DIR")
	if dir == "" {
		dir = tb.TempDir()
	}
	path := filepath.Join(dir, fmt.Sprintf("mixed-%d.%s", rows, format))
	if _, err := os.Stat(path); err == nil {
		return path
	}
	f, err := os.Create(path)
	require.NoError(tb, err)
	var write func(arrow.RecordBatch) error
	closeAll := f.Close
	mixedRows(rows, func(b arrow.RecordBatch) {
		if write == nil {
			if format == dataset.CSV {
				w := arrowcsv.NewWriter(f, b.Schema(), arrowcsv.WithHeader(true), arrowcsv.WithNullWriter(""))
				write = w.Write
				closeAll = func() error { return w.Flush() }
			} else {
				props := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Snappy), parquet.WithMaxRowGroupLength(1<<20))
				w, err := pqarrow.NewFileWriter(b.Schema(), f, props, pqarrow.DefaultWriterProps())
				require.NoError(tb, err)
				write, closeAll = w.WriteBuffered, w.Close
			}
		}
		require.NoError(tb, write(b))
	})
	require.NoError(tb, closeAll())
	return path
}

// BenchmarkCheck reads SLIPWAY_BENCH_ROWS rows (default 200000) of 20 mixed
// columns with 20 checks.
func BenchmarkCheck(b *testing.B) {
	rows := 200_000
	if text := os.Getenv("SLIPWAY_BENCH_ROWS"); text != "" {
		var err error
		rows, err = strconv.Atoi(text)
		require.NoError(b, err)
	}
	s := schema(b, mixedSchema)
	for _, format := range []dataset.Format{dataset.Parquet, dataset.CSV} {
		b.Run(string(format), func(b *testing.B) {
			path := mixedFile(b, format, rows)
			info, err := os.Stat(path)
			require.NoError(b, err)
			b.SetBytes(info.Size())
			b.ResetTimer()
			for b.Loop() {
				src, err := dataset.OpenSource(path, dataset.SourceOptions{})
				require.NoError(b, err)
				report, err := dataset.Check(context.Background(), src, s, dataset.CheckOptions{})
				require.NoError(b, err)
				require.NoError(b, src.Close())
				require.True(b, report.Passed, report.Summary())
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
