package predlog

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/onnx"
)

// read is what a segment of the requests holds.
func read(t *testing.T, requests ...*Request) []row {
	t.Helper()
	_, rows := written(t, requests...)
	return rows
}

// gather adds a request as the log does.
func gather(s *segment, r *Request) {
	if r.count, r.form = r.measure(); r.count > 0 {
		s.add(r, 0, r.count)
	}
}

func written(t *testing.T, requests ...*Request) ([]byte, []row) {
	t.Helper()
	s := newSegment(func() {})
	for _, r := range requests {
		gather(s, r)
	}
	b := (&encoder{}).encode(s, nil)
	return b, rowsOf(t, b)
}

// features are those of a request's rows.
func features(t *testing.T, requests ...*Request) []map[string]any {
	t.Helper()
	var out []map[string]any
	for _, r := range read(t, requests...) {
		out = append(out, r.Features)
	}
	return out
}

func TestFeatures(t *testing.T) {
	t.Parallel()
	columns := &Layout{Columns: []string{"a", "b"}}
	lists := &Layout{}
	named := &Layout{Names: []string{"x", "y", "z"}}
	hidden := &Layout{Names: []string{"x", "y", "z"}, Sensitive: []string{"y"}}
	object := func(l *Layout, rows ...map[string]any) *Request { return &Request{Layout: l, Rows: rows} }
	list := func(l *Layout, rows ...[]float64) *Request { return &Request{Layout: l, Matrix: rows} }
	tensors := func(l *Layout, in ...onnx.Tensor) *Request { return &Request{Layout: l, Tensors: in} }
	matrix := func(rows, width int64, floats ...float32) onnx.Tensor {
		return onnx.Tensor{Name: "in", Type: onnx.Float32, Shape: []int64{rows, width}, Floats: floats}
	}
	type m = map[string]any
	for name, c := range map[string]struct {
		in   []*Request
		want []map[string]any
	}{
		"numbers stay numbers": {[]*Request{object(columns, m{"a": 1.0, "b": 2.0}, m{"a": 1.5, "b": math.Inf(1)})}, []m{{"a": 1.0, "b": 2.0}, {"a": 1.5, "b": math.Inf(1)}}},
		"truth is 1 and 0":     {[]*Request{object(columns, m{"a": true}), object(columns, m{"a": false})}, []m{{"a": 1.0}, {"a": 0.0}}},
		"a text in one row makes texts of all": {
			[]*Request{object(columns, m{"a": 1.0}, m{"a": true}, m{"a": nil}, m{"b": 1.0}), object(columns, m{"a": "word"}), object(columns, m{"a": 0.25}, m{"a": false}, m{"a": nil})},
			[]m{{"a": "1", "b": nil}, {"a": "true", "b": nil}, {"a": nil, "b": nil}, {"a": nil, "b": 1.0}, {"a": "word", "b": nil}, {"a": "0.25", "b": nil}, {"a": "false", "b": nil}, {"a": nil, "b": nil}},
		},
		"what is no value is missing":  {[]*Request{object(columns, m{"a": []any{1.0}, "b": m{}}, m{"a": "", "b": nil})}, []m{{"a": nil, "b": nil}, {"a": "", "b": nil}}},
		"what the model does not take": {[]*Request{object(columns, m{"a": 1.0, "c": 2.0})}, []m{{"a": 1.0}}},
		"nothing sent":                 {[]*Request{object(columns, m{}, m{})}, []m{{}, {}}},
		"columns of tensors":           {[]*Request{tensors(columns, onnx.Tensor{Name: "b", Type: onnx.String, Shape: []int64{2, 1}, Strings: []string{"u", "v"}}, onnx.Tensor{Name: "a", Type: onnx.Int64, Shape: []int64{2}, Ints: []int64{-1, 1}})}, []m{{"a": -1.0, "b": "u"}, {"a": 1.0, "b": "v"}}},
		"columns of any order":         {[]*Request{object(columns, m{"a": 1.0, "b": "u"}), tensors(columns, onnx.Tensor{Name: "b", Type: onnx.String, Shape: []int64{1}, Strings: []string{"v"}}, onnx.Tensor{Name: "a", Type: onnx.Bool, Shape: []int64{1}, Bools: []bool{true}})}, []m{{"a": 1.0, "b": "u"}, {"a": 1.0, "b": "v"}}},
		"halves":                       {[]*Request{tensors(columns, onnx.Tensor{Name: "a", Type: onnx.Float16, Shape: []int64{1}, Halves: []uint16{0x3e00}})}, []m{{"a": 1.5}}},
		"a column given twice":         {[]*Request{tensors(columns, onnx.Tensor{Name: "a", Type: onnx.Int8, Shape: []int64{1}, Ints: []int64{3}}, onnx.Tensor{Name: "a", Type: onnx.Int8, Shape: []int64{1}, Ints: []int64{4}})}, []m{{"a": 3.0}}},
		"tensors that are neither":     {[]*Request{tensors(columns, onnx.Tensor{Name: "a", Type: onnx.Float32, Shape: []int64{1, 2, 2}, Floats: make([]float32, 4)}), object(columns, m{"a": 1.0})}, []m{{"a": nil}, {"a": 1.0}}},
		"an image": {[]*Request{tensors(lists, onnx.Tensor{Name: "in", Type: onnx.Float32, Shape: []int64{2, 1, 2, 2}, Floats: []float32{1, 2, 3, 4, 5, 6, 7, 8}}), list(lists, []float64{9, 10, 11, 12})},
			[]m{{"0": 1.0, "1": 2.0, "2": 3.0, "3": 4.0}, {"0": 5.0, "1": 6.0, "2": 7.0, "3": 8.0}, {"0": 9.0, "1": 10.0, "2": 11.0, "3": 12.0}}},
		"an image by name":       {[]*Request{tensors(named, onnx.Tensor{Name: "in", Type: onnx.Uint8, Shape: []int64{1, 3, 1, 1}, Ints: []int64{7, 8, 9}})}, []m{{"x": 7.0, "y": 8.0, "z": 9.0}}},
		"an image, sensitive":    {[]*Request{tensors(hidden, onnx.Tensor{Name: "in", Type: onnx.Float32, Shape: []int64{1, 2, 2}, Floats: make([]float32, 4)})}, []m{{}}},
		"a matrix of one column": {[]*Request{tensors(lists, matrix(2, 1, 5, 6))}, []m{{"0": 5.0}, {"0": 6.0}}},
		"several tensors": {[]*Request{tensors(&Layout{Sensitive: []string{"c", "b[1]"}},
			onnx.Tensor{Name: "a", Type: onnx.Float32, Shape: []int64{2, 1, 2}, Floats: []float32{1, 2, 3, 4}},
			onnx.Tensor{Name: "b", Type: onnx.String, Shape: []int64{2, 2}, Strings: []string{"u", "secret", "v", "secret"}},
			onnx.Tensor{Name: "c", Type: onnx.Int64, Shape: []int64{2, 3}, Ints: make([]int64, 6)},
			onnx.Tensor{Name: "d", Type: onnx.Bool, Shape: []int64{2}, Bools: []bool{true, false}},
			onnx.Tensor{Name: "e", Type: onnx.Float32, Shape: []int64{2, 0}},
		)}, []m{{"a[0]": 1.0, "a[1]": 2.0, "b[0]": "u", "d": 1.0}, {"a[0]": 3.0, "a[1]": 4.0, "b[0]": "v", "d": 0.0}}},
		"tensors with different rows": {[]*Request{tensors(lists, matrix(2, 2, 1, 2, 3, 4), matrix(3, 1, 1, 2, 3))}, []m{{}, {}}},
		"a scalar":                    {[]*Request{tensors(lists, onnx.Tensor{Name: "a", Type: onnx.Float32, Floats: []float32{4}})}, []m{{"a": 4.0}}},
		"no rows":                     {[]*Request{tensors(lists, onnx.Tensor{Name: "a", Type: onnx.Float32, Shape: []int64{0, 2}}), list(lists, []float64{1})}, []m{{"0": 1.0}}},
		"too wide": {[]*Request{tensors(lists, onnx.Tensor{Name: "in", Type: onnx.Float32, Shape: []int64{1, 3, 128, 128}, Floats: make([]float32, 3*128*128)}),
			list(lists, make([]float64, MaxColumns+1)), object(lists, m{"in": make([]any, MaxColumns+1)}), list(lists, []float64{1})}, []m{{"0": nil}, {"0": nil}, {"0": nil}, {"0": 1.0}}},
		"a list by place":                       {[]*Request{list(lists, []float64{1, 2}, []float64{3, 4})}, []m{{"0": 1.0, "1": 2.0}, {"0": 3.0, "1": 4.0}}},
		"a list by name":                        {[]*Request{list(named, []float64{1, 2, 3})}, []m{{"x": 1.0, "y": 2.0, "z": 3.0}}},
		"a list with too few names":             {[]*Request{list(named, []float64{1, 2})}, []m{{"0": 1.0, "1": 2.0}}},
		"a list less what is sensitive":         {[]*Request{list(hidden, []float64{1, 2, 3}), tensors(hidden, matrix(1, 3, 4, 5, 6))}, []m{{"x": 1.0, "z": 3.0}, {"x": 4.0, "z": 6.0}}},
		"who could tell what is sensitive":      {[]*Request{list(hidden, []float64{1, 2}), tensors(hidden, matrix(1, 2, 1, 2)), list(hidden, []float64{1, 2, 3})}, []m{{"x": nil, "z": nil}, {"x": nil, "z": nil}, {"x": 1.0, "z": 3.0}}},
		"a matrix":                              {[]*Request{tensors(lists, matrix(2, 2, 0.1, 2, 3, 4))}, []m{{"0": float64(float32(0.1)), "1": 2.0}, {"0": 3.0, "1": 4.0}}},
		"a matrix, then doubles":                {[]*Request{tensors(lists, matrix(1, 2, 0.1, 2)), list(lists, []float64{0.1, 4}), tensors(lists, matrix(1, 2, 0.1, 2))}, []m{{"0": float64(float32(0.1)), "1": 2.0}, {"0": 0.1, "1": 4.0}, {"0": float64(float32(0.1)), "1": 2.0}}},
		"a matrix of integers":                  {[]*Request{tensors(lists, onnx.Tensor{Type: onnx.Int64, Shape: []int64{1, 2}, Ints: []int64{1 << 52, -1}}), tensors(lists, onnx.Tensor{Type: onnx.Uint8, Shape: []int64{1, 2}, Ints: []int64{255, 0}})}, []m{{"0": float64(1 << 52), "1": -1.0}, {"0": 255.0, "1": 0.0}}},
		"a matrix of halves":                    {[]*Request{tensors(lists, onnx.Tensor{Type: onnx.BFloat16, Shape: []int64{1, 2}, Halves: []uint16{0x3fc0, 0}})}, []m{{"0": 1.5, "1": 0.0}}},
		"lists of different lengths":            {[]*Request{list(lists, []float64{1, 2}), list(lists, []float64{3}, []float64{4, 5}), tensors(lists, matrix(1, 2, 6, 7))}, []m{{"0": 1.0, "1": 2.0}, {"0": 3.0, "1": nil}, {"0": 4.0, "1": 5.0}, {"0": 6.0, "1": 7.0}}},
		"lists of different names":              {[]*Request{list(lists, []float64{1, 2, 3}), list(named, []float64{4, 5, 6})}, []m{{"0": 1.0, "1": 2.0, "2": 3.0, "x": nil, "y": nil, "z": nil}, {"0": nil, "1": nil, "2": nil, "x": 4.0, "y": 5.0, "z": 6.0}}},
		"a column that becomes sensitive":       {[]*Request{list(named, []float64{1, 2, 3}), list(hidden, []float64{4, 5, 6})}, []m{{"x": 1.0, "y": 2.0, "z": 3.0}, {"x": 4.0, "y": nil, "z": 6.0}}},
		"the same layout anew":                  {[]*Request{list(named, []float64{1, 2, 3}), list(&Layout{Names: slices.Clone(named.Names)}, []float64{4, 5, 6})}, []m{{"x": 1.0, "y": 2.0, "z": 3.0}, {"x": 4.0, "y": 5.0, "z": 6.0}}},
		"a list in an object":                   {[]*Request{object(lists, m{"in": []any{1.0, 2.0}}), object(lists, m{"in": []any{3.0, "n/a"}}), list(lists, []float64{5, 6})}, []m{{"0": 1.0, "1": "2"}, {"0": 3.0, "1": "n/a"}, {"0": 5.0, "1": "6"}}},
		"a list in an object, sensitive":        {[]*Request{object(hidden, m{"in": []any{1.0, true, 3.0}}, m{"in": []any{1.0, 2.0}}, m{"in": 1.0})}, []m{{"x": 1.0, "z": 3.0}, {"x": nil, "z": nil}, {"x": nil, "z": nil}}},
		"lists, then rows without":              {[]*Request{list(lists, []float64{1, 2}), object(lists, m{}), list(lists, []float64{3, 4})}, []m{{"0": 1.0, "1": 2.0}, {"0": nil, "1": nil}, {"0": 3.0, "1": 4.0}}},
		"lists, then columns of another layout": {[]*Request{list(lists, []float64{1, 2}), object(columns, m{"a": "u"})}, []m{{"0": 1.0, "1": 2.0, "a": nil}, {"0": nil, "1": nil, "a": "u"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, features(t, c.in...))
		})
	}
}

