package predlog

import (
	"slices"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// block holds rows that are lists of the same columns, one after the other: there may be hundreds of
// columns, and then a row goes in and out faster as it is than taken apart.
type block struct {
	layout *Layout
	width  int      // of a list as it is sent
	names  []string // of the columns that are kept
	keep   []int    // their places in a list; nil: all are kept
	rows   int
	// The numbers are floats as long as that loses nothing, then doubles.
	floats  chunks[float32]
	doubles chunks[float64]
	wide    bool
}

// newBlock is an empty block for lists of so many numbers; nil if they are not to be logged.
func newBlock(l *Layout, width int) *block {
	b := &block{layout: l, width: width}
	for i := range width {
		if name, ok := l.name(width, i); ok {
			b.names, b.keep = append(b.names, name), append(b.keep, i)
		}
	}
	switch len(b.keep) {
	case 0:
		return nil
	case width:
		b.keep = nil
	}
	b.floats.width, b.doubles.width = len(b.names), len(b.names)
	return b
}

// takes tells whether a list of so many numbers fits beside those that are there.
func (b *block) takes(l *Layout, width int) bool {
	if width != b.width {
		return false
	}
	if l != b.layout {
		other := newBlock(l, width)
		if other == nil || !slices.Equal(other.names, b.names) || !slices.Equal(other.keep, b.keep) {
			return false
		}
		b.layout = l
	}
	return true
}

// tensor appends rows of a matrix.
func (b *block) tensor(t *onnx.Tensor, from, to int) {
	if !exact(t.Type) {
		b.widen()
	}
	for i := from; i < to; i++ {
		at, end := i*b.width, (i+1)*b.width
		switch {
		case t.Type == onnx.Float32 && !b.wide && b.keep == nil:
			copy(b.floats.next(), t.Floats[at:end])
		case t.Type == onnx.Float32:
			put(b, t.Floats[at:end])
		case t.Type == onnx.Float64:
			put(b, t.Doubles[at:end])
		case t.Type.Half():
			numbers := make([]float32, b.width)
			for j, v := range t.Halves[at:end] {
				numbers[j] = onnx.FromHalf(t.Type, v)
			}
			put(b, numbers)
		default:
			put(b, t.Ints[at:end])
		}
		b.rows++
	}
}

// list appends one row.
func (b *block) list(numbers []float64) {
	b.widen()
	put(b, numbers)
	b.rows++
}

// put appends what is kept of a list.
func put[T number](b *block, list []T) {
	if b.wide {
		pick(b.doubles.next(), b.keep, list)
	} else {
		pick(b.floats.next(), b.keep, list)
	}
}

type number interface{ float32 | float64 | int64 }

func pick[To float32 | float64, T number](row []To, keep []int, list []T) {
	if keep == nil {
		for i, v := range list {
			row[i] = To(v)
		}
		return
	}
	for i, at := range keep {
		row[i] = To(list[at])
	}
}

// widen turns the floats into doubles.
func (b *block) widen() {
	if b.wide {
		return
	}
	b.wide = true
	for _, chunk := range b.floats.all {
		for ; len(chunk) > 0; chunk = chunk[len(b.names):] {
			pick(b.doubles.next(), nil, chunk[:len(b.names)])
		}
	}
	b.floats.all = nil
}

// stripe is how many columns are taken apart at once: about the floats of a cache line.
const stripe = 16

// columns writes the numbers of some of the columns, at most stripe, into out, where each has room for all rows.
func (b *block) columns(which []int, out [][]float64) {
	if b.wide {
		apart(&b.doubles, which, out)
	} else {
		apart(&b.floats, which, out)
	}
}

func apart[T float32 | float64](rows *chunks[T], which []int, out [][]float64) {
	first := 0
	for _, chunk := range rows.all { // a chunk stays in the processor's cache meanwhile
		n := len(chunk) / rows.width
		for j, at := range which {
			column := out[j][first : first+n]
			for i := range column {
				column[i] = float64(chunk[at])
				at += rows.width
			}
		}
		first += n
	}
}

// held is about how many bytes the numbers take.
func (b *block) held() int {
	if b.wide {
		return 8 * b.rows * len(b.names)
	}
	return 4 * b.rows * len(b.names)
}
