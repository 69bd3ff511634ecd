package dataset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/stretchr/testify/require"
)

// parquetFile writes a table with columns of many types, or of some: some null, some with few values, some with many.
func parquetFile(tb testing.TB, rows int, only []string, options ...parquet.WriterProperty) []byte {
	tb.Helper()
	rng := rand.New(rand.NewPCG(3, uint64(rows)))
	var fields []arrow.Field
	var columns []arrow.Array
	add := func(name string, kind arrow.DataType, value func(b array.Builder)) {
		for _, nulls := range []int{0, 3, 100} { // of 100
			if only != nil && !slices.Contains(only, name+strconv.Itoa(nulls)) {
				continue
			}
			b := array.NewBuilder(memory.DefaultAllocator, kind)
			for range rows {
				if rng.IntN(100) < nulls {
					b.AppendNull()
					continue
				}
				value(b)
			}
			fields = append(fields, arrow.Field{Name: name + strconv.Itoa(nulls), Type: kind, Nullable: nulls > 0})
			columns = append(columns, b.NewArray())
		}
	}
	add("few", arrow.PrimitiveTypes.Int64, func(b array.Builder) { b.(*array.Int64Builder).Append(rng.Int64N(7) - 3) })
	add("many", arrow.PrimitiveTypes.Int64, func(b array.Builder) { b.(*array.Int64Builder).Append(rng.Int64()) })
	add("small", arrow.PrimitiveTypes.Int32, func(b array.Builder) { b.(*array.Int32Builder).Append(rng.Int32N(1000)) })
	add("tiny", arrow.PrimitiveTypes.Int8, func(b array.Builder) { b.(*array.Int8Builder).Append(int8(rng.IntN(9))) })
	add("number", arrow.PrimitiveTypes.Float64, func(b array.Builder) { b.(*array.Float64Builder).Append(rng.NormFloat64()) })
	add("short", arrow.PrimitiveTypes.Float32, func(b array.Builder) { b.(*array.Float32Builder).Append(rng.Float32()) })
	add("flag", arrow.FixedWidthTypes.Boolean, func(b array.Builder) { b.(*array.BooleanBuilder).Append(rng.IntN(5) == 0) })
	add("word", arrow.BinaryTypes.String, func(b array.Builder) {
		b.(*array.StringBuilder).Append([]string{"", "a", "zwölf", "a longer word"}[rng.IntN(4)])
	})
	add("text", arrow.BinaryTypes.String, func(b array.Builder) { b.(*array.StringBuilder).Append(fmt.Sprint(rng.Uint64())) })
	add("large", arrow.BinaryTypes.LargeString, func(b array.Builder) { b.(*array.LargeStringBuilder).Append(strconv.Itoa(rng.IntN(30))) })
	add("bytes", arrow.BinaryTypes.Binary, func(b array.Builder) { b.(*array.BinaryBuilder).Append([]byte{byte(rng.IntN(3))}) })
	add("day", arrow.FixedWidthTypes.Date32, func(b array.Builder) { b.(*array.Date32Builder).Append(arrow.Date32(rng.Int32N(20000))) })
	add("moment", arrow.FixedWidthTypes.Timestamp_ms, func(b array.Builder) { b.(*array.TimestampBuilder).Append(arrow.Timestamp(rng.Int64N(1 << 40))) })
	add("second", arrow.FixedWidthTypes.Timestamp_s, func(b array.Builder) { b.(*array.TimestampBuilder).Append(arrow.Timestamp(rng.Int64N(1 << 32))) })
	add("nanos", &arrow.TimestampType{Unit: arrow.Nanosecond}, func(b array.Builder) { b.(*array.TimestampBuilder).Append(arrow.Timestamp(rng.Int64N(1 << 60))) })
	add("list", arrow.ListOf(arrow.PrimitiveTypes.Int64), func(b array.Builder) {
		l := b.(*array.ListBuilder)
		l.Append(true)
		for range rng.IntN(3) {
			l.ValueBuilder().(*array.Int64Builder).Append(1)
		}
	})
	var out bytes.Buffer
	schema := arrow.NewSchema(fields, nil)
	arrowOptions := pqarrow.DefaultWriterProps()
	if only == nil {
		arrowOptions = pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()) // else damage would mostly hit that
	}
	w, err := pqarrow.NewFileWriter(schema, &out, parquet.NewWriterProperties(options...), arrowOptions)
	require.NoError(tb, err)
	require.NoError(tb, w.WriteBuffered(array.NewRecordBatch(schema, columns, int64(rows))))
	require.NoError(tb, w.Close())
	return out.Bytes()
}

