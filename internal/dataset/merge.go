package dataset

import (
	"cmp"
	"math"
	"slices"
)

// merge appends what another check of the same schema found in the rows that
// follow, so that the whole is as if one check had seen all rows; where a state
// is a sketch, within the sketch's error. shift is what its row numbers lack.
// The other check must log what may break across runs of rows (see logRows) and
// is not used any more.
func (k *check) merge(o *check, shift int64) {
	k.scan.seen += o.rows()
	k.scan.goodRows += o.scan.goodRows
	k.scan.distinct.merge(o.scan.distinct)
	for i, c := range k.scan.columns {
		c.merge(o.scan.columns[i], shift, func(row int64) {
			if o.log.rows.set(row - o.scan.first) {
				k.scan.goodRows--
			}
		})
	}
	for i, r := range k.scan.rows {
		r.merge(o.scan.rows[i], shift, func(row int64) {
			if o.log.rows.set(row - o.scan.first) {
				k.scan.goodRows--
			}
		})
	}
}

// rows is how many rows the check has seen.
func (k *check) rows() int64 { return k.scan.seen - k.scan.first }

// merge appends what o saw of the column; bad is told of each of o's rows that breaks an expectation by what came before.
func (c *columnState) merge(o *columnState, shift int64, bad func(row int64)) {
	c.rows += o.rows
	c.nulls += o.nulls
	c.wrong += o.wrong
	c.notFinite += o.notFinite
	c.nans += o.nans
	c.infinite += o.infinite
	c.faultless += o.faultless
	c.shortest, c.longest = min(c.shortest, o.shortest), max(c.longest, o.longest)
	c.moments.merge(&o.moments)
	c.sample.merge(&o.sample)
	c.counter.merge(o.counter)
	if c.sketch != nil {
		_ = c.sketch.MergeWith(o.sketch) // fails for sketches of another accuracy only
	}
	if c.bins != nil {
		for i, n := range o.bins.counts {
			c.bins.counts[i] += n
		}
	}
	if c.extremes != nil {
		c.extremes.merge(o.extremes, shift)
	}
	broken := func(row int64) {
		if o.log != nil && o.log.cells.set(row-o.log.first) {
			c.faultless--
		}
		bad(row)
	}
	for i, k := range c.cells {
		k.merge(o.cells[i], shift, broken)
	}
}

func (k *cellCheck) merge(o *cellCheck, shift int64, bad func(row int64)) {
	k.broken += o.broken
	var late []int64
	if k.unique != nil {
		late = k.unique.merge(o.unique, o.firsts)
	}
	if k.order != nil && k.order.merge(o.order, shift) {
		late = append(late, o.order.firstRow)
	}
	k.broken += int64(len(late))
	k.sample = joinSamples(k.sample, o.sample, late, shift, k.most)
	for _, row := range late {
		bad(row)
	}
}

func (k *rowCheck) merge(o *rowCheck, shift int64, bad func(row int64)) {
	k.looked += o.looked
	k.broken += o.broken
	var late []int64
	if k.set != nil {
		late = k.set.merge(o.set, o.firsts)
	}
	k.broken += int64(len(late))
	k.sample = joinSamples(k.sample, o.sample, late, shift, k.most)
	for _, row := range late {
		bad(row)
	}
	if total, ok := k.test.(rowTotal); ok {
		total.merge(o.test.(rowTotal), shift) //nolint:forcetypeassert,errcheck // the same expectation
	}
	if k.err == nil && o.err != nil {
		k.err, k.errRow = o.err, o.errRow+shift
	}
}

// joinSamples appends the failing rows of the rows that follow: those shown, and
// the late ones, which broke an expectation by what came before them.
func joinSamples(have, theirs []Sample, late []int64, shift int64, most int) []Sample {
	next := slices.Clone(theirs)
	for _, row := range late {
		next = append(next, Sample{Row: row + 1, unread: true})
	}
	slices.SortFunc(next, func(a, b Sample) int { return cmp.Compare(a.Row, b.Row) })
	for _, s := range next[:min(len(next), max(0, most-len(have)))] {
		s.Row += shift
		have = append(have, s)
	}
	return have
}

// merge appends moments of other values, as Chan, Golub and LeVeque join two parts.
func (m *moments) merge(o *moments) {
	m.min, m.max = min(m.min, o.min), max(m.max, o.max)
	switch {
	case o.n == 0:
		return
	case m.n == 0:
		m.n, m.mean, m.m2, m.sum, m.lost = o.n, o.mean, o.m2, o.sum, o.lost
		return
	}
	n, k := float64(m.n), float64(o.n)
	delta := o.mean - m.mean
	m.m2 += o.m2 + delta*delta*n*k/(n+k)
	m.mean += delta * k / (n + k)
	m.n += o.n
	t := m.sum + o.sum
	if math.Abs(m.sum) >= math.Abs(o.sum) {
		m.lost += m.sum - t + o.sum
	} else {
		m.lost += o.sum - t + m.sum
	}
	m.sum, m.lost = t, m.lost+o.lost
}

// merge keeps the values of lowest rank of both.
func (s *sample) merge(o *sample) {
	s.seen += o.seen
	s.sorted = nil
	for _, r := range o.kept {
		if r.rank < s.bound {
			s.keep(r.rank, r.value)
		}
	}
}

// merge appends the values that o counted. Where o gave up on some, the counts
// of the others are lower bounds.
func (c *counter) merge(o *counter) {
	if !c.stop && !o.stop {
		for id, hash := range o.hashes {
			at, isNew := c.id(hash)
			switch {
			case c.stop:
				continue
			case at < 0:
				c.misses += o.counts[id] - 1
				c.missed = true
			default:
				c.counts[at] += o.counts[id] - 1
				c.hits += o.counts[id] - 1
			}
			if isNew && o.words != nil {
				c.words = append(c.words, o.words[id])
			} else if isNew {
				c.nums = append(c.nums, o.nums[id])
			}
		}
	}
	if !o.full {
		if c.stop {
			for _, hash := range o.hashes {
				c.sketch.InsertHash(hash)
			}
		}
		return
	}
	if !c.full {
		c.full = true
		c.sketch = newDistinctSketch()
		for _, hash := range c.hashes {
			c.sketch.InsertHash(hash)
		}
	}
	c.sketch.merge(o.sketch)
	c.missed = true
	c.misses += o.misses
	if o.stop || c.misses > int64(c.limit) && c.misses > c.hits {
		c.giveUp()
	}
}

// each calls do with every hash that is held.
func (s *hashSet) each(do func(hash uint64)) {
	for _, part := range s.parts {
		for _, hash := range part {
			if hash != 0 {
				do(hash)
			}
		}
	}
}

// merge adds the values that o saw, firsts those it holds in the order of their
// rows, and gives the rows of those that s holds already. Values beyond what o
// could hold join the estimate, which may count them twice: so it finds too few
// repetitions there, never too many.
func (s *hashSet) merge(o *hashSet, firsts []firstSeen) (twice []int64) {
	seen := s.seen + o.seen
	for _, f := range firsts {
		if s.add(f.hash) {
			twice = append(twice, f.row)
		}
	}
	if o.full {
		if !s.full {
			s.full, s.sketch = true, newDistinctSketch()
		}
		s.sketch.merge(o.sketch)
	}
	s.seen = seen
	return twice
}