// Columns that are sensitive do not get as far as the columns in memory.
func TestSensitiveColumnsAreNotHeld(t *testing.T) {
	t.Parallel()
	l := &Layout{Columns: []string{"a", "b"}, Sensitive: []string{"b"}}
	s := newSegment(func() {})
	gather(s, &Request{Layout: l, Rows: []map[string]any{{"a": "seen", "b": "secret"}}})
	gather(s, &Request{Layout: l, Tensors: []onnx.Tensor{{Name: "b", Type: onnx.String, Shape: []int64{1}, Strings: []string{"secret"}}}})
	require.Len(t, s.columns, 1)
	require.Equal(t, "seen", string(s.columns["a"].texts.data))
	s = newSegment(func() {})
	gather(s, &Request{Layout: &Layout{Names: []string{"a", "b"}, Sensitive: []string{"b"}}, Matrix: [][]float64{{1, 99}}})
	require.Equal(t, []float64{1}, s.block.doubles.stage)
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	label, value, at := int64(3), 0.1, time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	r := &Request{
		Layout: layout, Time: at, ID: "r", Subject: "somebody", LatencyMS: 1.25, Rows: make([]map[string]any, 5),
		Predictions: []feature.Prediction{{Label: &label, Probabilities: []float64{0.2, 0.7, 0.1}}, {Value: &value}, {LabelText: "good", Probabilities: []float64{0.5}}, {Label: &label}},
	}
	rows := read(t, r, &Request{Layout: layout, Time: at.Add(-time.Second), ID: "s", Error: "model failed", Rows: make([]map[string]any, 1)})
	p, q := 0.7, 0.5
	want := []row{
		{Time: at, Prediction: "3", Probability: &p, LatencyMS: 1.25}, {Time: at, Prediction: "0.1", LatencyMS: 1.25},
		{Time: at, Prediction: "good", Probability: &q, LatencyMS: 1.25}, {Time: at, Prediction: "3", LatencyMS: 1.25}, {Time: at, LatencyMS: 1.25},
		{Time: at.Add(-time.Second), Error: "model failed"},
	}
	for i := range want {
		want[i].Features = map[string]any{}
	}
	require.Equal(t, want, rows)
}

