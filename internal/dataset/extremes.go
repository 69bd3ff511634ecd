package dataset

import (
	"cmp"
	"container/heap"
	"slices"
)

// maxExtremes is how many of the least and of the greatest values are kept with their rows.
const maxExtremes = 1000

// extremes keeps the least and the greatest values of a column, so that what
// lies far from the mean is known exactly once the mean is: in one pass.
type extremes struct {
	low, high extremeHeap
}

// extreme is a value and where it stands.
type extreme struct {
	value float64
	row   int64 // from 0
	line  int
}

func newExtremes() *extremes {
	return &extremes{low: extremeHeap{sign: -1}, high: extremeHeap{sign: 1}}
}

// observe looks at a batch.
func (e *extremes) observe(v *vector, lines lineNumbers) {
	for i, x := range v.nums {
		if v.flags[i]&cellUnusable != 0 {
			continue
		}
		if e.high.takes(x) {
			e.high.keep(extreme{x, v.first + int64(i), lines.at(i)})
		}
		if e.low.takes(x) {
			e.low.keep(extreme{x, v.first + int64(i), lines.at(i)})
		}
	}
}

// merge adds what o saw in the rows that follow; shift is what its row numbers lack.
func (e *extremes) merge(o *extremes, shift int64) {
	for _, x := range o.low.kept {
		x.row += shift
		e.low.keep(x)
	}
	for _, x := range o.high.kept {
		x.row += shift
		e.high.keep(x)
	}
}

// beyond lists the values that lie far, by row. It is not exact where a side is
// full of them: there may be more.
func (e *extremes) beyond(far func(float64) bool) (rows []extreme, exact bool) {
	exact = true
	seen := map[int64]bool{}
	for _, h := range []*extremeHeap{&e.low, &e.high} {
		n := 0
		for _, x := range h.kept {
			if !far(x.value) {
				continue
			}
			n++
			if !seen[x.row] {
				seen[x.row] = true
				rows = append(rows, x)
			}
		}
		exact = exact && n < maxExtremes
	}
	slices.SortFunc(rows, func(a, b extreme) int { return cmp.Compare(a.row, b.row) })
	return rows, exact
}

// extremeHeap keeps the values that are greatest times sign, the least of them first.
type extremeHeap struct {
	sign float64
	kept []extreme
}

// takes tells whether a value that comes after those kept gets in.
func (h *extremeHeap) takes(x float64) bool {
	return len(h.kept) < maxExtremes || h.sign*x > h.sign*h.kept[0].value
}

// keep takes a value in; of equal ones those of the first rows stay.
func (h *extremeHeap) keep(x extreme) {
	if len(h.kept) < maxExtremes {
		heap.Push(h, x)
		return
	}
	if h.before(h.kept[0], x) {
		h.kept[0] = x
		heap.Fix(h, 0)
	}
}

// before orders what goes first: the less extreme, then the later row.
func (h *extremeHeap) before(a, b extreme) bool {
	if a.value != b.value {
		return h.sign*a.value < h.sign*b.value
	}
	return a.row > b.row
}

// Len implements heap.Interface.
func (h *extremeHeap) Len() int { return len(h.kept) }

// Less implements heap.Interface.
func (h *extremeHeap) Less(i, j int) bool { return h.before(h.kept[i], h.kept[j]) }

// Swap implements heap.Interface.
func (h *extremeHeap) Swap(i, j int) { h.kept[i], h.kept[j] = h.kept[j], h.kept[i] }

// Push implements heap.Interface.
func (h *extremeHeap) Push(x any) { h.kept = append(h.kept, x.(extreme)) } //nolint:forcetypeassert,errcheck // only keep pushes

// Pop implements heap.Interface.
func (h *extremeHeap) Pop() any {
	last := h.kept[len(h.kept)-1]
	h.kept = h.kept[:len(h.kept)-1]
	return last
}
