package dataset

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// arrowSchemaAt is where the schema that writers of Arrow leave lies in a file, as text.
func arrowSchemaAt(tb testing.TB, file []byte) (from, to int) {
	tb.Helper()
	from = bytes.Index(file, []byte(arrowSchemaKey))
	require.Positive(tb, from)
	from += bytes.Index(file[from:], []byte("/////")) // 0xffffffff, which begins a message
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	return from, from + len(file[from:]) - len(bytes.TrimLeft(file[from:], digits))
}

// hugeSchema is a file whose Arrow schema says that it is 1.4 GB long.
func hugeSchema(tb testing.TB) []byte {
	tb.Helper()
	file := parquetFile(tb, 20, nil)
	from, _ := arrowSchemaAt(tb, file)
	head, err := base64.StdEncoding.DecodeString(string(file[from : from+12]))
	require.NoError(tb, err)
	require.Equal(tb, uint32(0xffffffff), binary.LittleEndian.Uint32(head), "an encapsulated message")
	binary.LittleEndian.PutUint32(head[4:], 1_400_000_000)
	copy(file[from:], base64.StdEncoding.EncodeToString(head))
	return file
}

// What the Arrow schema of a file says changes nothing, however damaged it is.
func TestArrowSchemaIsNotRead(t *testing.T) {
	t.Parallel()
	file := parquetFile(t, 20, nil)
	want, err := byRows(file)
	require.NoError(t, err)
	got, err := byRows(hugeSchema(t))
	require.NoError(t, err)
	requireCells(t, want, got, "a schema of 1.4 GB")
	from, to := arrowSchemaAt(t, file)
	for at := from; at < to; at += 97 {
		damaged := bytes.Clone(file)
		damaged[at] = 'A' + (damaged[at]+7)%26
		got, err := byColumns(damaged, 7, -1)
		require.NoError(t, err)
		requireCells(t, want, got, "damaged schema")
	}
}

// A footer is refused before anything is allocated for what it says is there.
func TestFooterIsBounded(t *testing.T) {
	t.Parallel()
	file := func(footer ...byte) []byte {
		b := append([]byte("PAR1"), footer...)
		return append(binary.LittleEndian.AppendUint32(b, uint32(len(footer))), "PAR1"...)
	}
	const list = 0x19 // field 1, of type list
	for name, b := range map[string][]byte{
		"empty":                 {},
		"short":                 []byte("PAR1"),
		"no end":                append(file(0), 0),
		"encrypted":             append(file(0)[:len(file(0))-4], "PARE"...),
		"longer than the file":  append(binary.LittleEndian.AppendUint32([]byte("PAR1"), 1<<31), "PAR1"...),
		"nothing":               file(),
		"a list of 100 million": file(list, 0xfc, 0x80, 0xc2, 0xd7, 0x2f, 0),
		"lists in lists":        file(bytes.Repeat([]byte{list}, 1000)...),
	} {
		require.Error(t, checkFooter(bytes.NewReader(b), int64(len(b))), name)
		_, err := NewSource(bytes.NewReader(b), int64(len(b)), "t.parquet", SourceOptions{Format: Parquet})
		require.ErrorIs(t, err, ErrSource, name)
	}
	whole := parquetFile(t, 20, nil)
	require.NoError(t, checkFooter(bytes.NewReader(whole), int64(len(whole))))
}