// parquetFiles are files as writers may lay them out.
func parquetFiles(tb testing.TB, rows int, only ...string) map[string][]byte {
	tb.Helper()
	files := map[string][]byte{}
	for name, options := range map[string][]parquet.WriterProperty{
		"as it comes":  nil,
		"groups":       {parquet.WithMaxRowGroupLength(int64(rows/3 + 1)), parquet.WithCompression(compress.Codecs.Snappy)},
		"second pages": {parquet.WithDataPageVersion(parquet.DataPageV2), parquet.WithDataPageSize(500), parquet.WithBatchSize(64), parquet.WithCompression(compress.Codecs.Zstd)},
		"dictionaries that overflow": {
			parquet.WithDictionaryPageSizeLimit(300), parquet.WithDataPageSize(400), parquet.WithBatchSize(50), parquet.WithMaxRowGroupLength(int64(rows/2 + 1)),
		},
		"no dictionaries": {parquet.WithDictionaryDefault(false), parquet.WithDataPageSize(700), parquet.WithBatchSize(33)},
		"other encodings": {
			parquet.WithDictionaryDefault(false), parquet.WithEncodingFor("few0", parquet.Encodings.DeltaBinaryPacked),
			parquet.WithEncodingFor("text3", parquet.Encodings.DeltaByteArray), parquet.WithEncodingFor("flag3", parquet.Encodings.RLE),
			parquet.WithEncodingFor("number3", parquet.Encodings.ByteStreamSplit), parquet.WithDataPageVersion(parquet.DataPageV2),
		},
	} {
		files[name] = parquetFile(tb, rows, only, options...)
	}
	return files
}

// byColumns reads a file column by column, as text; after some batches, columns are left to the library.
func byColumns(file []byte, batchRows, leaveAfter int) (out [][]string, err error) {
	defer recoverInto(&err, "t.parquet") // arrays of a damaged list can't be written
	src, err := NewSource(bytes.NewReader(file), int64(len(file)), "t.parquet", SourceOptions{Format: Parquet, BatchRows: batchRows})
	if err != nil {
		return nil, err
	}
	batches, err := src.(columnSource).columns()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, batches.close(), src.Close()) }()
	out = make([][]string, src.Schema().NumFields())
	for batch := 0; ; batch++ {
		n, err := batches.nextRows()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		for i := range out {
			if batch == leaveAfter {
				batches.(*parquetColumns).readers[i].fast = nil
			}
			a, err := batches.column(context.Background(), i)
			if err != nil {
				return nil, err
			}
			if a.Len() != n {
				return nil, fmt.Errorf("column %d: %d rows of %d", i, a.Len(), n)
			}
			for row := range n {
				out[i] = append(out[i], strings.Clone(a.ValueStr(row))) // a view of memory that is used again
			}
		}
	}
}

// byRows reads a file by the library alone, as text by column.
func byRows(file []byte) (out [][]string, err error) {
	defer recoverInto(&err, "t.parquet")
	src, err := NewSource(bytes.NewReader(file), int64(len(file)), "t.parquet", SourceOptions{Format: Parquet, BatchRows: 1000})
	if err != nil {
		return nil, err
	}
	out = make([][]string, src.Schema().NumFields())
	for {
		batch, err := src.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return out, src.Close()
		}
		if err != nil {
			return nil, errors.Join(err, src.Close())
		}
		for i := range out {
			for row := range int(batch.NumRows()) {
				out[i] = append(out[i], batch.Column(i).ValueStr(row))
			}
		}
		batch.Release()
	}
}

// requireCells names the first cell that differs.
func requireCells(t *testing.T, want, got [][]string, what string) {
	t.Helper()
	require.Len(t, got, len(want))
	for column := range want {
		require.Len(t, got[column], len(want[column]), "%s, column %d", what, column)
		for row := range want[column] {
			require.Equal(t, want[column][row], got[column][row], "%s, column %d, row %d", what, column, row)
		}
	}
}

func TestColumnsAgreeWithTheLibrary(t *testing.T) {
	t.Parallel()
	for name, file := range parquetFiles(t, 1000) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, err := byRows(file)
			require.NoError(t, err)
			for _, rows := range []int{1, 77, 100_000} {
				for _, leaveAfter := range []int{-1, 2} {
					got, err := byColumns(file, rows, leaveAfter)
					require.NoError(t, err)
					requireCells(t, want, got, fmt.Sprintf("batches of %d, left to the library after %d", rows, leaveAfter))
				}
			}
		})
	}
}

