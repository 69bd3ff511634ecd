package dataset

import "math"

// rowSet counts different rows: exactly up to a bound, by a sketch beyond. The hashes of the first
// rows are kept as they come: where it turns out that nearly all of them are different, as they are
// in most long tables, none was looked up.
type rowSet struct {
	first  []uint64        // of the first rows; nil where one of the others is there
	exact  *hashSet        // nil beyond the bound
	sketch *distinctSketch // nil up to the bound
	limit  int             // of the rows that are told apart
	seen   int64
}

// maxRowHashes bounds the rows that are told apart exactly.
const maxRowHashes = 1 << 20

func newRowSet() *rowSet { return &rowSet{limit: maxRowHashes} }

// addAll takes the sums of the hashes of rows, which it overwrites.
func (s *rowSet) addAll(sums []uint64) {
	for i, sum := range sums {
		sums[i] = mix(sum)
	}
	s.add(sums)
}

// add takes hashes of rows.
func (s *rowSet) add(hashes []uint64) {
	s.seen += int64(len(hashes))
	for len(hashes) > 0 {
		switch {
		case s.sketch != nil: // the common case of a long table
			s.sketch.insertAll(hashes)
			return
		case s.exact != nil:
			s.exact.add(hashes[0])
			hashes = hashes[1:]
			if s.exact.full {
				s.estimate()
			}
		default:
			most := s.limit + s.limit/4 // so many that an estimate leaves no doubt
			n := min(len(hashes), most-len(s.first))
			s.first, hashes = append(s.first, hashes[:n]...), hashes[n:]
			if len(s.first) == most {
				s.settle()
			}
		}
	}
}

// settle goes over to the sketch where there are surely more different rows than can be told apart, beyond five standard errors.
func (s *rowSet) settle() {
	sketch := newDistinctSketch()
	sketch.insertAll(s.first)
	if float64(sketch.Estimate())*(1-5*sketchError) < float64(s.limit) {
		s.tellApart()
		return
	}
	s.first, s.sketch = nil, sketch
}

// tellApart finds the first rows that are alike.
func (s *rowSet) tellApart() {
	exact := &hashSet{limit: s.limit}
	for _, hash := range s.first {
		if exact.add(hash); exact.full {
			s.estimate()
			return
		}
	}
	s.first, s.exact = nil, exact
}

// estimate goes over to the sketch.
func (s *rowSet) estimate() {
	s.sketch = newDistinctSketch()
	s.sketch.insertAll(s.first)
	if s.exact != nil {
		s.exact.each(s.sketch.InsertHash)
	}
	s.first, s.exact = nil, nil
}

// merge adds the rows that o saw.
func (s *rowSet) merge(o *rowSet) {
	seen := s.seen + o.seen
	switch {
	case o.sketch != nil:
		if s.sketch == nil {
			s.estimate()
		}
		s.sketch.merge(o.sketch)
	case o.exact != nil:
		o.exact.each(func(hash uint64) { s.add([]uint64{hash}) })
	default:
		s.add(o.first)
	}
	s.seen = seen
}

// distinct is how many different rows there are.
func (s *rowSet) distinct() (n float64, method Method) {
	if s.exact == nil && s.sketch == nil {
		s.tellApart()
	}
	if s.exact != nil {
		return float64(s.exact.n), Exact
	}
	return math.Min(float64(s.sketch.Estimate()), float64(s.seen)), "HyperLogLog, standard error 0.8 %"
}
