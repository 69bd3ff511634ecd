package columnar

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/stretchr/testify/require"
)

// table reads a file with Apache Arrow: the values of each column, nil where one is missing.
func table(t testing.TB, b []byte) map[string][]any {
	t.Helper()
	f, err := file.NewParquetReader(bytes.NewReader(b))
	require.NoError(t, err)
	r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	require.NoError(t, err)
	read, err := r.ReadTable(context.Background())
	require.NoError(t, err)
	defer read.Release()
	out := map[string][]any{}
	for i := range int(read.NumCols()) {
		values := []any{}
		for _, chunk := range read.Column(i).Data().Chunks() {
			for j := range chunk.Len() {
				values = append(values, cell(chunk, j))
			}
		}
		out[read.Column(i).Name()] = values
	}
	return out
}

func cell(values arrow.Array, i int) any {
	if values.IsNull(i) {
		return nil
	}
	switch v := values.(type) {
	case *array.Float64:
		return math.Float64bits(v.Value(i)) // so that NaN is NaN, and -0 not 0
	case *array.Timestamp:
		return int64(v.Value(i))
	case *array.String:
		return strings.Clone(v.Value(i))
	}
	return fmt.Sprintf("unexpected %T", values)
}

// sample is a file with a column for each way to write one. testdata/read.py knows the values, too.
func sample(w *Writer, rows int) ([]byte, map[string][]any) {
	want := map[string][]any{}
	w.Begin(nil, rows)
	times := make([]int64, rows)
	for i := range times {
		times[i] = 1_700_000_000_000_000 + int64(i*7919%rows)
		want["time"] = append(want["time"], times[i])
	}
	w.Times("time", times)
	missing := func(i int) bool { return i%5 == 3 || i > 100 && i < 140 }
	for _, c := range numbers {
		floats, doubles := make([]float32, rows), make([]float64, rows)
		for i := range rows {
			doubles[i] = c.value(i)
			if c.floats {
				floats[i] = float32(doubles[i])
				doubles[i] = float64(floats[i])
			}
		}
		add := func(name string, gone func(int) bool) Mask {
			var m Mask
			for i, v := range doubles {
				if gone != nil && gone(i) {
					m, want[name] = append(m, 0), append(want[name], nil)
				} else {
					m, want[name] = append(m, 1), append(want[name], math.Float64bits(v))
				}
			}
			return m
		}
		add(c.name, nil)
		if c.floats {
			w.Floats(c.name, floats)
			continue
		}
		w.Doubles(c.name, doubles, nil)
		w.Doubles(c.name+", some missing", doubles, add(c.name+", some missing", missing))
		w.Doubles(c.name+", all missing", doubles, add(c.name+", all missing", func(int) bool { return true }))
		add(c.name+", required", nil)
		w.Required(c.name+", required", doubles)
	}
	for _, different := range []int{0, 1, 2, 7, 200, 300} {
		for _, apart := range []bool{false, true} {
			name := fmt.Sprintf("texts %d %t", different, apart)
			t := Texts{Ends: []int{0}, Apart: apart}
			for i := range different {
				t.Data = append(t.Data, strings.Repeat("word ", i%9)+fmt.Sprint(i)...)
				t.Ends = append(t.Ends, len(t.Data))
			}
			for i := range rows {
				gone := different == 0 || missing(i)
				if gone {
					t.Of, t.Present = append(t.Of, 0), append(t.Present, 0)
					want[name] = append(want[name], nil)
					continue
				}
				at := i * 31 % different
				t.Of, t.Present = append(t.Of, int32(at)), append(t.Present, 1)
				want[name] = append(want[name], strings.Repeat("word ", at%9)+fmt.Sprint(at))
			}
			w.Texts(name, &t)
		}
	}
	ids := Texts{Ends: []int{0}, Apart: true, Required: true}
	for i := range rows {
		ids.Data = fmt.Appendf(ids.Data, "%08x", uint32(i)*2654435761) //nolint:gosec // it shall wrap
		ids.Ends, ids.Of = append(ids.Ends, len(ids.Data)), append(ids.Of, int32(i))
		want["ids"] = append(want["ids"], string(ids.Data[8*i:]))
	}
	w.Texts("ids", &ids)
	return w.Close(), want
}