// Texts that occur again and again are written once, and those that do not as they are; either reads the same.
func TestTexts(t *testing.T) {
	t.Parallel()
	l := &Layout{Columns: []string{"few", "many", "mixed"}}
	r := &Request{Layout: l}
	var want []map[string]any
	for i := range 3000 {
		m := map[string]any{"few": "w" + strconv.Itoa(i%7), "many": "free text " + strconv.Itoa(i), "mixed": strconv.Itoa(max(0, i-1500))}
		if i%11 == 3 {
			m["few"], m["many"] = nil, nil
		}
		r.Rows, want = append(r.Rows, m), append(want, m)
	}
	s := newSegment(func() {})
	gather(s, r)
	require.Equal(t, 7, s.columns["few"].texts.entries())
	require.True(t, s.columns["many"].texts.apart)
	require.Equal(t, want, features(t, r))
}

// A segment ends before it takes more memory than a reader has for it.
func TestSegmentEndsByItsSize(t *testing.T) {
	t.Parallel()
	s := newSegment(func() {})
	long := strings.Repeat("x", 1<<20)
	for i := range 63 {
		gather(s, &Request{Layout: &Layout{Columns: []string{"a"}}, Rows: []map[string]any{{"a": long + strconv.Itoa(i)}}})
		require.False(t, s.full(2048))
	}
	gather(s, &Request{Layout: &Layout{Columns: []string{"a"}}, Rows: []map[string]any{{"a": long}}})
	require.True(t, s.full(2048))

	s = newSegment(func() {})
	wide := &Request{Layout: &Layout{}, Matrix: [][]float64{make([]float64, 1<<12)}}
	for range maxHeld>>15 - 1 {
		gather(s, wide)
	}
	require.False(t, s.full(1<<20))
	gather(s, wide)
	require.True(t, s.full(1<<20))
}

