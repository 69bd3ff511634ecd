package dataset

import (
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/zeebo/xxh3"
)

// What is the matter with a cell. A cell without flags has a usable value.
const (
	cellNull  byte = 1 << iota
	cellWrong      // not of the type
	cellNaN        // NaN, allowed but not a value to compute with
	cellInfinite
	cellNotFinite // NaN or infinite where that is refused
	cellBad       // breaks some expectation
)

const cellUnusable = cellNull | cellWrong | cellNaN | cellInfinite | cellNotFinite

// vector is one column of one batch, read as the schema means it.
type vector struct {
	kind  Kind
	n     int
	first int64  // number of row 0 in the table, from 0
	flags []byte // per row
	clean bool   // no cell is unusable

	nulls, wrong, notFinite int

	nums   []float64 // numbers; booleans as 0 and 1; dates as microseconds
	ints   []int64   // integers and dates, exactly; nil for the others
	offs   []int32   // text: row i is data[offs[i]:offs[i+1]]; nil where codes stand for it
	data   []byte
	hashes []uint64 // equal for equal values; unusable cells have fixed ones; nil where those of the dictionary stand for them
	ids    []int32  // of the value in the column's counter; -1: not counted; nil: none is

	// Rows may be stored as indices of a dictionary, which is then read once.
	codes []int32 // of each row; without meaning where it is null
	dict  *vector
	lean  bool // nobody asks for the hashes of rows that are coded

	low, high float64 // bounds of the usable numbers, by measure
	bad       int     // cells that break some expectation

	own struct { // memory that is used again; what v shows may be Arrow's
		nums   []float64
		ints   []int64
		ids    []int32
		hashes []uint64
	}
	seen dictionaryData
}

// reset prepares v for a batch and keeps its memory.
func (v *vector) reset(kind Kind, n int, first int64) {
	v.kind, v.n, v.first = kind, n, first
	v.clean, v.nulls, v.wrong, v.notFinite = true, 0, 0, 0
	v.flags = resize(v.flags, n)
	clear(v.flags)
	v.own.hashes = resize(v.own.hashes, n)
	v.hashes = v.own.hashes
	v.ids, v.offs, v.data, v.codes = nil, nil, nil, nil
	v.low, v.high, v.bad = math.Inf(1), math.Inf(-1), 0
	v.nums, v.ints = nil, nil
	if kind.textual() {
		return
	}
	v.own.nums = resize(v.own.nums, n)
	v.nums = v.own.nums
	if kind == Integer || kind.temporal() {
		v.own.ints = resize(v.own.ints, n)
		v.ints = v.own.ints
	}
}

// numbered prepares v.ids.
func (v *vector) numbered() []int32 {
	v.own.ids = resize(v.own.ids, v.n)
	v.ids = v.own.ids
	return v.ids
}

func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

func (v *vector) null(i int) {
	v.flags[i] |= cellNull
	v.nulls++
	v.clean = false
}

func (v *vector) mistyped(i int) {
	v.flags[i] |= cellWrong
	v.wrong++
	v.clean = false
}

// odd notes a number that is NaN or infinite.
func (v *vector) odd(i int, value float64, nan NaN) {
	isNaN := math.IsNaN(value)
	switch {
	case isNaN && nan == NaNIsNull:
		v.null(i)
		return
	case isNaN && nan == NaNIsValue:
		v.flags[i] |= cellNaN
	default:
		v.flags[i] |= cellNotFinite
		if !isNaN {
			v.flags[i] |= cellInfinite
		}
		v.notFinite++
	}
	v.clean = false
}

func (v *vector) usable(i int) bool { return v.flags[i]&cellUnusable == 0 }

// bytesAt is the text of a cell of a text column.
func (v *vector) bytesAt(i int) []byte {
	if v.codes != nil {
		v, i = v.dict, int(v.codes[i])
	}
	return v.data[v.offs[i]:v.offs[i+1]]
}

// coded tells that rows are indices of a dictionary, which has values.
func (v *vector) coded() bool { return v.codes != nil && v.dict.n > 0 }

// ascii tells that all characters of the batch are single bytes, as far as that is quickly found out.
func (v *vector) ascii() bool {
	if v.offs == nil || v.n == 0 {
		return false
	}
	b := v.data[v.offs[0]:v.offs[v.n]]
	for ; len(b) >= 8; b = b[8:] {
		if binary.LittleEndian.Uint64(b)&0x8080808080808080 != 0 {
			return false
		}
	}
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// written tells that the values are stored as text.
func (v *vector) written() bool { return v.offs != nil || v.codes != nil && v.dict.offs != nil }

// hashOfNull and hashOfWrong are of cells that have no usable value.
const hashOfNull, hashOfWrong = 0x9e3779b97f4a7c15, 0x7f4a7c159e3779b9

// hash fills v.hashes.
func (v *vector) hash() {
	switch {
	case v.n == 0:
	case v.kind.textual():
		from := v.offs[0]
		for i, to := range v.offs[1 : v.n+1] {
			v.hashes[i] = hashText(v.data[from:to])
			from = to
		}
	case v.ints != nil:
		hashes := v.hashes[:len(v.ints)]
		for i, x := range v.ints {
			hashes[i] = mix(uint64(x))
		}
	default:
		hashes := v.hashes[:len(v.nums)]
		for i, x := range v.nums {
			hashes[i] = mix(math.Float64bits(x + 0)) // -0 + 0 is 0
		}
	}
	if v.clean {
		return
	}
	for i, f := range v.flags {
		switch {
		case f&cellNull != 0:
			v.hashes[i] = hashOfNull
		case f&cellUnusable != 0 && v.offs != nil:
			v.hashes[i] = hashOfWrong ^ hashText(v.bytesAt(i))
		case f&cellUnusable != 0 && v.nums != nil:
			v.hashes[i] = hashOfWrong ^ mix(math.Float64bits(v.nums[i]))
		case f&cellUnusable != 0:
			v.hashes[i] = hashOfWrong
		}
	}
}

// hashText hashes text: short text, which most is, by two overlapping words.
func hashText(b []byte) uint64 {
	n := len(b)
	switch {
	case n > 16:
		return xxh3.Hash(b)
	case n >= 8:
		lo, hi := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:])
		return mix(mix(lo^uint64(n)*0x9e3779b97f4a7c15) + hi)
	case n >= 4:
		return mix(uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:]))<<32 ^ mix(uint64(n)))
	case n > 0:
		return mix(uint64(b[0]) | uint64(b[n/2])<<8 | uint64(b[n-1])<<16 | uint64(n)<<24 | 1<<40)
	}
	return mix(1 << 41)
}

// text writes a cell for people; "" for null.
func (v *vector) text(i int) string {
	switch {
	case v.flags[i]&cellNull != 0:
		return ""
	case v.written():
		return string(v.bytesAt(i))
	}
	return v.number(i)
}

func (v *vector) number(i int) string {
	switch {
	case v.kind == Boolean:
		return strconv.FormatBool(v.nums[i] != 0)
	case v.kind.temporal():
		return formatMicros(v.ints[i])
	case v.kind == Integer && v.flags[i]&cellUnusable == 0:
		return strconv.FormatInt(v.ints[i], 10)
	}
	return strconv.FormatFloat(v.nums[i], 'g', -1, 64)
}
