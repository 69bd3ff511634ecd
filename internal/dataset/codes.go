package dataset

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// dictionaryData remembers the dictionary of the batch before.
type dictionaryData struct {
	data arrow.ArrayData
	read bool // into v.dict
}

// readCodes reads rows that are stored as indices of a dictionary. The values
// of the dictionary are read, parsed and hashed once, however often they stand in
// rows. It is false where that is no gain: for a large dictionary of text that
// was not met before, and will perhaps not be met again.
func (v *vector) readCodes(a *array.Dictionary, m meaning) bool {
	indices, ok := a.Indices().(*array.Int32)
	if !ok || a.Len() == 0 {
		return false
	}
	data := a.Data().Dictionary()
	if again := data == v.seen.data; !again || !v.seen.read {
		if v.seen = (dictionaryData{data: data}); !again && data.Len() > 4*a.Len() && isText(data.DataType()) {
			return false
		}
		v.dict = &vector{}
		v.dict.read(a.Dictionary(), m, 0)
		v.seen.read = true
	}
	v.codes = indices.Int32Values()
	v.expand()
	if a.NullN() > 0 {
		v.nullCodes(a)
	}
	switch {
	case !v.dict.clean:
		v.tally()
	case !v.clean:
		v.nulls = a.NullN()
	}
	return true
}

// expand looks the codes up.
func (v *vector) expand() {
	d := v.dict
	if d.n == 0 { // every row is null
		clear(v.hashes)
		clear(v.nums)
		clear(v.ints)
		return
	}
	if v.lean {
		v.hashes = nil
	} else {
		pick(v.hashes, d.hashes, v.codes)
	}
	if d.nums != nil {
		pick(v.nums, d.nums, v.codes)
	}
	if d.ints != nil {
		pick(v.ints, d.ints, v.codes)
	}
	if !d.clean {
		v.clean = false
		pick(v.flags, d.flags, v.codes)
	}
}

// nullCodes flags the rows that are null, whatever their codes say.
func (v *vector) nullCodes(a *array.Dictionary) {
	v.clean = false
	for i := range zeroBits(a.NullBitmapBytes(), a.Data().Offset(), v.n) {
		v.flags[i] = cellNull
		if v.hashes != nil {
			v.hashes[i] = hashOfNull
		}
	}
}

// codedHash is the hash of a usable row that is coded.
func (v *vector) codedHash(i int) uint64 { return v.dict.hashes[v.codes[i]] }

// tally counts what is the matter with the rows.
func (v *vector) tally() {
	var counts [256]int
	for _, f := range v.flags {
		counts[f]++
	}
	for f, n := range counts {
		if byte(f)&cellNull != 0 {
			v.nulls += n
		}
		if byte(f)&cellWrong != 0 {
			v.wrong += n
		}
		if byte(f)&cellNotFinite != 0 {
			v.notFinite += n
		}
	}
}

// codeVerdicts is what a test says of the values of a dictionary.
type codeVerdicts struct {
	of  *vector
	bad []bool
	any bool
}

// broken appends the rows whose values are not ok.
func (c *codeVerdicts) broken(v *vector, ok func(v *vector, i int) bool, broken []int32) []int32 {
	if c.of != v.dict {
		c.of, c.bad, c.any = v.dict, resize(c.bad, v.dict.n), false
		for code := range c.bad {
			c.bad[code] = v.dict.usable(code) && !ok(v.dict, code)
			c.any = c.any || c.bad[code]
		}
	}
	if !c.any {
		return broken
	}
	for i, code := range v.codes {
		if c.bad[code] && v.usable(i) {
			broken = append(broken, int32(i))
		}
	}
	return broken
}

// codeNumbers holds the numbers that a counter gave to the values of a dictionary.
type codeNumbers struct {
	of   *vector
	ids  []int32
	rows []int32  // of each value, in the batch
	sums []uint64 // what a value adds to the sum of a row
}

// Numbers of values that have none.
const (
	notCounted = -1
	notMet     = -2 // in a row
)

// countCodes counts the values of rows that are stored as indices.
func (c *columnState) countCodes() {
	v, k := &c.v, c.counter
	if c.codes.of != v.dict {
		c.codes.of, c.codes.ids = v.dict, resize(c.codes.ids, v.dict.n)
		for code := range c.codes.ids {
			c.codes.ids[code] = notMet
		}
		c.codes.sums = c.codes.sums[:0]
	}
	switch {
	case k.stop:
		c.sketchCodes(0)
	case k.full || v.dict.n > v.n || !c.countKnown():
		c.countEach()
	}
	if k.full {
		c.lengths()
	}
}

// countKnown counts the rows of each value, if all have numbers; false, and nothing counted, if one has none.
func (c *columnState) countKnown() bool {
	v := &c.v
	c.codes.rows = resize(c.codes.rows, v.dict.n)
	rows := c.codes.rows
	clear(rows)
	tallyCodes(rows, v.codes)
	if !v.clean {
		for i, f := range v.flags {
			if f&cellUnusable != 0 {
				rows[v.codes[i]]--
			}
		}
	}
	for code, n := range rows {
		if n > 0 && c.codes.ids[code] < 0 {
			return false
		}
	}
	for code, n := range rows {
		if n > 0 {
			c.counter.counts[c.codes.ids[code]] += int64(n)
		}
	}
	return true
}

// tallyCodes counts how often each code stands. A few codes are counted in four
// places in turn: adding to one place over and over has to wait for itself.
func tallyCodes(rows, codes []int32) {
	if len(rows) > 256 {
		for _, code := range codes {
			rows[code]++
		}
		return
	}
	var counts [4][256]int32
	for ; len(codes) >= 4; codes = codes[4:] {
		counts[0][uint8(codes[0])]++
		counts[1][uint8(codes[1])]++
		counts[2][uint8(codes[2])]++
		counts[3][uint8(codes[3])]++
	}
	for _, code := range codes {
		counts[0][uint8(code)]++
	}
	for code := range rows {
		rows[code] = counts[0][code] + counts[1][code] + counts[2][code] + counts[3][code]
	}
}

// countEach counts row by row, as it must be where values are met for the first time.
func (c *columnState) countEach() {
	v, k, known := &c.v, c.counter, c.codes.ids
	for i, code := range v.codes {
		if v.flags[i]&cellUnusable != 0 {
			continue
		}
		if id := known[code]; id >= 0 {
			k.counts[id]++
			k.hits++
			continue
		}
		known[code] = c.number(i, v.codedHash(i))
		if k.stop {
			for code := range known { // numbers mean nothing any more
				known[code] = notMet
			}
			c.sketchCodes(i + 1)
			return
		}
	}
}

// sketchCodes notes the values of the rows from one on, each value of the dictionary once.
func (c *columnState) sketchCodes(from int) {
	v, known := &c.v, c.codes.ids
	for i, code := range v.codes[from:] {
		if known[code] == notMet && v.flags[from+i]&cellUnusable == 0 {
			known[code] = notCounted
			c.counter.sketch.InsertHash(filled(v.codedHash(from + i)))
		}
	}
}
