package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/stretchr/testify/require"
)

// countingReader counts the bytes that are read.
type countingReader struct {
	io.ReaderAt
	n int64
}

func (c *countingReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	c.n += int64(n)
	return n, err
}

// Of Parquet only the picked columns are read, nested ones whole.
func TestPickColumns(t *testing.T) {
	t.Parallel()
	const rows = 20_000
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "text", Type: arrow.BinaryTypes.String}, {Name: "id", Type: arrow.PrimitiveTypes.Int64},
		{Name: "pair", Type: arrow.StructOf(arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int32}, arrow.Field{Name: "b", Type: arrow.PrimitiveTypes.Int32})},
		{Name: "more", Type: arrow.BinaryTypes.String},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	random := rand.New(rand.NewPCG(1, 2))
	pair := b.Field(2).(*array.StructBuilder)
	for i := range rows {
		b.Field(0).(*array.StringBuilder).Append(fmt.Sprint(random.Uint64(), random.Uint64()))
		b.Field(1).(*array.Int64Builder).Append(int64(i))
		pair.Append(true)
		pair.FieldBuilder(0).(*array.Int32Builder).Append(int32(i))
		pair.FieldBuilder(1).(*array.Int32Builder).Append(int32(-i))
		b.Field(3).(*array.StringBuilder).Append(fmt.Sprint(random.Uint64(), random.Uint64()))
	}
	batch := b.NewRecordBatch()
	defer batch.Release()
	var out bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &out, parquet.NewWriterProperties(parquet.WithDictionaryDefault(false)), pqarrow.DefaultWriterProps())
	require.NoError(t, err)
	require.NoError(t, w.Write(batch))
	require.NoError(t, w.Close())

	read := func(columns ...string) (names []string, n int64, sum int64) {
		from := &countingReader{ReaderAt: bytes.NewReader(out.Bytes())}
		src, err := NewSource(from, int64(out.Len()), "t.parquet", SourceOptions{})
		require.NoError(t, err)
		defer func() { require.NoError(t, src.Close()) }()
		require.NoError(t, PickColumns(src, columns))
		for _, f := range src.Schema().Fields() {
			names = append(names, f.Name)
		}
		for {
			batch, err := src.Next(t.Context())
			if errors.Is(err, io.EOF) {
				return names, from.n, sum
			}
			require.NoError(t, err)
			for _, i := range batch.Schema().FieldIndices("id") {
				for _, v := range batch.Column(i).(*array.Int64).Int64Values() {
					sum += v
				}
			}
			batch.Release()
		}
	}
	names, all, sum := read("text", "id", "pair", "more")
	require.Len(t, names, 4)
	require.EqualValues(t, rows*(rows-1)/2, sum)
	names, some, sum := read("pair", "id")
	require.Equal(t, []string{"id", "pair"}, names)
	require.EqualValues(t, rows*(rows-1)/2, sum)
	require.Less(t, some, all/2, "the texts are not read")
	names, few, _ := read("id", "no such column")
	require.Equal(t, []string{"id"}, names)
	require.Less(t, few, some)
}
