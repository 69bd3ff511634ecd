package dataset_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/dataset"
)

// in opens text as a table of this name.
func in(t testing.TB, name, text string) dataset.Source {
	t.Helper()
	src, err := dataset.NewSource(strings.NewReader(text), int64(len(text)), name, dataset.SourceOptions{BatchRows: 7})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, src.Close()) })
	return src
}

const wildSchema = `
null_values: [NA]
extra: allow
columns:
  - {name: i, type: integer, nullable: true}
  - {name: x, type: number, decimal: comma, nullable: true}
  - {name: b, type: boolean}
  - {name: c, type: category}
  - {name: d, type: date, formats: ["%d.%m.%Y"]}
`

// What a schema means is read alike from every format, and as ReadCSV reads plain CSV.
func TestReadTable(t *testing.T) {
	t.Parallel()
	s, err := dataset.ParseSchema("s", []byte(wildSchema))
	require.NoError(t, err)
	table, err := dataset.ReadTable(t.Context(), in(t, "t.csv", "i;x;b;c;d;free\n1;1.234,5;true;a;31.12.2026;7\nNA;;FALSE;b;01.01.2026;8\n"), dataset.TableOptions{Schema: s})
	require.NoError(t, err)
	require.Equal(t, []dataset.Column{
		{Name: "i", Kind: dataset.Integer}, {Name: "x", Kind: dataset.Number}, {Name: "b", Kind: dataset.Boolean},
		{Name: "c", Kind: dataset.String}, {Name: "d", Kind: dataset.String}, {Name: "free", Kind: dataset.Integer},
	}, table.Columns())
	require.Equal(t, map[string]any{"i": int64(1), "x": 1234.5, "b": true, "c": "a", "d": "31.12.2026", "free": int64(7)}, table.Row(0))
	require.Equal(t, map[string]any{"i": nil, "x": nil, "b": false, "c": "b", "d": "01.01.2026", "free": int64(8)}, table.Row(1))
	require.Equal(t, 3, table.Line(1))

	lines := `{"i": 1, "x": 2.5, "b": true, "c": "a", "d": "31.12.2026"}` + "\n" + `{"i": null, "x": 1, "b": false, "c": "b", "d": "01.01.2026"}` + "\n"
	table, err = dataset.ReadTable(t.Context(), in(t, "t.jsonl", lines), dataset.TableOptions{Schema: s})
	require.NoError(t, err)
	require.Equal(t, int64(1), table.Value("i", 0))
	require.Equal(t, 2.5, table.Value("x", 0))
	require.Nil(t, table.Value("i", 1))

	_, err = dataset.ReadTable(t.Context(), in(t, "t.csv", "i,x,b,c,d\n1,1,true,a,31.12.2026\nsecret,1,true,a,31.12.2026\n"), dataset.TableOptions{Schema: s})
	require.ErrorIs(t, err, dataset.ErrSource)
	require.EqualError(t, err, "t.csv: line 3: column i: not a readable table: the value is not of type integer, as the schema wants it")
	_, err = dataset.ReadTable(t.Context(), in(t, "t.csv", "a,b\n1\n"), dataset.TableOptions{})
	require.ErrorIs(t, err, dataset.ErrCSV)
}

func TestReadTableReadsAsReadCSV(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"a,b\n1,x\n2.5,\n", "a\n\n", "a,b,c\n1,true,\"q\"\"\nq\"\n-3,False,z\n", "a,b\n,\n,\n"} {
		want, err := dataset.ReadCSV(strings.NewReader(text), "t.csv", dataset.CSVOptions{})
		require.NoError(t, err)
		got, err := dataset.ReadTable(t.Context(), in(t, "t.csv", text), dataset.TableOptions{})
		require.NoError(t, err)
		require.Equal(t, want.Columns(), got.Columns(), text)
		require.Equal(t, want.Rows(), got.Rows(), text)
		for i := range want.Rows() {
			require.Equal(t, want.Row(i), got.Row(i), text)
			require.Equal(t, want.Line(i), got.Line(i), text)
		}
	}
}

