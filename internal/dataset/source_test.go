package dataset_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/dataset"
)

// cells reads a source to its end, as text by column.
func cells(src dataset.Source) (map[string][]string, error) {
	out := map[string][]string{}
	for {
		batch, err := src.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return out, src.Close()
		}
		if err != nil {
			return out, errors.Join(err, src.Close())
		}
		for c, f := range batch.Schema().Fields() {
			for i := range int(batch.NumRows()) {
				out[f.Name] = append(out[f.Name], batch.Column(c).ValueStr(i))
			}
		}
		batch.Release()
	}
}

// npy writes an NPY file.
func npy(descr, order, shape string, values ...any) []byte {
	var b bytes.Buffer
	header := fmt.Sprintf("{'descr': %s, 'fortran_order': %s, 'shape': (%s), }\n", descr, order, shape)
	b.WriteString("\x93NUMPY\x01\x00")
	b.Write(binary.LittleEndian.AppendUint16(nil, uint16(len(header))))
	b.WriteString(header)
	for _, v := range values {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
	return b.Bytes()
}

func npz(deflate bool, arrays map[string][]byte) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range []string{"x", "y"} {
		method := zip.Store
		if deflate {
			method = zip.Deflate
		}
		f, err := w.CreateHeader(&zip.FileHeader{Name: name + ".npy", Method: method})
		if err == nil {
			_, err = f.Write(arrays[name])
		}
		if err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func TestSources(t *testing.T) {
	t.Parallel()
	matrix := []float64{1, 2, 3, 4, 5, 6}
	for _, c := range []struct {
		name, text string
		want       map[string][]string
	}{
		{"a.csv", "a,b\r\n1,\"x \"\"y\"\"\n z\"\r\n\r\n,w\r\n", map[string][]string{"a": {"1", "(null)"}, "b": {"x \"y\"\n z", "w"}}},
		{"a.csv", "\xef\xbb\xbfa\tb\n1\t2\n", map[string][]string{"a": {"1"}, "b": {"2"}}},
		{"a.csv", "a\n1\n2", map[string][]string{"a": {"1", "2"}}},
		{"a.npy", string(npy("'<f8'", "False", "2, 3", matrix)), map[string][]string{"c0": {"1", "4"}, "c1": {"2", "5"}, "c2": {"3", "6"}}},
		{"a.npy", string(npy("'<f8'", "True", "3, 2", matrix)), map[string][]string{"c0": {"1", "2", "3"}, "c1": {"4", "5", "6"}}},
		{"a.npy", string(npy("'|b1'", "False", "2,", []byte{0, 1})), map[string][]string{"value": {"false", "true"}}},
		{"a.npy", string(npy("'<U2'", "False", "1,", []int32{'a', 'ü'})), map[string][]string{"value": {"aü"}}},
		{"a.npy", string(npy("'<f2'", "False", "2,", []uint16{0x3c00, 0xfc00})), map[string][]string{"value": {"1", "-Inf"}}},
		{"a.npy", string(npy("'<M8[D]'", "False", "2,", []int64{1, math.MinInt64})), map[string][]string{"value": {"1970-01-02T00:00:00Z", "(null)"}}},
		{"a.npy", string(npy("[('id', '<i4'), ('x', '<f4')]", "False", "2,", int32(7), float32(0.5), int32(8), float32(1.5))), map[string][]string{"id": {"7", "8"}, "x": {"0.5", "1.5"}}},
		{"a.npz", string(npz(false, map[string][]byte{"x": npy("'<f8'", "True", "3, 2", matrix), "y": npy("'<i8'", "False", "3,", []int64{7, 8, 9})})),
			map[string][]string{"x.0": {"1", "2", "3"}, "x.1": {"4", "5", "6"}, "y": {"7", "8", "9"}}},
		{"a.npz", string(npz(true, map[string][]byte{"x": npy("'<f8'", "False", "2, 3", matrix), "y": npy("'|i1'", "False", "2,", []int8{-1, 1})})),
			map[string][]string{"x.0": {"1", "4"}, "x.1": {"2", "5"}, "x.2": {"3", "6"}, "y": {"-1", "1"}}},
		{"a.jsonl", "{\"a\": 1, \"b\": \"x\\u00fc\", \"c\": [1, {\"d\": \"]\"}]}\n\n{\"a\": 2.5 , \"e\": true}\n{\"b\": 3, \"e\": null}",
			map[string][]string{"a": {"1", "2.5", "(null)"}, "b": {"xü", "(null)", "3"}, "c": {`[1, {"d": "]"}]`, "(null)", "(null)"}, "e": {"(null)", "true", "(null)"}}},
	} {
		for _, rows := range []int{0, 1, 2} {
			got, err := cells(open(t, c.text, c.name, dataset.SourceOptions{BatchRows: rows}))
			require.NoError(t, err)
			require.Equal(t, c.want, got, c.name)
		}
	}
}

func TestSourcesRefuse(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 100) + strings.Repeat("]", 100)
	for _, c := range []struct{ name, text, want string }{
		{"a.csv", "", "line 1: the file is empty"},
		{"a.csv", "a,b\n1,2\n\"x\ny\",3\n4\n", "line 5: the row has 1 columns, the header has 2"},
		{"a.csv", "a,b\n1,x\"y\n", "line 2: a quote inside an unquoted field"},
		{"a.csv", "a\n\"x\" y\n", "line 2: a quoted field is not closed properly"},
		{"a.csv", "a\n\"x", "line 2: a quoted field is not closed properly"},
		{"a.csv", "a\nx\n\xff\n", `line 3: column "a" is not UTF-8`},
		{"a.csv", "a,b\n\xc3,\xa9\n", `line 2: column "a" is not UTF-8`},
		{"a.csv", "a,a\n", `columns 1 and 2 are both named "a"`},
		{"a.csv", "\xff\xfea\x00", "UTF-16"},
		{"a.csv", "a\n" + strings.Repeat("x", 1<<20+1) + "\n", "at most 1048576 are read"},
		{"a.npy", "\x93NUMPY\x01\x00", "it is no NPY file"},
		{"a.npy", string(npy("'<f8'", "False", "1000000,", []float64{1})), "the file is cut off"},
		{"a.npy", string(npy("'|O'", "False", "1,", []float64{1})), "not supported"},
		{"a.npy", string(npy("'<f8'", "False", "9999999, 9999999, 9999999", []float64{1})), "more than 65536 values"},
		{"a.npy", string(npy("'<f8'", "False", "", []float64{1})), "a single value"},
		{"a.npz", "PK\x03\x04 nothing", "zip"},
		{"a.npz", string(npz(false, map[string][]byte{"x": npy("'<f8'", "False", "1,", []float64{1}), "y": npy("'<f8'", "False", "2,", []float64{1, 2})})), "y: not a readable table: it has 2 rows, the arrays before have 1"},
		{"a.jsonl", "{\"a\": 1}\n[1]\n", "line 2: not a readable table: it is no JSON object"},
		{"a.jsonl", "{\"a\": 1}\n{\"a\": }\n", "line 2: not a readable table: it is not JSON"},
		{"a.jsonl", "{\"a\": 1, \"a\": 2}\n", `"a" stands twice`},
		{"a.jsonl", "{\"a\": " + deep + "}", "nest deeper than 64"},
		{"a.parquet", "PAR1 nothing", "not a readable table"},
		{"a.odd", "PAR1", "not a readable table"},
	} {
		src, err := dataset.NewSource(strings.NewReader(c.text), int64(len(c.text)), c.name, dataset.SourceOptions{})
		if err == nil {
			_, err = cells(src)
		}
		require.ErrorContains(t, err, c.want, "%s %.40q", c.name, c.text)
		require.True(t, errors.Is(err, dataset.ErrCSV) || errors.Is(err, dataset.ErrSource), "%v", err)
	}
	_, err := dataset.NewSource(strings.NewReader("x"), 1, "a", dataset.SourceOptions{Format: "xls"})
	require.ErrorContains(t, err, "known are csv, parquet, npy, npz and jsonl")
	_, err = dataset.OpenSource(filepath.Join(t.TempDir(), "absent.csv"), dataset.SourceOptions{})
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestBatchesDoNotShowInReports holds that a report is the same however the rows come.
func TestBatchesDoNotShowInReports(t *testing.T) {
	t.Parallel()
	const rows = 30000
	s := schema(t, mixedSchema)
	s.Columns[2].Max = new(float64) // some failures, with samples
	paths := map[dataset.Format]string{dataset.Parquet: mixedFile(t, dataset.Parquet, rows), dataset.CSV: mixedFile(t, dataset.CSV, rows)}
	for format, path := range paths {
		var want string
		for i, batch := range []int{0, 1000, 37, 65536} {
			src, err := dataset.OpenSource(path, dataset.SourceOptions{BatchRows: batch})
			require.NoError(t, err)
			seen := int64(0)
			report, err := dataset.Check(context.Background(), src, s, dataset.CheckOptions{Now: now, Workers: i, Progress: func(n int64) { seen = n }})
			require.NoError(t, err)
			require.NoError(t, src.Close())
			require.Equal(t, int64(rows), seen)
			require.False(t, report.Passed)
			require.Equal(t, rows, report.Rows)
			got, err := json.Marshal(report)
			require.NoError(t, err)
			if want == "" {
				want = string(got)
			}
			require.Equal(t, want, string(got), "%s in batches of %d", format, batch)
		}
	}
}

// endlessCSV is a table that is made as it is read.
type endlessCSV struct{ size int64 }

const endlessRow = "12345,abcdefgh,0.12345\n"

func (e endlessCSV) ReadAt(p []byte, off int64) (int, error) {
	const header = "a,bbbbbbbbbbbbbb,ccccc\n"
	for i := range p {
		at := off + int64(i)
		switch {
		case at >= e.size:
			return i, io.EOF
		case at < int64(len(header)):
			p[i] = header[at]
		default:
			p[i] = endlessRow[at%int64(len(endlessRow))]
		}
	}
	return len(p), nil
}

// TestMemoryDoesNotGrowWithRows reads ten times the rows and looks at what is left on the heap.
func TestMemoryDoesNotGrowWithRows(t *testing.T) {
	s := schema(t, "columns: [{name: a, type: integer, checks: [{quantiles: [{q: 0.5, min: 0}]}]}, {name: bbbbbbbbbbbbbb, type: string, max_length: 9}, {name: ccccc, type: number, max: 1}]")
	heap := func(rows int64) uint64 {
		table := endlessCSV{rows * int64(len(endlessRow))}
		src, err := dataset.NewSource(table, table.size, "t.csv", dataset.SourceOptions{})
		require.NoError(t, err)
		most := uint64(0)
		_, err = dataset.Check(context.Background(), src, s, dataset.CheckOptions{Progress: func(n int64) {
			if n%(16384*8) == 0 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
		}})
		require.NoError(t, err)
		return most
	}
	few, many := heap(200_000), heap(2_000_000)
	require.Less(t, many, few+16<<20)
}

func TestCheckStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	s := schema(t, "extra: allow\ncolumns: [{name: a, type: integer}]")
	table := endlessCSV{1 << 40}
	src, err := dataset.NewSource(table, table.size, "t.csv", dataset.SourceOptions{})
	require.NoError(t, err)
	_, err = dataset.Check(ctx, src, s, dataset.CheckOptions{Progress: func(int64) { cancel() }})
	require.ErrorIs(t, err, context.Canceled)
}

// FuzzSources opens bytes as each format: an error or a table whose columns are equally long.
func FuzzSources(f *testing.F) {
	f.Add("a,b\n1,2\n", byte(0))
	f.Add(string(npy("[('id', '<i4'), ('x', '<f4')]", "False", "1,", int32(7), float32(0.5))), byte(1))
	f.Add(string(npz(true, map[string][]byte{"x": npy("'<f8'", "False", "1,", []float64{1}), "y": npy("'<f8'", "False", "1,", []float64{1})})), byte(2))
	f.Add("{\"a\": [1, \"\\u00fc\"]}\n{}\n", byte(3))
	f.Add("PAR1", byte(4))
	formats := []dataset.Format{dataset.CSV, dataset.NPY, dataset.NPZ, dataset.JSONLines, dataset.Parquet}
	f.Fuzz(func(t *testing.T, text string, which byte) {
		opts := dataset.SourceOptions{Format: formats[int(which)%len(formats)], BatchRows: 3}
		src, err := dataset.NewSource(strings.NewReader(text), int64(len(text)), "f", opts)
		if err != nil {
			return
		}
		columns, err := cells(src)
		if err != nil {
			return
		}
		rows := -1
		for _, c := range columns {
			if rows < 0 {
				rows = len(c)
			}
			require.Len(t, c, rows)
		}
	})
}

// FuzzTokenizer holds the streaming reader against ReadCSV, which is on encoding/csv.
func FuzzTokenizer(f *testing.F) {
	for _, text := range []string{"a,b\n1,2\n", "a\r\n\"x\"\"\r\ny\"\r\n", "a\n\r", "a,b\n,\"\"\n\n", "a\n\"", "a,b\r\nx\r,y\n", "\"a\"\"b\"\n\"\"\"\"\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		table, want := dataset.ReadCSV(strings.NewReader(text), "f.csv", dataset.CSVOptions{MaxBytes: 1 << 20})
		src, err := dataset.NewSource(strings.NewReader(text), int64(len(text)), "f.csv", dataset.SourceOptions{Format: dataset.CSV, BatchRows: 2})
		if header, _, _ := strings.Cut(text, "\n"); !strings.Contains(header, ",") && strings.ContainsAny(header, ";\t\"") {
			return // the separator may be another
		}
		if err == nil {
			var got map[string][]string
			got, err = cells(src)
			if err == nil && want == nil {
				for _, c := range table.Columns() {
					words, nulls, wordsErr := table.Strings(c.Name)
					require.NoError(t, wordsErr)
					require.Len(t, got[c.Name], len(words))
					for i, w := range words {
						if c.Kind == dataset.String && !nulls[i] {
							require.Equal(t, w, got[c.Name][i])
						}
						require.Equal(t, nulls[i], got[c.Name][i] == "(null)" && w != "(null)")
					}
				}
			}
		}
		require.Equal(t, want == nil, err == nil, "ReadCSV says %v, the source says %v", want, err)
	})
}
