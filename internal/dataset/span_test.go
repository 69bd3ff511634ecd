package dataset

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/stretchr/testify/require"
)

// rowsOf reads a source to its end: each row as text, and its line.
func rowsOf(t *testing.T, src Source) (rows []string) {
	t.Helper()
	defer src.Close()
	for {
		batch, err := src.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return rows
		}
		require.NoError(t, err)
		lines := linesOf(src)
		for i := range int(batch.NumRows()) {
			row := fmt.Sprint(lines.at(i), ":")
			for c := range int(batch.NumCols()) {
				row += "|" + batch.Column(c).ValueStr(i)
			}
			rows = append(rows, row)
		}
		batch.Release()
	}
}

// spanFiles are tables of every format, with what makes cutting hard.
func spanFiles(t *testing.T) map[string][]byte {
	t.Helper()
	var csv, jsonl strings.Builder
	csv.WriteString("\xef\xbb\xbfid,text,n\r\n")
	for i := range 1000 {
		switch i % 7 {
		case 0:
			fmt.Fprintf(&csv, "%d,\"a \"\"quoted\"\"\r\nfield, of two lines\",%d\r\n", i, i)
		case 3:
			fmt.Fprintf(&csv, "\n\r\n%d,,%d\n", i, i) // after blank lines
		default:
			fmt.Fprintf(&csv, "%d,x%d,%d\n", i, i, i)
		}
		fmt.Fprintf(&jsonl, "{\"id\":%d,\"text\":\"x%d\"%s}\n", i, i, map[bool]string{true: `,"late":1.5`}[i > 900])
		if i%11 == 0 {
			jsonl.WriteString("   \n")
		}
	}
	files := map[string][]byte{"quoted.csv": []byte(strings.TrimRight(csv.String(), "\n")), "lines.jsonl": []byte(strings.TrimRight(jsonl.String(), "\n"))}
	ids, words := array.NewInt64Builder(memory.DefaultAllocator), array.NewStringBuilder(memory.DefaultAllocator)
	for i := range 1000 {
		ids.Append(int64(i))
		words.Append(fmt.Sprint("x", i%50))
	}
	schema := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int64}, {Name: "text", Type: arrow.BinaryTypes.String}}, nil)
	table := array.NewRecordBatch(schema, []arrow.Array{ids.NewArray(), words.NewArray()}, 1000)
	for name, group := range map[string]int64{"groups.parquet": 70, "one.parquet": 1000} {
		var b bytes.Buffer
		w, err := pqarrow.NewFileWriter(schema, &b, parquet.NewWriterProperties(parquet.WithMaxRowGroupLength(group), parquet.WithDataPageSize(256)), pqarrow.DefaultWriterProps())
		require.NoError(t, err)
		require.NoError(t, w.WriteBuffered(table))
		require.NoError(t, w.Close())
		files[name] = b.Bytes()
	}
	for name, b := range npyFiles() {
		files[name] = b
	}
	for name, method := range map[string]uint16{"stored.npz": zip.Store, "packed.npz": zip.Deflate} {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for _, array := range []string{"x", "y"} {
			f, err := w.CreateHeader(&zip.FileHeader{Name: array + ".npy", Method: method})
			require.NoError(t, err)
			_, err = f.Write(files["c.npy"])
			require.NoError(t, err)
		}
		require.NoError(t, w.Close())
		files[name] = b.Bytes()
	}
	return files
}

// npyFiles are an array in C order and one in Fortran order.
func npyFiles() map[string][]byte {
	out := map[string][]byte{}
	for name, order := range map[string]string{"c.npy": "False", "fortran.npy": "True"} {
		header := fmt.Sprintf("{'descr': '<f8', 'fortran_order': %s, 'shape': (500, 3), }", order)
		header += strings.Repeat(" ", 64-(10+len(header)+1)%64) + "\n"
		b := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), byte(len(header)>>8))
		b = append(b, header...)
		for i := range 1500 {
			b = append(b, 0, 0, 0, 0, 0, byte(i), byte(i>>4), 0x40)
		}
		out[name] = b
	}
	return out
}