// numbers are columns that are written differently.
var numbers = []struct {
	name   string
	floats bool
	value  func(i int) float64
}{
	{"noise", false, func(i int) float64 { return noise(i) }},
	{"noise as floats", true, func(i int) float64 { return noise(i) }},
	{"positive noise as floats", true, func(i int) float64 { return 1 + math.Abs(noise(i)) }},
	{"integers", false, func(i int) float64 { return float64(i*7919%100_003 - 50_000) }},
	{"large integers", false, func(i int) float64 { return float64(1<<40 + i*i) }},
	{"one", true, func(int) float64 { return 0.1 }},
	{"two", false, func(i int) float64 { return float64(i % 2) }},
	{"shades", true, func(i int) float64 { return float64(max(0, i*37%512-256)) / 255 }},
	{"runs", true, func(i int) float64 { return float64(i / 50 % 3) }},
	{"few", false, func(i int) float64 {
		return []float64{0, 1, -1.5, math.Inf(1), math.Inf(-1), 1e-310, math.MaxFloat64}[i%7]
	}},
}

// noise is a double whose bytes all differ.
func noise(i int) float64 {
	x := uint64(i+1) * 0x9e3779b97f4a7c15 //nolint:gosec // positive
	return float64(x>>11)/(1<<52) - 1
}

var update = flag.Bool("update", false, "write the golden files anew; then run testdata/read.py")

// What is written is read by Apache Arrow for Go here; the golden files, which are the same bytes, have been
// read by Apache Arrow for Python, DuckDB and Polars: testdata/read.py.
func TestSample(t *testing.T) {
	t.Parallel()
	var w Writer // one for all: it must not remember anything
	for _, rows := range []int{1, 2, 7, 300, 2048} {
		b, want := sample(&w, rows)
		require.Equal(t, want, table(t, b), "%d rows", rows)
		if rows > 300 {
			continue
		}
		name := filepath.Join("testdata", fmt.Sprintf("sample-%d.parquet", rows))
		if *update {
			require.NoError(t, os.WriteFile(name, b, 0o600))
		}
		golden, err := os.ReadFile(name)
		require.NoError(t, err)
		require.True(t, bytes.Equal(golden, b), "%s is not what is written now", name)
	}
}

// Columns may be longer than what the short forms of Snappy's lengths hold.
func TestManyRows(t *testing.T) {
	t.Parallel()
	const rows = 70_000
	floats, doubles := make([]float32, rows), make([]float64, rows)
	for i := range rows {
		floats[i], doubles[i] = float32(noise(i)), noise(i)
	}
	var w Writer
	w.Begin(nil, rows)
	w.Floats("floats", floats)
	w.Doubles("doubles", doubles, nil)
	got := table(t, w.Close())
	for i := range rows {
		if got["floats"][i] != math.Float64bits(float64(floats[i])) || got["doubles"][i] != math.Float64bits(doubles[i]) {
			require.Fail(t, "other numbers", "row %d", i)
		}
	}
}

