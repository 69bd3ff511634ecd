package dataset

import (
	"math"
	"slices"
)

// sample keeps the values of the rows whose numbers hash lowest: all while
// there are at most k, then k of them drawn evenly, however the rows came in batches.
type sample struct {
	k      int
	kept   []ranked // and some that are not among the k lowest any more
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
	s.kept, s.sorted = append(s.kept, ranked{rank, value}), nil
	if len(s.kept) >= s.k+s.k/4+64 {
		s.cut()
	}
}

// cut keeps the k lowest alone (C. A. R. Hoare, "Algorithm 65: Find", 1961).
func (s *sample) cut() {
	if len(s.kept) <= s.k {
		return
	}
	for from, to := 0, len(s.kept)-1; from < to; {
		pivot := s.kept[from+(to-from)/2].rank
		i, j := from, to
		for i <= j {
			for s.kept[i].rank < pivot {
				i++
			}
			for s.kept[j].rank > pivot {
				j--
			}
			if i <= j {
				s.kept[i], s.kept[j] = s.kept[j], s.kept[i]
				i, j = i+1, j-1
			}
		}
		switch { // those up to j are at most the pivot, those from i on at least
		case s.k <= j:
			to = j
		case s.k >= i:
			from = i
		default:
			from = to
		}
	}
	s.kept, s.bound = s.kept[:s.k], 0
	for _, r := range s.kept {
		s.bound = max(s.bound, r.rank)
	}
}

// values are the values kept, sorted.
func (s *sample) values() []float64 {
	if s.sorted == nil {
		s.cut()
		s.sorted = make([]float64, len(s.kept))
		for i, r := range s.kept {
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
