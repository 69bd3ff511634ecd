package predlog

import (
	"cmp"
	"slices"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// block holds rows that are lists of the same columns: there may be thousands of columns.
type block struct {
	layout *Layout
	width  int      // of a list as it is sent
	names  []string // of the columns that are kept
	keep   []int    // their places in a list; nil: all are kept
	titles []string // of the columns in a file
	order  []int    // in which the columns stand in a file: by name
	rows   int
	// The numbers are floats as long as that loses nothing, then doubles.
	floats  tiles[float32]
	doubles tiles[float64]
	wide    bool
	pause   func()
}

// newBlock is an empty block for lists of so many numbers; nil if they are not to be logged.
func newBlock(l *Layout, width int, pause func()) *block {
	b := &block{layout: l, width: width, pause: pause}
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
	for i, name := range b.names {
		b.titles, b.order = append(b.titles, featurePrefix+name), append(b.order, i)
	}
	slices.SortFunc(b.order, func(i, j int) int { return cmp.Compare(b.names[i], b.names[j]) })
	b.floats.width, b.doubles.width = len(b.names), len(b.names)
	return b
}

// takes tells whether a list of so many numbers fits beside those that are there.
func (b *block) takes(l *Layout, width int) bool {
	if width != b.width {
		return false
	}
	if l != b.layout {
		other := newBlock(l, width, b.pause)
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
	var halves []float32
	for i := from; i < to; i++ {
		at, end := i*b.width, (i+1)*b.width
		switch {
		case t.Type == onnx.Float32 && !b.wide && b.keep == nil:
			copy(room(b, &b.floats), t.Floats[at:end])
		case t.Type == onnx.Float32:
			put(b, t.Floats[at:end])
		case t.Type == onnx.Float64:
			put(b, t.Doubles[at:end])
		case t.Type.Half():
			halves = halves[:0]
			for _, v := range t.Halves[at:end] {
				halves = append(halves, onnx.FromHalf(t.Type, v))
			}
			put(b, halves)
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

// room is that of the next row.
func room[T float32 | float64](b *block, t *tiles[T]) []T {
	row, turned := t.next()
	if turned {
		b.pause()
	}
	return row
}

// put appends what is kept of a list.
func put[T number](b *block, list []T) {
	if b.wide {
		pick(room(b, &b.doubles), b.keep, list)
	} else {
		pick(room(b, &b.floats), b.keep, list)
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
	f, d := &b.floats, &b.doubles
	for _, tile := range f.turned {
		wide := make([]float64, len(tile))
		pick(wide, nil, tile)
		d.turned = append(d.turned, wide)
		b.pause()
	}
	d.stage = make([]float64, len(f.stage), cap(f.stage))
	pick(d.stage, nil, f.stage)
	b.floats = tiles[float32]{width: f.width}
}

// finish readies the columns. No row may come after it.
func (b *block) finish() {
	b.floats.turn()
	b.doubles.turn()
}

// column appends the numbers of a column.
func (b *block) column(i int) []float64 {
	if b.wide {
		return b.doubles.column(i, make([]float64, 0, b.rows))
	}
	out := make([]float64, b.rows)
	pick(out, nil, b.floats.column(i, make([]float32, 0, b.rows)))
	return out
}

// reset forgets all rows; the memory stays.
func (b *block) reset() {
	b.rows = 0
	b.floats.reset()
	b.doubles.reset()
}

// held is about how many bytes the numbers take.
func (b *block) held() int {
	if b.wide {
		return 8 * b.rows * len(b.names)
	}
	return 4 * b.rows * len(b.names)
}
