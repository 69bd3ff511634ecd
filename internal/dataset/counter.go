package dataset

import "math"

// counter counts the values of a column by their hashes: each one while there
// are few, how many different ones there are, roughly, beyond.
//
// It gives every counted value a small number, so that a check on text looks at
// each different value once.
type counter struct {
	slots  []uint64 // hashes; 0 is free
	idOf   []int32
	counts []int64 // by id
	hashes []uint64
	limit  int
	full   bool // there are more than limit values; only the first are counted
	stop   bool // counting is given up
	missed bool // by merging: some counts are too small
	misses int64
	hits   int64
	sketch *distinctSketch

	words [][]byte  // of a text column, by id
	nums  []float64 // of the others
}

// filled moves the hash that stands for a free slot.
func filled(hash uint64) uint64 { return max(hash, 1) }

func newCounter(limit int) *counter {
	return &counter{limit: limit, slots: make([]uint64, 64), idOf: make([]int32, 64)}
}

// id counts a value. It is -1 for a value that is not counted; new asks for its text or number.
func (c *counter) id(hash uint64) (id int32, isNew bool) {
	hash = filled(hash)
	if c.stop {
		c.sketch.InsertHash(hash)
		return -1, false
	}
	mask := uint64(len(c.slots) - 1)
	at := hash >> 32 & mask
	for c.slots[at] != 0 {
		if c.slots[at] == hash {
			id := c.idOf[at]
			c.counts[id]++
			c.hits++
			return id, false
		}
		at = (at + 1) & mask
	}
	if c.full || len(c.counts) == c.limit {
		c.miss(hash)
		return -1, false
	}
	id = int32(len(c.counts))
	c.slots[at], c.idOf[at] = hash, id
	c.counts = append(c.counts, 1)
	c.hashes = append(c.hashes, hash)
	if 2*len(c.counts) > len(c.slots) {
		c.grow()
	}
	return id, true
}

// miss notes a value beyond the limit; where most are, counting is given up.
func (c *counter) miss(hash uint64) {
	if !c.full {
		c.full = true
		c.sketch = newDistinctSketch()
		for _, h := range c.hashes {
			c.sketch.InsertHash(h)
		}
		c.hits = 0
	}
	c.sketch.InsertHash(hash)
	if c.misses++; c.misses > int64(c.limit) && c.misses > c.hits {
		c.giveUp()
	}
}

// giveUp stops counting; what was counted is in the sketch.
func (c *counter) giveUp() {
	c.stop = true
	c.slots, c.idOf, c.counts, c.hashes, c.words, c.nums = nil, nil, nil, nil, nil, nil
}

func (c *counter) grow() {
	c.slots, c.idOf = make([]uint64, 4*len(c.slots)), make([]int32, 4*len(c.slots))
	mask := uint64(len(c.slots) - 1)
	for id, hash := range c.hashes {
		at := hash >> 32 & mask
		for c.slots[at] != 0 {
			at = (at + 1) & mask
		}
		c.slots[at], c.idOf[at] = hash, int32(id)
	}
}

// distinct is how many different values there are.
func (c *counter) distinct() (n int64, method Method) {
	if !c.full {
		return int64(len(c.counts)), Exact
	}
	return max(int64(c.sketch.Estimate()), int64(c.limit)+1), Method("HyperLogLog, standard error 0.8 %")
}

// hashSet holds the hashes of the values of a column or of rows, to find what
// stands twice. It grows in parts, so that growing costs little memory at a time.
type hashSet struct {
	parts  [256][]uint64
	counts [256]int
	n      int
	limit  int
	full   bool
	sketch *distinctSketch
	seen   int64

	runs   []integerRun // of addIntegers, in their order
	at     int          // the run that grew last
	hashed bool         // there are no runs any more
}

// maxUnique bounds the values that a uniqueness check holds, in 128 MiB: a little less than three quarters
// of that, as the values do not fall evenly on the parts of the set, and a part that is fuller than that doubles.
const maxUnique = 12_000_000

// add puts a hash into the set and tells whether it was there. Once the set is
// full it only finds the values it holds.
func (s *hashSet) add(hash uint64) (twice bool) {
	hash = filled(hash)
	s.seen++
	part := &s.parts[hash>>56]
	if len(*part) == 0 {
		if s.full {
			s.sketch.InsertHash(hash)
			return false
		}
		*part = make([]uint64, 16)
	}
	mask := uint64(len(*part) - 1)
	at := hash >> 8 & mask
	for (*part)[at] != 0 {
		if (*part)[at] == hash {
			return true
		}
		at = (at + 1) & mask
	}
	if s.full {
		s.sketch.InsertHash(hash)
		return false
	}
	(*part)[at] = hash
	s.n++
	s.counts[hash>>56]++
	if 4*s.counts[hash>>56] > 3*len(*part) {
		s.grow(part)
	}
	if s.n == s.limit {
		s.full = true
		s.sketch = newDistinctSketch()
	}
	return false
}

func (s *hashSet) grow(part *[]uint64) {
	old := *part
	*part = make([]uint64, 2*len(old))
	mask := uint64(len(*part) - 1)
	for _, hash := range old {
		if hash == 0 {
			continue
		}
		at := hash >> 8 & mask
		for (*part)[at] != 0 {
			at = (at + 1) & mask
		}
		(*part)[at] = hash
	}
}

// distinct is how many different hashes were added.
func (s *hashSet) distinct() (n float64, method Method) {
	if !s.full {
		return float64(s.n), Exact
	}
	return math.Min(float64(s.n)+float64(s.sketch.Estimate()), float64(s.seen)), Method("exact for the first " + pluralValues(s.n) + ", HyperLogLog beyond")
}