// Requests of all forms, one after the other, hold what a plain account of them says.
func TestSegmentsOfAnything(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 5)) //nolint:gosec // a test
		var requests []*Request
		var want []map[string]any
		names := map[string]bool{}
		for range 1 + random.IntN(12) {
			r, rows := anything(random)
			requests = append(requests, r)
			want = append(want, rows...)
			for _, row := range rows {
				for name := range row {
					names[name] = true
				}
			}
		}
		for name := range names {
			text := slices.ContainsFunc(want, func(m map[string]any) bool { _, is := m[name].(string); return is })
			for _, m := range want {
				switch v := m[name].(type) {
				case float64:
					if text {
						m[name] = strconv.FormatFloat(v, 'g', -1, 64)
					}
				case bool:
					m[name] = map[bool]float64{true: 1}[v]
					if text {
						m[name] = strconv.FormatBool(v)
					}
				case string:
				default:
					m[name] = nil
				}
			}
		}
		require.Equal(t, want, features(t, requests...), "seed %d", seed)
	}
}

// anything is a request of some form, and its rows before the types of columns are settled.
func anything(random *rand.Rand) (*Request, []map[string]any) {
	n := 1 + random.IntN(20)
	var want []map[string]any
	for range n {
		want = append(want, map[string]any{})
	}
	values := []any{1.0, 0.1, true, false, "", "word", "another", nil, []any{}}
	switch width := 2 + random.IntN(20)/19; random.IntN(4) {
	case 0:
		r := &Request{Layout: &Layout{Columns: []string{"a", "b", "c"}, Sensitive: []string{"c"}}}
		for i := range n {
			r.Rows = append(r.Rows, map[string]any{"c": "secret", "d": 1.0})
			for _, name := range []string{"a", "b"} {
				if random.IntN(8) > 0 {
					v := values[random.IntN(len(values))]
					r.Rows[i][name], want[i][name] = v, v
				}
			}
		}
		return r, want
	case 1:
		t := onnx.Tensor{Name: "in", Type: onnx.Float32, Shape: []int64{int64(n), int64(width)}}
		for i := range n {
			for j := range width {
				v := random.Float32()
				t.Floats = append(t.Floats, v)
				want[i][strconv.Itoa(j)] = float64(v)
			}
		}
		return &Request{Layout: &Layout{}, Tensors: []onnx.Tensor{t}}, want
	case 2:
		r := &Request{Layout: &Layout{Names: []string{"a", "0"}, Sensitive: []string{"0"}}}
		for i := range n {
			list := make([]float64, width)
			for j := range list {
				list[j] = random.Float64()
			}
			r.Matrix = append(r.Matrix, list)
			if width == 2 {
				want[i]["a"] = list[0]
			}
		}
		return r, want
	}
	a := onnx.Tensor{Name: "a", Type: onnx.Bool, Shape: []int64{int64(n)}}
	b := onnx.Tensor{Name: "b", Type: onnx.String, Shape: []int64{int64(n), 1}}
	for i := range n {
		a.Bools, b.Strings = append(a.Bools, random.IntN(2) == 0), append(b.Strings, fmt.Sprint(random.IntN(5)))
		want[i]["a"], want[i]["b"] = a.Bools[i], b.Strings[i]
	}
	return &Request{Layout: &Layout{Columns: []string{"a", "b"}}, Tensors: []onnx.Tensor{b, a}}, want
}

