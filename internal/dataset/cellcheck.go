package dataset

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// cellCheck is one row-wise expectation on a column, and what broke it so far.
type cellCheck struct {
	key     string // names the expectation in reports, as the schema does
	want    string
	expect  *Expect
	of      func(c *columnState) int64              // how many cells it looked at, when all are read
	test    func(v *vector, broken []int32) []int32 // appends the rows of the batch that break it
	unique  *hashSet                                // of a check of uniqueness
	order   *orderState                             // of a check of order
	broken  int64
	sample  []Sample
	most    int
	scratch []int32
	firsts  []firstSeen // where values first stand, for merging
}

// run looks at a batch.
func (k *cellCheck) run(c *columnState, lines lineNumbers) {
	v := &c.v
	k.scratch = k.test(v, k.scratch[:0])
	k.broken += int64(len(k.scratch))
	for _, row := range k.scratch {
		i := int(row)
		if v.flags[i]&cellBad == 0 {
			v.bad++
		}
		v.flags[i] |= cellBad
		if len(k.sample) < k.most {
			k.sample = append(k.sample, Sample{Row: v.first + int64(i) + 1, Line: lines.at(i), Value: c.shown(v.text(i))})
		}
	}
}

// shown is a value as reports may show it.
func (c *columnState) shown(value string) string {
	switch {
	case !c.personal || value == "":
		return shorten(value)
	case c.masker != nil:
		return c.masker.sample(c.name, value)
	}
	return Masked
}

// flagged is a test for cells that reading has flagged.
func flagged(flag byte) func(v *vector, broken []int32) []int32 {
	return func(v *vector, broken []int32) []int32 {
		if v.clean {
			return broken
		}
		for i, f := range v.flags {
			if f&flag != 0 {
				broken = append(broken, int32(i))
			}
		}
		return broken
	}
}

// numeric is a test for numbers that are outside what ok allows.
func numeric(lo, hi float64) func(v *vector, broken []int32) []int32 {
	return func(v *vector, broken []int32) []int32 {
		if v.low >= lo && v.high <= hi {
			return broken
		}
		for i, x := range v.nums {
			if !(x >= lo && x <= hi) && v.flags[i]&cellUnusable == 0 {
				broken = append(broken, int32(i))
			}
		}
		return broken
	}
}

// each is a test by a function of the value, asked once for each different value
// that is counted, or that stands in a dictionary.
func each(ok func(v *vector, i int) bool) func(v *vector, broken []int32) []int32 {
	var known []int8 // by id: 1 ok, -1 not
	var codes codeVerdicts
	return func(v *vector, broken []int32) []int32 {
		switch {
		case v.coded():
			return codes.broken(v, ok, broken)
		case v.ids == nil && v.clean:
			for i := range v.n {
				if !ok(v, i) {
					broken = append(broken, int32(i))
				}
			}
			return broken
		}
		for i, f := range v.flags {
			if f&cellUnusable != 0 {
				continue
			}
			id := -1
			if v.ids != nil {
				id = int(v.ids[i])
			}
			if id < 0 {
				if !ok(v, i) {
					broken = append(broken, int32(i))
				}
				continue
			}
			for id >= len(known) {
				known = append(known, make([]int8, max(64, len(known)))...)
			}
			if known[id] == 0 {
				if known[id] = -1; ok(v, i) {
					known[id] = 1
				}
			}
			if known[id] < 0 {
				broken = append(broken, int32(i))
			}
		}
		return broken
	}
}

// lengths is a test for text of fewer or more characters.
func lengths(least, most int64) func(v *vector, broken []int32) []int32 {
	one := each(func(v *vector, i int) bool {
		n := int64(utf8.RuneCount(v.bytesAt(i)))
		return n >= least && n <= most
	})
	return func(v *vector, broken []int32) []int32 {
		if v.ids != nil || !v.ascii() {
			return one(v, broken)
		}
		for i := range v.n {
			if n := int64(v.offs[i+1] - v.offs[i]); (n < least || n > most) && v.usable(i) {
				broken = append(broken, int32(i))
			}
		}
		return broken
	}
}

// cellChecks compiles the row-wise expectations on a column.
func (c *columnState) cellChecks(r *Rule, most int) {
	add := func(e *Expect, key, want string, test func(v *vector, broken []int32) []int32) *cellCheck {
		k := &cellCheck{key: key, want: want, expect: e, test: test, most: most, of: (*columnState).values}
		c.cells = append(c.cells, k)
		return k
	}
	present := func(c *columnState) int64 { return c.rows - c.nulls }
	if !r.Nullable {
		add(&r.Expect, "nullable", "a value in every row", flagged(cellNull)).of = func(c *columnState) int64 { return c.rows }
	}
	add(&r.Expect, "type", c.typeWanted(), flagged(cellWrong)).of = present
	if r.Type == Number || storedKind(c.stored) == Number && r.Type == Integer {
		add(&r.Expect, "nan", "finite numbers", flagged(cellNotFinite)).of = present
	}
	for _, e := range append([]*Expect{&r.Expect}, pointers(r.Checks)...) {
		for _, k := range c.expectCells(r, e) {
			one := add(e, k.key, k.want, k.test)
			one.unique, one.order = k.unique, k.order
			if k.of != nil {
				one.of = k.of
			}
		}
	}
}

