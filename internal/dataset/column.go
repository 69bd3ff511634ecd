package dataset

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/apache/arrow-go/v18/arrow"
)

// columnState is all that is kept of a column while it is read: its size does
// not grow with the rows, beyond the bounds of counter, sample and hashSet.
type columnState struct {
	name     string
	index    int // in the source
	rule     *Rule
	m        meaning
	stored   arrow.DataType
	personal bool
	masker   *Masker

	v       vector
	codes   codeNumbers // of the values of a dictionary
	scratch []float64
	counter *counter
	moments moments
	sample  sample
	sketch  *ddsketch.DDSketch // where quantiles are asked for
	bins    *binCounts         // where a distance from the reference is asked for
	guess   *textGuess         // where Infer asks what text means

	extremes *extremes // where outliers are asked for
	most     int       // failing rows that are shown
	log      *rowLog   // where the state will be merged

	rows, nulls, wrong, notFinite, nans, infinite int64
	faultless                                     int64
	shortest, longest                             int // bytes of text

	cells      []*cellCheck
	aggregates []*aggregate
	rules      []*rowCheck // that speak of the column

	took time.Duration // for the batch before
	err  error         // of reading
}

// maxExactQuantiles is up to how many values quantiles are exact; more columns than 256 have less each.
const maxExactQuantiles = 8192

// budget shares the memory for counting and sampling among the columns.
func budget(columns, total, least, most int) int {
	return max(least, min(most, total/max(columns, 1)))
}

func newColumnState(index int, field arrow.Field, m meaning, columns int) *columnState {
	return &columnState{
		name: field.Name, index: index, m: m, stored: field.Type, shortest: math.MaxInt,
		counter: newCounter(budget(columns, 4<<20, 256, MaxDistinct)),
		moments: newMoments(), sample: newSample(budget(columns, 2<<20, 1024, maxExactQuantiles)),
	}
}

// hashesAsked tells that checks look at the hashes of the column's rows.
func (c *columnState) hashesAsked() bool {
	return slices.ContainsFunc(c.cells, func(k *cellCheck) bool { return k.unique != nil }) ||
		slices.ContainsFunc(c.rules, func(r *rowCheck) bool { return r.vector == nil })
}

// read reads the column's part of a batch; first is the number of its first row.
// An index that is beyond its dictionary shows only here.
func (c *columnState) read(b scanBatch, table string, first int64) (err error) {
	defer recoverInto(&err, table)
	a, err := b.column(c.index)
	if err != nil {
		return err
	}
	c.v.read(a, c.m, first)
	return nil
}

// observe takes the column's part of a batch, which c.v has read.
func (c *columnState) observe(lines lineNumbers, draw *lottery) {
	v := &c.v
	c.rows += int64(v.n)
	c.nulls += int64(v.nulls)
	c.wrong += int64(v.wrong)
	c.notFinite += int64(v.notFinite)
	c.count()
	if v.nums != nil {
		c.measure(draw)
	}
	if c.guess != nil {
		c.guess.observe(v)
	}
	if c.extremes != nil {
		c.extremes.observe(v, lines)
	}
	for _, check := range c.cells {
		check.run(c, lines)
	}
	if len(c.cells) > 0 {
		c.faultless += int64(v.n - v.bad)
	}
	if c.log != nil {
		c.log.note(v)
	}
}

// count gives the values of the batch their numbers.
func (c *columnState) count() {
	v := &c.v
	if v.coded() {
		c.countCodes()
		return
	}
	if c.counter.stop {
		c.lengths()
		if v.clean {
			c.counter.sketch.insertAll(v.hashes)
			return
		}
		for i, hash := range v.hashes {
			if v.flags[i]&cellUnusable == 0 {
				c.counter.sketch.InsertHash(filled(hash))
			}
		}
		return
	}
	ids := v.numbered()
	for i, hash := range v.hashes {
		ids[i] = -1
		if v.flags[i]&cellUnusable == 0 {
			ids[i] = c.number(i, hash)
		}
	}
	if c.counter.full {
		c.lengths()
	}
}

