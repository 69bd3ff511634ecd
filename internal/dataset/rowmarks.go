package dataset

// scanPart is what one worker gathers of the rows of a batch. What all of them
// gathered is put together while the next batch is at work.
type scanPart struct {
	rowMarks          // of the batch at hand
	before   rowMarks // of the batch before
}

// rowMarks are what columns and rules say of each row of a batch.
type rowMarks struct {
	hashes []uint64 // sums of the hashes of cells
	bad    []bool   // some cell or rule is broken
	broken bool     // some row is bad
}

// turn prepares the part for a batch of n rows.
func (p *scanPart) turn(n int, hashed bool) {
	p.rowMarks, p.before = p.before, p.rowMarks
	p.broken = false
	p.bad = resize(p.bad, n)
	clear(p.bad)
	if hashed {
		p.hashes = resize(p.hashes, n)
		clear(p.hashes)
	}
}

// mark adds what was found in a column.
func (p *scanPart) mark(c *columnState, hashed bool) {
	v := &c.v
	switch {
	case !hashed:
	case v.hashes == nil:
		p.addCodes(c)
	default:
		odd := c.odd()
		sums := p.hashes[:len(v.hashes)]
		for row, h := range v.hashes {
			sums[row] += h * odd
		}
	}
	if v.bad == 0 {
		return
	}
	p.broken = true
	for row, f := range v.flags {
		if f&cellBad != 0 {
			p.bad[row] = true
		}
	}
}

// odd is what hashes of the column are multiplied by. They are scrambled: a sum of them, each times an odd
// number of its own, is as good as another hash of them all (multilinear hashing, Lemire and Kaser, 2014).
func (c *columnState) odd() uint64 { return mix(uint64(c.index)+1) | 1 }

// addCodes adds the hashes of rows that are indices of a dictionary.
func (p *scanPart) addCodes(c *columnState) {
	v, odd := &c.v, c.odd()
	if len(c.codes.sums) == 0 {
		for _, h := range v.dict.hashes {
			c.codes.sums = append(c.codes.sums, h*odd)
		}
	}
	of, sums := c.codes.sums, p.hashes[:len(v.codes)]
	for row, code := range v.codes {
		sums[row] += of[code]
	}
	if v.nulls == 0 {
		return
	}
	for row, f := range v.flags {
		if f&cellNull != 0 {
			sums[row] += hashOfNull*odd - of[v.codes[row]]
		}
	}
}

// join adds up what the workers found in the rows of the batch before, of which there are n from row first on.
func (s *scan) join(n int, first int64) {
	all := &s.parts[0].before
	for _, p := range s.parts[1:] {
		if p.before.broken {
			all.broken = true
			for i, bad := range p.before.bad {
				all.bad[i] = all.bad[i] || bad
			}
		}
		if s.distinct != nil {
			sums := all.hashes[:len(p.before.hashes)]
			for i, h := range p.before.hashes {
				sums[i] += h
			}
		}
	}
	if s.log != nil {
		s.log.noteRows(all.bad, first)
	}
	s.goodRows += int64(n)
	if all.broken {
		for _, bad := range all.bad {
			if bad {
				s.goodRows--
			}
		}
	}
	if s.distinct != nil {
		s.distinct.addAll(all.hashes)
	}
}