// The files in testdata were written before segments were gathered by column: rows-0.4 from
// records with a map each, lists-0.4 from lists. They are read, and segments still have their schema.
func TestSegmentsOfBefore(t *testing.T) {
	t.Parallel()
	l := &Layout{Columns: []string{"amount", "gone", "list", "mixed", "own", "purpose"}}
	rows, lists := &Request{Layout: l}, &Request{Layout: &Layout{}}
	label := int64(1)
	for i := range 20 {
		m := map[string]any{"amount": float64(i) / 3, "purpose": "car", "own": i%2 == 0, "gone": nil, "list": []any{1.0}}
		switch i % 4 {
		case 1:
			m["mixed"] = float64(i)
		case 2:
			m["mixed"] = i > 9
		case 3:
			m["mixed"] = "word"
		}
		rows.Rows = append(rows.Rows, m)
		var list []float64
		for j := range 12 {
			list = append(list, float64(float32(i*j)/7))
		}
		lists.Matrix = append(lists.Matrix, list)
		rows.Predictions = append(rows.Predictions, feature.Prediction{Label: &label})
	}
	for name, now := range map[string]*Request{"rows-0.4": rows, "lists-0.4": lists} {
		old, err := os.ReadFile(filepath.Join("testdata", name+".parquet"))
		require.NoError(t, err)
		before := rowsOf(t, old)
		_, err = decode(context.Background(), old)
		require.NoError(t, err)
		b, after := written(t, now)
		require.Len(t, after, 20)
		for i := range after {
			require.Equal(t, before[i].Features, after[i].Features)
		}
		require.Equal(t, schemaOf(t, old), schemaOf(t, b))
	}
}