// number counts the value of row i and gives its number, or -1.
func (c *columnState) number(i int, hash uint64) int32 {
	id, isNew := c.counter.id(hash)
	if !isNew {
		return id
	}
	v := &c.v
	if !v.kind.textual() {
		c.counter.nums = append(c.counter.nums, v.nums[i])
		return id
	}
	// A word longer than a field of a report may show is kept by its beginning.
	b := v.bytesAt(i)
	c.counter.words = append(c.counter.words, append([]byte(nil), b[:min(len(b), maxWord)]...))
	c.shortest, c.longest = min(c.shortest, len(b)), max(c.longest, len(b))
	return id
}

// lengths notes how long the values are that have no number, where Infer asks for it.
func (c *columnState) lengths() {
	v := &c.v
	if c.guess == nil || !v.kind.textual() {
		return
	}
	for i := range v.n {
		if counted := len(v.ids) > 0 && v.ids[i] >= 0; !counted && v.usable(i) {
			k := len(v.bytesAt(i))
			c.shortest, c.longest = min(c.shortest, k), max(c.longest, k)
		}
	}
}

// maxWord bounds what is kept of a counted word.
const maxWord = 512

// measure adds the numbers of the batch to the statistics.
func (c *columnState) measure(draw *lottery) {
	v := &c.v
	usable := v.nums
	if !v.clean {
		usable = c.usable()
	}
	v.low, v.high = c.moments.add(usable)
	c.sample.seen += int64(len(usable))
	for _, row := range draw.rows {
		if rank := draw.ranks[row]; rank < c.sample.bound && v.flags[row]&cellUnusable == 0 {
			c.sample.keep(rank, v.nums[row])
		}
	}
	if c.sketch == nil && c.bins == nil {
		return
	}
	for i, x := range v.nums {
		if v.flags[i]&cellUnusable != 0 {
			continue
		}
		if c.sketch != nil {
			_ = c.sketch.Add(x) // refuses NaN and what no float64 index holds; x is finite
		}
		if c.bins != nil {
			c.bins.add(x)
		}
	}
}

// usable gathers the usable numbers of the batch, and counts what is none.
func (c *columnState) usable() []float64 {
	v := &c.v
	c.scratch = resize(c.scratch, v.n)
	n := 0
	for i, f := range v.flags {
		c.scratch[n] = v.nums[i]
		switch {
		case f&cellUnusable == 0:
			n++
		case f&cellInfinite != 0:
			c.infinite++
		case f&(cellNaN|cellNotFinite) != 0:
			c.nans++
		}
	}
	return c.scratch[:n]
}

// finish closes the statistics after the last batch.
func (c *columnState) finish() { c.moments.join() }

// values is how many cells have a usable value.
func (c *columnState) values() int64 {
	return c.rows - c.nulls - c.wrong - c.notFinite - c.allowedNaN()
}

// allowedNaN is how many cells hold a NaN that the schema takes as a value.
func (c *columnState) allowedNaN() int64 {
	if c.m.nan == NaNIsValue {
		return c.nans
	}
	return 0
}

// word is a counted value as text.
func (c *columnState) word(id int32) string {
	if c.m.kind.textual() {
		return string(c.counter.words[id])
	}
	return c.format(c.counter.nums[id])
}

// format writes a number as a value of the column.
func (c *columnState) format(x float64) string {
	switch {
	case c.m.kind == Boolean:
		return strconv.FormatBool(x != 0)
	case c.m.kind.temporal():
		return formatMicros(int64(x))
	}
	return formatNumber(x)
}

// quantile is quantile q of the column and how it was found.
func (c *columnState) quantile(q float64) (float64, Method) {
	if c.sample.exact() || c.sketch == nil {
		return quantileOf(c.sample.values(), q), c.sample.method()
	}
	x, err := c.sketch.GetValueAtQuantile(q)
	if err != nil {
		return quantileOf(c.sample.values(), q), c.sample.method()
	}
	return min(max(x, c.moments.min), c.moments.max), "DDSketch, within 0.1 % of the value"
}

func finite(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}