func pointers(list []Expect) []*Expect {
	out := make([]*Expect, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	return out
}

// typeWanted says the type, and how it is written where that is not plain.
func (c *columnState) typeWanted() string {
	want := "type " + string(c.rule.Type)
	if len(c.rule.Formats) > 0 {
		want += " written " + strings.Join(c.rule.Formats, " or ")
	}
	if c.m.comma {
		want += " with decimal commas"
	}
	return want
}

func (c *columnState) expectCells(r *Rule, e *Expect) (out []*cellCheck) {
	add := func(key, want string, test func(v *vector, broken []int32) []int32) *cellCheck {
		out = append(out, &cellCheck{key: key, want: want, test: test})
		return out[len(out)-1]
	}
	if e.Min != nil {
		add("min", "values of at least "+formatNumber(*e.Min), numeric(*e.Min, math.Inf(1)))
	}
	if e.Max != nil {
		add("max", "values of at most "+formatNumber(*e.Max), numeric(math.Inf(-1), *e.Max))
	}
	if e.Above != nil {
		add("above", "values above "+formatNumber(*e.Above), numeric(math.Nextafter(*e.Above, math.Inf(1)), math.Inf(1)))
	}
	if e.Below != nil {
		add("below", "values below "+formatNumber(*e.Below), numeric(math.Inf(-1), math.Nextafter(*e.Below, math.Inf(-1))))
	}
	if e.Earliest != "" {
		add("earliest", "dates from "+e.Earliest+" on", numeric(float64(e.earliest), math.Inf(1)))
	}
	if e.Latest != "" {
		add("latest", "dates up to "+e.Latest, numeric(math.Inf(-1), float64(e.latest)))
	}
	if len(e.Values) > 0 {
		in := c.memberOf(e.Values)
		add("values", "one of "+shorten(strings.Join(e.Values, ", ")), each(in))
	}
	if len(e.NotValues) > 0 {
		in := c.memberOf(e.NotValues)
		add("not_values", "none of "+shorten(strings.Join(e.NotValues, ", ")), each(func(v *vector, i int) bool { return !in(v, i) }))
	}
	if e.pattern != nil {
		add("pattern", "values that match "+e.Pattern, each(matches(e.pattern, true)))
	}
	if e.notPattern != nil {
		add("not_pattern", "no value that matches "+e.NotPattern, each(matches(e.notPattern, false)))
	}
	if e.MinLength != nil {
		add("min_length", fmt.Sprintf("values of at least %d characters", *e.MinLength), lengths(*e.MinLength, math.MaxInt64))
	}
	if e.MaxLength != nil {
		add("max_length", fmt.Sprintf("values of at most %d characters", *e.MaxLength), lengths(0, *e.MaxLength))
	}
	if e.Unique {
		set := &hashSet{limit: maxUnique}
		k := add("unique", "every value once", func(v *vector, broken []int32) []int32 {
			if v.ints != nil {
				return set.addIntegers(v, broken)
			}
			for i, hash := range v.hashes {
				if v.flags[i]&cellUnusable == 0 && set.add(hash) {
					broken = append(broken, int32(i))
				}
			}
			return broken
		})
		k.unique = set
	}
	if e.Sorted != "" {
		k := add("sorted", string(e.Sorted)+" values", nil)
		k.order = newOrderState(e.Sorted)
		k.test = k.order.test
	}
	e.moreCells(add)
	return out
}

func matches(p *regexp.Regexp, want bool) func(v *vector, i int) bool {
	m := newMatcher(p)
	return func(v *vector, i int) bool { return m.match(v.bytesAt(i)) == want }
}

// memberOf tells whether a value is one of some, which are written as in the file.
func (c *columnState) memberOf(values []string) func(v *vector, i int) bool {
	if c.m.kind.textual() {
		words := make([][]byte, len(values))
		for i, w := range values {
			words[i] = []byte(w)
		}
		slices.SortFunc(words, bytes.Compare)
		return func(v *vector, i int) bool {
			_, found := slices.BinarySearchFunc(words, v.bytesAt(i), bytes.Compare)
			return found
		}
	}
	set := make(map[float64]bool, len(values))
	for _, w := range values {
		set[c.numberOf(w)] = true
	}
	return func(v *vector, i int) bool { return set[v.nums[i]] }
}

// numberOf reads a value of the schema, which ParseSchema has seen to be of the type.
func (c *columnState) numberOf(w string) float64 {
	var x float64
	switch {
	case c.m.kind == Boolean:
		if is, _ := parseBoolean(w); is {
			x = 1
		}
	case c.m.kind.temporal():
		at, _ := parseDate(c.m.formats, w)
		x = float64(at)
	case c.m.comma:
		x, _ = parseCommaNumber(w)
	default:
		x, _ = parseNumber(w)
	}
	return x
}
