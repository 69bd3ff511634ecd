package dataset

import (
	"math"
	"slices"
	"sort"
)

// integerRun is a run of successive integers, both ends in it.
type integerRun struct{ from, to int64 }

// maxRuns bounds the runs of a set of integers; one of more is kept as hashes.
const maxRuns = 64

// addIntegers puts the integers of usable cells into the set, hashes being theirs,
// and appends the rows of those that were there. Numbers that follow each other,
// as those of most tables that number their rows, take no memory each: the set
// keeps runs of them, in their order, until there are too many.
func (s *hashSet) addIntegers(v *vector, twice []int32) []int32 {
	for i, x := range v.ints {
		switch {
		case v.flags[i]&cellUnusable != 0:
			continue
		case s.hashed:
			if s.add(v.hashes[i]) {
				twice = append(twice, int32(i))
			}
			continue
		}
		s.seen++
		if run := s.runs[s.at:]; len(run) > 0 && run[0].to < math.MaxInt64 && x == run[0].to+1 && (len(run) == 1 || x < run[1].from) {
			run[0].to = x // the common case
			s.n++
			continue
		}
		if s.addInteger(x) {
			twice = append(twice, int32(i))
		}
	}
	return twice
}

// addInteger puts an integer into the runs and tells whether it was there.
func (s *hashSet) addInteger(x int64) (twice bool) {
	// The last run that starts at x or before.
	at := sort.Search(len(s.runs), func(i int) bool { return s.runs[i].from > x }) - 1
	if at >= 0 && x <= s.runs[at].to {
		return true
	}
	s.n++
	switch {
	case at >= 0 && s.runs[at].to == x-1: // x is greater than the end of a run, so x-1 is no overflow
		s.runs[at].to = x
	case at+1 < len(s.runs) && s.runs[at+1].from == x+1:
		at++
		s.runs[at].from = x
	default:
		at++
		s.runs = slices.Insert(s.runs, at, integerRun{x, x})
	}
	if s.at = at; len(s.runs) > maxRuns {
		s.hashRuns()
	}
	return false
}

// hashRuns turns the runs into hashes.
func (s *hashSet) hashRuns() {
	seen := s.seen
	s.n, s.hashed = 0, true
	for _, r := range s.runs {
		for x := r.from; ; x++ {
			s.add(mix(uint64(x)))
			if x == r.to {
				break
			}
		}
	}
	s.runs, s.seen = nil, seen
}