func TestSpansAreTheWholeTable(t *testing.T) {
	t.Parallel()
	for name, content := range spanFiles(t) {
		for _, rows := range []int{1, 13, 64, 5000} {
			t.Run(fmt.Sprint(name, "/", rows), func(t *testing.T) {
				t.Parallel()
				whole, err := NewSource(bytes.NewReader(content), int64(len(content)), name, SourceOptions{})
				require.NoError(t, err)
				want := rowsOf(t, whole)
				require.NotEmpty(t, want)
				l, err := Cut(t.Context(), bytes.NewReader(content), int64(len(content)), name, rows, nil)
				require.NoError(t, err)
				require.EqualValues(t, len(want), l.Rows)
				require.Len(t, l.Spans, (len(want)+rows-1)/rows)
				var got []string
				// In any order: each is read without those before.
				order := rand.Perm(len(l.Spans))
				parts := make([][]string, len(l.Spans))
				for _, i := range order[:min(len(order), 60)] {
					span := l.Spans[i]
					require.LessOrEqual(t, span.Rows, int64(rows))
					src, err := NewSource(bytes.NewReader(content), int64(len(content)), name, SourceOptions{Layout: &l, Span: &span})
					require.NoError(t, err)
					require.True(t, whole.Schema().Equal(src.Schema()), "%s\n%s", whole.Schema(), src.Schema())
					parts[i] = rowsOf(t, src)
					require.Equal(t, want[span.First:span.First+span.Rows], parts[i])
					got = append(got, parts[i]...)
				}
				require.NotEmpty(t, got)
			})
		}
	}
}

func TestSpansOfPickedColumns(t *testing.T) {
	t.Parallel()
	content := spanFiles(t)["groups.parquet"]
	l, err := Cut(t.Context(), bytes.NewReader(content), int64(len(content)), "x.parquet", 300, nil)
	require.NoError(t, err)
	src, err := NewSource(bytes.NewReader(content), int64(len(content)), "x.parquet", SourceOptions{Layout: &l, Span: &l.Spans[2]})
	require.NoError(t, err)
	require.NoError(t, PickColumns(src, []string{"id", "nothing"}))
	require.Equal(t, 1, src.Schema().NumFields())
	rows := rowsOf(t, src)
	require.Len(t, rows, 300)
	require.Equal(t, "0:|600", rows[0])
}

func TestCutRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ file, content, says string }{
		"ragged":     {"a.csv", "a,b\n1,2\n3\n", "a.csv: line 3: the row has 1 columns"},
		"no json":    {"a.jsonl", "{\"a\":1}\nx\n", "a.jsonl: line 2"},
		"no table":   {"a.parquet", "PAR1 is all there is", "a.parquet"},
		"an archive": {"a.npz", "PK\x03\x04", "a.npz"},
	} {
		_, err := Cut(t.Context(), strings.NewReader(c.content), int64(len(c.content)), c.file, 10, nil)
		require.ErrorContains(t, err, c.says, name)
	}
	_, err := Cut(t.Context(), strings.NewReader("a\n1\n"), 4, "a.csv", 0, nil)
	require.ErrorContains(t, err, "at least 1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Cut(ctx, strings.NewReader("a\n1\n"), 4, "a.csv", 1, nil)
	require.ErrorIs(t, err, context.Canceled)
}

// A file that is not the one that was cut is an error, not fewer rows.
func TestSpanOfAnotherFile(t *testing.T) {
	t.Parallel()
	content := "a,b\n1,2\n3,4\n"
	l, err := Cut(t.Context(), strings.NewReader(content), int64(len(content)), "a.csv", 10, nil)
	require.NoError(t, err)
	src, err := NewSource(strings.NewReader(content[:8]), 8, "a.csv", SourceOptions{Layout: &l, Span: &l.Spans[0]})
	require.NoError(t, err)
	_, err = src.Next(t.Context())
	require.NoError(t, err)
	_, err = src.Next(t.Context())
	require.ErrorIs(t, err, ErrSource)
}

// FuzzCut holds the spans of any text against the rows of the whole.
func FuzzCut(f *testing.F) {
	f.Add("a,b\n1,\"2\n3\"\n\n4,5\n", true, byte(1))
	f.Add("{\"a\":1}\n\n{\"a\":2,\"b\":\"x\"}", false, byte(1))
	f.Fuzz(func(t *testing.T, text string, csv bool, rows byte) {
		name := map[bool]string{true: "a.csv", false: "a.jsonl"}[csv]
		l, err := Cut(t.Context(), strings.NewReader(text), int64(len(text)), name, int(rows)+1, nil)
		if err != nil {
			return
		}
		src, err := NewSource(strings.NewReader(text), int64(len(text)), name, SourceOptions{})
		if err != nil {
			return // a JSON file of empty objects has no columns
		}
		var want, got []string
		for {
			batch, err := src.Next(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return // a field that is too long, or no UTF-8
			}
			for i := range int(batch.NumRows()) {
				want = append(want, fmt.Sprint(linesOf(src).at(i), batch.Column(0).ValueStr(i)))
			}
		}
		for i := range l.Spans {
			part, err := NewSource(strings.NewReader(text), int64(len(text)), name, SourceOptions{Layout: &l, Span: &l.Spans[i]})
			require.NoError(t, err)
			for {
				batch, err := part.Next(t.Context())
				if errors.Is(err, io.EOF) {
					break
				}
				require.NoError(t, err)
				for i := range int(batch.NumRows()) {
					got = append(got, fmt.Sprint(linesOf(part).at(i), batch.Column(0).ValueStr(i)))
				}
			}
		}
		require.Equal(t, want, got)
	})
}
