package dataset

// orderState follows whether values come in order. It remembers the first one
// too, so that the states of two runs of rows can be joined.
type orderState struct {
	sign   float64 // -1 where values fall
	strict bool

	some     bool
	last     float64
	first    float64
	firstRow int64
}

func newOrderState(want Sorted) *orderState {
	s := &orderState{sign: 1, strict: want == StrictlyIncreasing || want == StrictlyDecreasing}
	if want == Decreasing || want == StrictlyDecreasing {
		s.sign = -1
	}
	return s
}

// test finds the values that do not follow the one before as asked.
func (s *orderState) test(v *vector, broken []int32) []int32 {
	for i, x := range v.nums {
		if v.flags[i]&cellUnusable != 0 {
			continue
		}
		if !s.some {
			s.first, s.firstRow = x, v.first+int64(i)
		} else if s.breaks(x) {
			broken = append(broken, int32(i))
		}
		s.last, s.some = x, true
	}
	return broken
}

// breaks tells that x must not follow the last value.
func (s *orderState) breaks(x float64) bool {
	step := s.sign * (x - s.last)
	return step < 0 || s.strict && step == 0
}

// merge appends the values that o saw; it tells whether the first of them is out
// of order. shift is what o's row numbers lack.
func (s *orderState) merge(o *orderState, shift int64) (broken bool) {
	if !o.some {
		return false
	}
	broken = s.some && s.breaks(o.first)
	if !s.some {
		s.first, s.firstRow = o.first, o.firstRow+shift
	}
	s.last, s.some = o.last, true
	return broken
}