func TestColumnsReadMostTypesThemselves(t *testing.T) {
	t.Parallel()
	file := parquetFile(t, 100, nil)
	src, err := NewSource(bytes.NewReader(file), int64(len(file)), "t.parquet", SourceOptions{})
	require.NoError(t, err)
	batches, err := src.(columnSource).columns()
	require.NoError(t, err)
	var slow []string
	for i, r := range batches.(*parquetColumns).readers {
		if r.fast == nil {
			slow = append(slow, src.Schema().Field(i).Name)
		}
	}
	require.Equal(t, []string{"tiny0", "tiny3", "tiny100", "bytes0", "bytes3", "bytes100", "list0", "list3", "list100"}, slow)
	require.NoError(t, batches.close())
	require.NoError(t, src.Close())
}

// TestColumnsGiveTheSameReport checks a file by columns and by whole rows.
func TestColumnsGiveTheSameReport(t *testing.T) {
	t.Parallel()
	s, err := ParseSchema("s.yaml", []byte(`
extra: allow
null_values: [a]
columns:
  - {name: few3, type: integer, nullable: true, min: -2, values: [-2, 0, 1, 2]}
  - {name: few0, type: number, max: 1, unique: true}
  - {name: many3, type: string, nullable: true, unique: true}
  - {name: small3, type: integer, max: 900}
  - {name: flag3, type: boolean, values: ["true"]}
  - {name: flag0, type: string, pattern: "t.*"}
  - {name: word3, type: string, min_length: 2, pattern: "[a-z ]+"}
  - {name: word0, type: number, nullable: true}
  - {name: text0, type: integer, unique: true}
  - {name: large0, type: number, below: 29}
  - {name: day3, type: date, nullable: true, earliest: 1990-01-01}
  - {name: moment0, type: datetime, latest: 2000-01-01}
checks:
  - {rule: small3 > few3 + 100 or flag3}
  - {unique: [few0, word3]}
`))
	require.NoError(t, err)
	for name, file := range parquetFiles(t, 1000) {
		read := func(hide bool, rows int, do func(src Source) error) {
			src, err := NewSource(bytes.NewReader(file), int64(len(file)), "t.parquet", SourceOptions{BatchRows: rows})
			require.NoError(t, err)
			defer func() { require.NoError(t, src.Close()) }()
			if hide {
				src = struct{ Source }{src}
			}
			require.NoError(t, do(src))
		}
		both := func(rows int, do func(src Source) (any, error)) any {
			var out [2]any
			for i := range out {
				read(i == 0, rows*i, func(src Source) (err error) {
					out[i], err = do(src)
					return err
				})
			}
			require.Equal(t, out[0], out[1], "%s, batches of %d", name, rows)
			return out[0]
		}
		for _, rows := range []int{0, 100} {
			report := both(rows, func(src Source) (any, error) { return Check(context.Background(), src, s, CheckOptions{Workers: 3}) })
			require.Greater(t, len(report.(Report).Failures), 10)
		}
		both(0, func(src Source) (any, error) { return ProfileOf(context.Background(), src, ProfileOptions{}) })
		both(0, func(src Source) (any, error) { return Infer(context.Background(), src) })
	}
}

func TestColumnsRefuseDamage(t *testing.T) {
	t.Parallel()
	file := parquetFile(t, 100, nil, parquet.WithCompression(compress.Codecs.Snappy))
	refused := 0
	for at := 4; at < len(file)-8; at += 211 {
		damaged := bytes.Clone(file)
		damaged[at] ^= 0x55
		if _, err := byColumns(damaged, 100, -1); err != nil {
			require.ErrorIs(t, err, ErrSource)
			refused++
		}
	}
	require.Positive(t, refused)
}

// FuzzColumns reads bytes by column and by the library: where both can, they agree.
func FuzzColumns(f *testing.F) {
	for _, file := range parquetFiles(f, 30, "few3", "number0", "flag3", "word3", "text0") {
		f.Add(file)
	}
	f.Add(hugeSchema(f))
	f.Fuzz(func(t *testing.T, file []byte) {
		want, wantErr := byRows(file)
		got, err := byColumns(file, 7, -1)
		if err == nil && wantErr == nil {
			requireCells(t, want, got, "by column")
		}
	})
}

func TestBufferPool(t *testing.T) {
	t.Parallel()
	p := &bufferPool{}
	a := p.Allocate(100_000)
	require.Len(t, a, 100_000)
	a[0], a[99_999] = 1, 2
	a = p.Reallocate(200_000, a)
	require.Len(t, a, 200_000)
	require.Equal(t, []byte{1, 2}, []byte{a[0], a[99_999]})
	b := p.Allocate(99_000) // where a was first
	require.Equal(t, byte(1), b[0])
	require.Len(t, p.Allocate(0), 0)
	for size := 1; size < 1<<22; size += size/3 + 1 {
		require.GreaterOrEqual(t, pooledSize(size), size)
		require.LessOrEqual(t, pooledSize(size), size+size/8+1)
		require.Equal(t, pooledSize(size), pooledSize(pooledSize(size)))
	}
}