func TestReadTableReadsParquet(t *testing.T) {
	t.Parallel()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "i", Type: arrow.PrimitiveTypes.Int32, Nullable: true}, {Name: "x", Type: arrow.PrimitiveTypes.Float32},
		{Name: "day", Type: arrow.FixedWidthTypes.Date32}, {Name: "word", Type: arrow.BinaryTypes.String},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for i := range 20 {
		b.Field(0).(*array.Int32Builder).Append(int32(i))
		b.Field(1).(*array.Float32Builder).Append(float32(i) / 2)
		b.Field(2).(*array.Date32Builder).Append(arrow.Date32(i))
		b.Field(3).(*array.StringBuilder).Append(fmt.Sprint("w", i))
	}
	var file bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &file, nil, pqarrow.DefaultWriterProps())
	require.NoError(t, err)
	require.NoError(t, w.Write(b.NewRecordBatch()))
	require.NoError(t, w.Close())
	table, err := dataset.ReadTable(t.Context(), in(t, "t.parquet", file.String()), dataset.TableOptions{First: 15})
	require.NoError(t, err)
	require.Equal(t, 15, table.Rows())
	require.Equal(t, map[string]any{"i": int64(14), "x": 7.0, "day": "1970-01-15", "word": "w14"}, table.Row(14))
	require.Equal(t, 15, table.Line(14), "rows have numbers where a file has no lines")
}

func TestReadTableIsBounded(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("n,word\n")
	for i := range 10_000 {
		fmt.Fprintf(&text, "%d,word\n", i)
	}
	_, err := dataset.ReadTable(t.Context(), in(t, "t.csv", text.String()), dataset.TableOptions{MaxBytes: 10_000})
	require.ErrorIs(t, err, dataset.ErrTooLarge)
	require.ErrorContains(t, err, "t.csv: ")

	// A sample does not grow, is the same again and holds rows from everywhere.
	read := func() *dataset.Table {
		table, err := dataset.ReadTable(t.Context(), in(t, "t.csv", text.String()), dataset.TableOptions{MaxBytes: 100_000, Sample: 1000})
		require.NoError(t, err)
		return table
	}
	table := read()
	require.GreaterOrEqual(t, table.Rows(), 500)
	require.LessOrEqual(t, table.Rows(), 1000)
	numbers, err := table.Floats("n")
	require.NoError(t, err)
	sum := 0.0
	for i, n := range numbers {
		sum += n
		require.Equal(t, int(n)+2, table.Line(i), "lines stay with their rows")
		require.Equal(t, "word", table.Value("word", i))
	}
	// The standard error of the mean of at least 500 of 10,000 rows is at most 130.
	require.InDelta(t, 5000, sum/float64(len(numbers)), 5*130)
	require.Equal(t, table.Row(17), read().Row(17))
	all, err := dataset.ReadTable(t.Context(), in(t, "t.csv", text.String()), dataset.TableOptions{Sample: 10_000})
	require.NoError(t, err)
	require.Equal(t, 10_000, all.Rows())
}

func TestHideAndNeedsReference(t *testing.T) {
	t.Parallel()
	s, err := dataset.ParseSchema("s", []byte("columns: [{name: a, type: string}, {name_pattern: 'p[0-9]', count: 2, type: number, checks: [{psi: 0.1}]}]"))
	require.NoError(t, err)
	require.True(t, s.NeedsReference())
	require.False(t, s.Personal("a"))
	s.Hide("a", "p1", "nothing")
	require.True(t, s.Personal("a"))
	require.True(t, s.Personal("p2"))
	s, err = dataset.ParseSchema("s", []byte("columns: [{name: a, type: string}]"))
	require.NoError(t, err)
	require.False(t, s.NeedsReference())
}
