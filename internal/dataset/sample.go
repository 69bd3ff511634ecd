package dataset

import (
	"cmp"
	"math"
	"slices"
)

// sample keeps the values of the rows whose numbers hash lowest: all while
// there are at most k, then k of them drawn evenly, however the rows came in batches.
type sample struct {
	k      int
	heap   []ranked // the greatest rank first, once there are k
	bound  uint64   // greatest rank that still gets in
	seen   int64
	sorted []float64
}

type ranked struct {
	rank  uint64
	value float64
}

func newSample(k int) sample { return sample{k: k, bound: math.MaxUint64} }

// rankOf orders rows at random, always alike.
func rankOf(row int64) uint64 { return mix(uint64(row) + 0x9e3779b97f4a7c15) }

// lottery holds the ranks of the rows of a batch, and which rows may still get into a sample.
type lottery struct {
	ranks []uint64
	rows  []int32
}

// draw ranks the n rows from first on; those above bound are out.
func (l *lottery) draw(first int64, n int, bound uint64) {
	l.ranks, l.rows = resize(l.ranks, n), l.rows[:0]
	for i := range l.ranks {
		rank := rankOf(first + int64(i))
		l.ranks[i] = rank
		if rank < bound {
			l.rows = append(l.rows, int32(i))
		}
	}
}

// keep takes a value whose rank is below s.bound. The caller counts it in s.seen.
func (s *sample) keep(rank uint64, value float64) {
	if len(s.heap) < s.k {
		s.heap = append(s.heap, ranked{rank, value})
		if len(s.heap) == s.k {
			slices.SortFunc(s.heap, func(a, b ranked) int { return cmp.Compare(b.rank, a.rank) }) // sorted is a heap
			s.bound = s.heap[0].rank
		}
		return
	}
	i := 0
	for { // sift the new value down from the top
		child := 2*i + 1
		if child >= len(s.heap) {
			break
		}
		if child+1 < len(s.heap) && s.heap[child+1].rank > s.heap[child].rank {
			child++
		}
		if s.heap[child].rank <= rank {
			break
		}
		s.heap[i] = s.heap[child]
		i = child
	}
	s.heap[i] = ranked{rank, value}
	s.bound = s.heap[0].rank
}

// values are the values kept, sorted.
func (s *sample) values() []float64 {
	if len(s.sorted) != len(s.heap) {
		s.sorted = make([]float64, len(s.heap))
		for i, r := range s.heap {
			s.sorted[i] = r.value
		}
		slices.Sort(s.sorted)
	}
	return s.sorted
}

func (s *sample) exact() bool { return s.seen <= int64(s.k) }

func (s *sample) method() Method {
	if s.exact() {
		return Exact
	}
	return Method("random sample of " + pluralValues(s.k))
}