func TestEncodings(t *testing.T) {
	t.Parallel()
	var w Writer
	b, _ := sample(&w, 2048)
	f, err := file.NewParquetReader(bytes.NewReader(b))
	require.NoError(t, err)
	group := f.MetaData().RowGroup(0)
	sizes := map[string]int64{}
	encodings := map[string]string{}
	for i := range group.NumColumns() {
		c, err := group.ColumnChunk(i)
		require.NoError(t, err)
		name := c.PathInSchema().String()
		sizes[name] = c.TotalCompressedSize()
		encodings[name] = c.Encodings()[1].String()
	}
	require.Equal(t, "PLAIN", encodings["noise"])
	require.Equal(t, "BYTE_STREAM_SPLIT", encodings["noise as floats"])
	require.Equal(t, "RLE_DICTIONARY", encodings["shades"])
	require.Less(t, sizes["noise as floats"], int64(2048*5+500), "three bytes of a float as a double are zero")
	require.Less(t, sizes["positive noise as floats"], int64(2048*4+600), "so is the same exponent")
	require.Less(t, sizes["integers"], int64(2048*4+700))
	require.Less(t, sizes["shades"], int64(2048+8*256+200))
	require.Less(t, sizes["one"], int64(120))
	require.Less(t, sizes["runs"], int64(400))
	times, err := group.ColumnChunk(0)
	require.NoError(t, err)
	stats, err := times.Statistics()
	require.NoError(t, err)
	bounds, ok := stats.(*metadata.Int64Statistics)
	require.True(t, ok)
	require.True(t, bounds.HasMinMax())
	require.Equal(t, []int64{1_700_000_000_000_000, 1_700_000_000_002_047}, []int64{bounds.Min(), bounds.Max()})
}

// A file goes into the memory that it is given, and takes no other once the Writer has its buffers.
func TestWriterUsesItsMemoryAgain(t *testing.T) {
	var w Writer
	values := make([]float32, 2048)
	for i := range values {
		values[i] = float32(noise(i))
	}
	var b []byte
	write := func() {
		w.Begin(b, len(values))
		for range 50 {
			w.Floats("x", values)
			w.Floats("y", values[:2048])
		}
		b = w.Close()
	}
	write()
	require.Zero(t, testing.AllocsPerRun(5, write))
}

// The work between two pauses is bounded, whatever the columns.
func TestPause(t *testing.T) {
	t.Parallel()
	pauses := 0
	w := Writer{Pause: func() { pauses++ }}
	b, _ := sample(&w, 20_000)
	require.Greater(t, pauses, len(b)/(8*perPause))
	w.Begin(nil, 1)
	for range 5000 {
		w.Required("x", []float64{1})
	}
	pauses = 0
	w.Close()
	require.Greater(t, pauses, 10, "the footer of many columns")
}

func FuzzNumbers(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9}, uint64(3), uint8(0))
	f.Add(bytes.Repeat([]byte{0, 0, 0, 1}, 100), uint64(9), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, seed uint64, few uint8) {
		random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test
		n := len(data)
		if n == 0 || n > 5000 {
			return
		}
		var present, absent Mask
		var doubles []float64
		var floats []float32
		places := make([]int32, n)
		for i, b := range data {
			v := math.Float64frombits(random.Uint64() >> (b % 64))
			if few > 0 {
				v = float64(b % few)
			}
			doubles, floats = append(doubles, v), append(floats, float32(v))
			present, absent = append(present, b>>1&1), append(absent, 0)
			places[i] = int32(b % 3)
		}
		var w Writer
		w.Begin(nil, n)
		w.Doubles("all", doubles, nil)
		w.Doubles("some", doubles, present)
		w.Doubles("none", doubles, absent)
		w.Floats("floats", floats)
		w.Texts("texts", &Texts{Data: []byte("abc"), Ends: []int{0, 1, 2, 3}, Of: places, Present: present})
		got := table(t, w.Close())
		for i := range n {
			require.Equal(t, math.Float64bits(doubles[i]), got["all"][i])
			require.Equal(t, math.Float64bits(float64(floats[i])), got["floats"][i])
			require.Nil(t, got["none"][i])
			if present[i] == 0 {
				require.Nil(t, got["some"][i])
				require.Nil(t, got["texts"][i])
				continue
			}
			require.Equal(t, math.Float64bits(doubles[i]), got["some"][i])
			require.Equal(t, "abc"[places[i]:places[i]+1], got["texts"][i])
		}
	})
}