func schemaOf(t *testing.T, b []byte) string {
	t.Helper()
	f, err := file.NewParquetReader(bytes.NewReader(b))
	require.NoError(t, err)
	return f.MetaData().Schema.String()
}

// A segment that was written takes rows again, and knows nothing of those before.
func TestSegmentIsUsedAgain(t *testing.T) {
	t.Parallel()
	s, e := newSegment(func() {}), &encoder{}
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 6)) //nolint:gosec // a test
		var requests []*Request
		for range 1 + random.IntN(6) {
			r, _ := anything(random)
			requests = append(requests, r)
			gather(s, r)
		}
		want, _ := written(t, requests...)
		require.Equal(t, rowsOf(t, want), rowsOf(t, e.encode(s, nil)), "seed %d", seed)
		s.reset()
	}
}

// Rows of a matrix come as they came, however many tiles they fill.
func TestTiles(t *testing.T) {
	t.Parallel()
	for _, width := range []int{2, 100, 784} {
		in := onnx.Tensor{Name: "in", Type: onnx.Float32, Shape: []int64{300, int64(width)}}
		for i := range 300 * width {
			in.Floats = append(in.Floats, float32(i))
		}
		double := onnx.Tensor{Name: "in", Type: onnx.Float64, Shape: []int64{2, int64(width)}}
		for i := range 2 * width {
			double.Doubles = append(double.Doubles, float64(i)+0.1)
		}
		l := &Layout{}
		s := newSegment(func() {})
		for range 2 { // with new memory, and with that of the first time
			gather(s, &Request{Layout: l, Tensors: []onnx.Tensor{in}})
			gather(s, &Request{Layout: l, Tensors: []onnx.Tensor{double}})
			p, err := decode(context.Background(), (&encoder{}).encode(s, nil))
			require.NoError(t, err)
			require.Len(t, p.features, width)
			for i := range width {
				c := p.features[strconv.Itoa(i)].Numbers
				want := make([]float64, 302)
				for row := range want {
					want[row] = float64(float32(row*width + i))
					if row >= 300 {
						want[row] = float64((row-300)*width+i) + 0.1
					}
				}
				require.True(t, slices.Equal(want, c), "column %d", i)
			}
			s.reset()
		}
	}
}
