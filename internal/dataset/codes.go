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
	if !v.clean {
		v.tally()
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
	pick(v.hashes, d.hashes, v.codes)
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
	valid, from := a.NullBitmapBytes(), a.Data().Offset()
	for i := range v.n {
		if valid[(from+i)>>3]>>((from+i)&7)&1 == 0 {
			v.flags[i], v.hashes[i] = cellNull, hashOfNull
		}
	}
}

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

// codeNumbers holds the numbers that a counter gave to the values of a dictionary.
type codeNumbers struct {
	of  *vector
	ids []int32
}

// Numbers of values that have none.
const (
	notCounted = -1
	notMet     = -2 // in a row
)

// countCodes counts the values of rows that are stored as indices: each row finds
// the number of its value by its code.
func (c *columnState) countCodes() {
	v, k := &c.v, c.counter
	if c.codes.of != v.dict {
		c.codes.of, c.codes.ids = v.dict, resize(c.codes.ids, v.dict.n)
		for code := range c.codes.ids {
			c.codes.ids[code] = notMet
		}
	}
	known := c.codes.ids
	if k.stop {
		c.lengths()
		c.sketchCodes(0)
		return
	}
	ids, counts, hits := v.numbered(), k.counts, int64(0)
	for i, code := range v.codes {
		if v.flags[i]&cellUnusable != 0 {
			ids[i] = notCounted
			continue
		}
		id := known[code]
		if id >= 0 {
			counts[id]++
			hits++
			ids[i] = id
			continue
		}
		k.hits, hits = k.hits+hits, 0
		id = c.number(i, v.hashes[i])
		ids[i], known[code], counts = id, id, k.counts
		if k.stop {
			for j := i + 1; j < v.n; j++ {
				ids[j] = notCounted
			}
			for code := range known { // numbers mean nothing any more
				known[code] = notMet
			}
			c.sketchCodes(i + 1)
			break
		}
	}
	k.hits += hits
	if k.full {
		c.lengths()
	}
}

// sketchCodes notes the values of the rows from one on, each value of the dictionary once.
func (c *columnState) sketchCodes(from int) {
	v, known := &c.v, c.codes.ids
	for i, code := range v.codes[from:] {
		if known[code] == notMet && v.flags[from+i]&cellUnusable == 0 {
			known[code] = notCounted
			c.counter.sketch.InsertHash(filled(v.hashes[from+i]))
		}
	}
}
