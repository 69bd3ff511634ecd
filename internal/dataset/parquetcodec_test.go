package dataset

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"runtime"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
)

// bombs are compressed bytes that become far more than they say, or say far more than they become.
func bombs(t *testing.T) map[string]struct {
	codec compress.Compression
	bytes []byte
} {
	t.Helper()
	zeros := make([]byte, 64<<20)
	var unsized bytes.Buffer // a frame that does not say how long it is
	w, err := zstd.NewWriter(&unsized, zstd.WithEncoderConcurrency(1))
	require.NoError(t, err)
	_, err = io.Copy(w, bytes.NewReader(zeros))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	sized, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	return map[string]struct {
		codec compress.Compression
		bytes []byte
	}{
		"zstd that tells":           {compress.Codecs.Zstd, sized.EncodeAll(zeros, nil)},
		"zstd that does not tell":   {compress.Codecs.Zstd, unsized.Bytes()},
		"snappy of many":            {compress.Codecs.Snappy, snappy.Encode(nil, zeros)},
		"snappy that says 4 GB":     {compress.Codecs.Snappy, append(binary.AppendUvarint(nil, 1<<32-1), 0)},
		"snappy beyond all numbers": {compress.Codecs.Snappy, bytes.Repeat([]byte{0xff}, 12)},
	}
}

// A page becomes what its header says or is refused, at no cost beyond that.
func TestPagesStayWithinTheirHeaders(t *testing.T) { //nolint:paralleltest // it counts what the process allocates
	for name, bomb := range bombs(t) {
		codec, err := compress.GetCodec(bomb.codec)
		require.NoError(t, err)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err = compress.Decode(codec, make([]byte, 1000), bomb.bytes)
		runtime.ReadMemStats(&after)
		require.Error(t, err, name)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20), name)
		_, err = compress.Decode(codec, nil, bomb.bytes)
		require.Error(t, err, name)
	}
}

// What is no bomb is read as ever.
func TestPagesOfBoundedCodecs(t *testing.T) {
	t.Parallel()
	text := bytes.Repeat([]byte("a longer word, and a shorter one; "), 3000)
	for _, c := range []compress.Compression{compress.Codecs.Snappy, compress.Codecs.Zstd} {
		codec, err := compress.GetCodec(c)
		require.NoError(t, err)
		out, err := compress.Decode(codec, make([]byte, len(text)), codec.Encode(nil, text))
		require.NoError(t, err)
		require.Equal(t, text, out)
		var b bytes.Buffer
		w := codec.(compress.StreamingCodec).NewWriter(&b)
		_, err = w.Write(text)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		r := codec.(compress.StreamingCodec).NewReader(&b)
		out, err = io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		require.Equal(t, text, out)
	}
}

// A page of more than its share of the memory is refused before room is made for it.
func TestPagesAreBounded(t *testing.T) {
	t.Parallel()
	require.Equal(t, int64(maxPage), pageLimit(1))
	require.Equal(t, int64(pageMemory/20), pageLimit(20))
	require.Equal(t, int64(minPage), pageLimit(maxColumns))

	const rows, columns, wide = 18_000, 300, 256
	fields, values := []arrow.Field{{Name: "zero", Type: &arrow.FixedSizeBinaryType{ByteWidth: wide}}}, []arrow.Array{}
	zero := array.NewFixedSizeBinaryBuilder(memory.DefaultAllocator, &arrow.FixedSizeBinaryType{ByteWidth: wide})
	for range rows {
		zero.Append(make([]byte, wide))
	}
	values = append(values, zero.NewArray())
	nulls := array.NewInt32Builder(memory.DefaultAllocator)
	nulls.AppendNulls(rows)
	none := nulls.NewArray()
	for i := range columns - 1 {
		fields = append(fields, arrow.Field{Name: string(rune('a'+i%26)) + string(rune('a'+i/26)), Type: arrow.PrimitiveTypes.Int32, Nullable: true})
		values = append(values, none)
	}
	schema := arrow.NewSchema(fields, nil)
	var b bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &b, parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd), parquet.WithDictionaryDefault(false),
		parquet.WithDataPageSize(1<<30), parquet.WithBatchSize(rows)), pqarrow.DefaultWriterProps())
	require.NoError(t, err)
	require.NoError(t, w.Write(array.NewRecordBatch(schema, values, rows)))
	require.NoError(t, w.Close())
	require.Less(t, b.Len(), 1<<20)
	s, err := NewSource(bytes.NewReader(b.Bytes()), int64(b.Len()), "t.parquet", SourceOptions{Format: Parquet})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	_, err = s.Next(context.Background())
	require.ErrorIs(t, err, ErrSource)
	require.ErrorContains(t, err, "exceeds configured limit")
	_, err = byColumns(b.Bytes(), 7, -1)
	require.ErrorContains(t, err, "exceeds configured limit")
}
