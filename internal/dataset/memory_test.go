package dataset

import (
	"context"
	"io"
	"reflect"
	"strconv"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"
)

// The most that grows with rows is the set of a unique column. It levels where it is said to, and stays so. A sixteenth
// of it fills alike, but that the values fall a little less evenly on its parts.
func TestUniqueSetLevels(t *testing.T) {
	t.Parallel()
	const share = 16
	set := &hashSet{limit: maxUnique / share}
	n := uint64(0)
	for ; !set.full; n++ {
		if set.add(mix(n)) {
			require.Fail(t, "two of the hashes are alike", "%d", n)
		}
	}
	require.EqualValues(t, maxUnique/share, n)
	full := bytesOf(set)
	require.LessOrEqual(t, full, int64(128<<20/share*105/100), "128 MiB for all")
	for range 2 * maxUnique / share {
		set.add(mix(n))
		n++
	}
	require.Equal(t, full, bytesOf(set))
	require.True(t, set.add(mix(7)), "what it holds is still found")
	distinct, method := set.distinct()
	require.InEpsilon(t, n, distinct, 4*sketchError)
	require.Contains(t, string(method), "exact for the first 750000 values, HyperLogLog beyond")
}

// Integers that follow each other take no memory each; those that do not are kept as hashes.
func TestUniqueIntegersLevel(t *testing.T) {
	t.Parallel()
	const batch = 1 << 14
	feed := func(set *hashSet, step int64) {
		v := &vector{ints: make([]int64, batch), hashes: make([]uint64, batch), flags: make([]byte, batch)}
		for from := int64(0); from < 20*batch; from += batch {
			for i := range v.ints {
				v.ints[i] = (from + int64(i)) * step
				v.hashes[i] = mix(uint64(v.ints[i]))
			}
			require.Empty(t, set.addIntegers(v, nil))
		}
	}
	rows := &hashSet{limit: 1000}
	feed(rows, 1)
	require.Less(t, bytesOf(rows), int64(16<<10), "row numbers")
	require.False(t, rows.full, "and exact")
	others := &hashSet{limit: 1000}
	feed(others, 3)
	require.True(t, others.full)
	require.Less(t, bytesOf(others), int64(256<<10))
}

// levelSchema asks for all that holds values, beside unique and the tables of foreign keys.
const levelSchema = `
columns:
  - {name: id, type: string, min_length: 1, distinct: {min: 1}, distinct_share: {min: 0}}
  - {name: word, type: category, most_common: ["0", "1", "2", "3", "4"], contains: ["1"], max_length: 1}
  - {name: x, type: number, nullable: true, median: {min: 0}, quantiles: [{q: 0.9, max: 1}], std: {min: 0}, z_score: 1.7, follows: {distribution: uniform, parameters: {min: 0, max: 1}, p: 0.01}}
  - {name: n, type: integer, sorted: increasing, max: 100}
checks:
  - {rule: x < 0.5}
  - {depends: {column: word, on: [n]}}
  - {cramers_v: {columns: [word, code], min: 0}}
  - {different: [id, word]}
`

// Once all bounds are passed, what a check holds is the same after some more rows, in all its columns and rows,
// though every row is wrong somewhere.
func TestCheckLevels(t *testing.T) {
	t.Parallel()
	const before, after = 66 << 14, 74 << 14 // beyond 2^20, and whole batches
	s, err := ParseSchema("schema.yaml", []byte(levelSchema))
	require.NoError(t, err)
	held := map[int64]int64{}
	var k *check
	k = newCheck(&endless{rows: after}, s, CheckOptions{MaxSample: 5, Progress: func(rows int64) {
		if rows == before || rows == after {
			held[rows] = bytesOf(k)
		}
	}}.withDefaults())
	require.NoError(t, k.prepare())
	require.NoError(t, k.scan.run(t.Context()))
	k.conclude()
	require.EqualValues(t, after, k.report.Rows)
	require.False(t, k.report.Passed)
	t.Logf("%d bytes after %d rows, %d after %d", held[before], before, held[after], after)
	require.Greater(t, held[before], int64(8<<20), "little is held: the test shows nothing")
	require.Less(t, held[before], int64(64<<20))
	require.InDelta(t, held[before], held[after], 64<<10, "not half a byte for a row")
}

// endless is a table of so many rows, which are made as they are read.
type endless struct {
	rows, at int64
}

func (*endless) Name() string { return "endless" }
func (*endless) Close() error { return nil }
func (*endless) Schema() *arrow.Schema {
	return arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.BinaryTypes.String}, {Name: "word", Type: arrow.BinaryTypes.String}, {Name: "x", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "n", Type: arrow.PrimitiveTypes.Int64}, {Name: "code", Type: arrow.BinaryTypes.String},
	}, nil)
}

func (e *endless) Next(context.Context) (arrow.RecordBatch, error) {
	if e.at == e.rows {
		return nil, io.EOF
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, e.Schema())
	defer b.Release()
	for range min(1<<14, e.rows-e.at) {
		h := mix(uint64(e.at))
		e.at++
		b.Field(0).(*array.StringBuilder).Append(strconv.FormatUint(h, 36))
		b.Field(1).(*array.StringBuilder).Append(strconv.FormatUint(h%20, 10))
		b.Field(2).(*array.Float64Builder).Append(float64(h>>11) / (1 << 53))
		b.Field(3).(*array.Int64Builder).Append(int64(h >> 1))
		b.Field(4).(*array.StringBuilder).Append(strconv.FormatUint(h%300, 10))
	}
	return b.NewRecordBatch(), nil
}

// bytesOf is how much memory is reached from a value, functions and what is behind interfaces of other packages
// left out: a batch at hand does not last.
func bytesOf(value any) int64 {
	seen := map[uintptr]bool{}
	var under func(v reflect.Value) int64
	under = func(v reflect.Value) (n int64) {
		switch v.Kind() {
		case reflect.Pointer:
			if v.IsNil() || seen[v.Pointer()] {
				return 0
			}
			seen[v.Pointer()] = true
			return int64(v.Type().Elem().Size()) + under(v.Elem())
		case reflect.Interface:
			if v.IsNil() {
				return 0
			}
			return int64(v.Elem().Type().Size()) + under(v.Elem())
		case reflect.String:
			return int64(v.Len())
		case reflect.Struct:
			for i := range v.NumField() {
				n += under(v.Field(i))
			}
		case reflect.Array:
			if holdsMore(v.Type().Elem()) {
				for i := range v.Len() {
					n += under(v.Index(i))
				}
			}
		case reflect.Slice:
			if v.Cap() == 0 || seen[v.Pointer()] {
				return 0
			}
			seen[v.Pointer()] = true
			n = int64(v.Cap()) * int64(v.Type().Elem().Size())
			if holdsMore(v.Type().Elem()) {
				for i := range v.Len() {
					n += under(v.Index(i))
				}
			}
		case reflect.Map:
			for entry := v.MapRange(); entry.Next(); {
				n += int64(v.Type().Key().Size()+v.Type().Elem().Size()) + under(entry.Key()) + under(entry.Value())
			}
		}
		return n
	}
	return under(reflect.ValueOf(value))
}

// holdsMore tells whether values of a type can lead to other memory.
func holdsMore(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.String, reflect.Struct, reflect.Slice, reflect.Map:
		return true
	case reflect.Array:
		return holdsMore(t.Elem())
	}
	return false
}
