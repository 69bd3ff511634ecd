package dataset_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/dataset"
)

// A table is the same whatever file it came from.
func TestReadTableFromAnyFormat(t *testing.T) {
	t.Parallel()
	const csv = "i,n,b,s\n1,1.5,true,x\n2,2.25,false,y z\n3,,true,\n"
	want, err := dataset.ReadCSV(strings.NewReader(csv), "want", dataset.CSVOptions{})
	require.NoError(t, err)
	read := func(name, content string, format dataset.Format) *dataset.Table {
		src, err := dataset.NewSource(strings.NewReader(content), int64(len(content)), name, dataset.SourceOptions{Format: format, BatchRows: 2})
		require.NoError(t, err)
		defer src.Close()
		got, err := dataset.ReadTable(t.Context(), src, dataset.TableOptions{})
		require.NoError(t, err)
		return got
	}
	parquetFile := func() string {
		var out bytes.Buffer
		w, err := pqarrow.NewFileWriter(want.Record().Schema(), &out, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps())
		require.NoError(t, err)
		require.NoError(t, w.Write(want.Record()))
		require.NoError(t, w.Close())
		return out.String()
	}
	for name, got := range map[string]*dataset.Table{
		"csv":     read("t.csv", csv, ""),
		"parquet": read("t.parquet", parquetFile(), ""),
		"jsonl": read("t.jsonl", `{"i":1,"n":1.5,"b":true,"s":"x"}
{"i":2,"n":2.25,"b":false,"s":"y z"}
{"i":3,"b":true}
`, ""),
	} {
		require.Equal(t, want.Columns(), got.Columns(), name)
		require.Equal(t, want.Rows(), got.Rows(), name)
		for i := range want.Rows() {
			require.Equal(t, want.Row(i), got.Row(i), name)
			require.Positive(t, got.Line(i))
		}
	}
	require.Equal(t, 3, read("t.csv", csv, "").Line(1))
	require.Equal(t, 2, read("t.jsonl", "{\"a\":1}\n{\"a\":2}\n", "").Line(1))

	src, err := dataset.NewSource(strings.NewReader(csv), int64(len(csv)), "t.csv", dataset.SourceOptions{})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = dataset.ReadTable(ctx, src, dataset.TableOptions{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestTableCrossesProcesses(t *testing.T) {
	t.Parallel()
	for name, csv := range map[string]string{
		"kinds":   "i,n,b,s\n1,1.5,true,x\n,,,\n-3,2,false,\"two\nlines\"\n4,0.1,true,y\n",
		"no rows": "a,line\n",
	} {
		want, err := dataset.ReadCSV(strings.NewReader(csv), name, dataset.CSVOptions{})
		require.NoError(t, err)
		b, err := want.MarshalBinary()
		require.NoError(t, err)
		got, err := dataset.UnmarshalTable(b)
		require.NoError(t, err)
		require.Equal(t, want.Name(), got.Name())
		require.Equal(t, want.Columns(), got.Columns())
		require.Equal(t, want.Rows(), got.Rows())
		for i := range want.Rows() {
			require.Equal(t, want.Row(i), got.Row(i))
			require.Equal(t, want.Line(i), got.Line(i))
		}
		part, err := want.Slice(want.Rows()/2, want.Rows()).MarshalBinary()
		require.NoError(t, err)
		half, err := dataset.UnmarshalTable(part)
		require.NoError(t, err)
		require.Equal(t, want.Rows()-want.Rows()/2, half.Rows())
		if half.Rows() > 0 {
			require.Equal(t, want.Row(want.Rows()-1), half.Row(half.Rows()-1))
		}
		_, err = dataset.UnmarshalTable(b[:len(b)/2])
		require.Error(t, err)
	}
	_, err := dataset.UnmarshalTable([]byte("no stream"))
	require.Error(t, err)
}
