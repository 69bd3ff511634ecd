package dataset

import (
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/expr-lang/expr/vm"
)

// rowCheck is one expectation that spans columns, and what broke it so far.
type rowCheck struct {
	check   *TableCheck
	columns []int    // places in scan.columns
	names   []string // of the columns, in that order
	set     *hashSet // of a check of uniqueness
	test    rowTest  // of the checks that are neither that nor a rule
	machine vm.VM
	vector  func(columns []*columnState, n int, out []float64) []float64 // where the rule can be computed by column
	truth   []float64                                                    // of the batch, by vector
	scratch []float64
	row     map[string]any
	lines   lineNumbers // of the batch

	looked, broken int64
	sample         []Sample
	most           int
	err            error // of the first row that the rule can't be asked of
	errRow         int64
	firsts         []firstSeen // where rows first stand, for merging

	waits atomic.Int32 // for how many of its columns, of the batch at hand
}

// distinctColumns are the columns without those that are named twice.
func (k *rowCheck) distinctColumns() []int {
	return slices.Compact(slices.Sorted(slices.Values(k.columns)))
}

// newRowCheck ties a check to the columns of a table; it names the column that is missing.
func newRowCheck(check *TableCheck, columns []*columnState, most int) (k *rowCheck, missing string) {
	k = &rowCheck{check: check, most: most, row: map[string]any{}, names: check.columns()}
	if len(check.Unique) > 0 {
		k.set = &hashSet{limit: maxUnique}
	}
	for _, name := range k.names {
		at := -1
		for i, c := range columns {
			if c.name == name {
				at = i
			}
		}
		if at < 0 {
			return nil, name
		}
		k.columns = append(k.columns, at)
	}
	k.vectorise(columns)
	k.prepareTest(columns)
	return k, ""
}

// run looks at a batch.
func (k *rowCheck) run(columns []*columnState, n int, first int64, lines lineNumbers, part *scanPart) {
	k.lines = lines
	clean := true
	for _, at := range k.columns {
		clean = clean && columns[at].v.clean
	}
	if k.vector != nil {
		k.scratch = resize(k.scratch, n)
		k.truth = k.vector(columns, n, k.scratch)
		if clean && !slices.Contains(k.truth, 0) {
			k.looked += int64(n)
			return
		}
	}
	for i := range n {
		if !clean && !k.applies(columns, i) {
			continue
		}
		k.looked++
		if k.met(columns, i) {
			continue
		}
		k.broken++
		part.bad[i], part.broken = true, true
		if len(k.sample) < k.most {
			k.sample = append(k.sample, Sample{Row: first + int64(i) + 1, Line: lines.at(i), Value: k.show(columns, i)})
		}
	}
}

// applies tells whether the check speaks of row i: cells that are not of their
// type never count, nulls only where the rule speaks of nil.
func (k *rowCheck) applies(columns []*columnState, i int) bool {
	for _, at := range k.columns {
		f := columns[at].v.flags[i]
		if f&cellUnusable != 0 && (f&cellNull == 0 || k.check.rule == nil || !k.check.rule.nullable) {
			return false
		}
	}
	return true
}

func (k *rowCheck) met(columns []*columnState, i int) bool {
	if k.test != nil {
		return k.test.met(k, columns, i)
	}
	if k.set != nil {
		h := uint64(0)
		for _, at := range k.columns {
			h = mix(h*31 + columns[at].v.hashes[i])
		}
		return !k.set.add(h)
	}
	if k.vector != nil {
		return k.truth[i] != 0
	}
	for j, at := range k.columns {
		k.row[k.names[j]] = columns[at].v.value(i)
	}
	held, err := k.check.rule.holds(&k.machine, k.row)
	if err != nil && k.err == nil {
		k.err, k.errRow = err, columns[k.columns[0]].v.first+int64(i)
	}
	return held && err == nil
}

// value is a cell as expressions see it.
func (v *vector) value(i int) any {
	switch {
	case v.flags[i]&cellNull != 0:
		return nil
	case v.kind == Integer:
		return int(v.ints[i])
	case v.kind == Number:
		return v.nums[i]
	case v.kind == Boolean:
		return v.nums[i] != 0
	case v.kind.temporal():
		return time.UnixMicro(v.ints[i]).UTC()
	}
	return string(v.bytesAt(i))
}

// show writes the cells that the check looked at.
func (k *rowCheck) show(columns []*columnState, i int) string {
	parts := make([]string, len(k.columns))
	for j, at := range k.columns {
		c := columns[at]
		value := c.shown(c.v.text(i))
		if c.v.flags[i]&cellNull != 0 {
			value = "null"
		}
		parts[j] = k.names[j] + "=" + value
	}
	return strings.Join(parts, ", ")
}
