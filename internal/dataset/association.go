package dataset

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/slipway-ml/slipway/internal/stats"
)

// Limits of what is remembered of columns that are looked at together.
const (
	maxPairs  = 100_000 // different pairs of values
	maxCells  = 1 << 22 // of the table that they are counted in
	maxGroups = 1 << 20 // different values that others depend on
)

// associationTotal counts pairs of values.
type associationTotal struct {
	cells map[[2]uint64]int64
	over  bool // more than maxPairs
}

func (t *associationTotal) met(k *rowCheck, columns []*columnState, row int) bool {
	t.add([2]uint64{columns[k.columns[0]].v.hashes[row], columns[k.columns[1]].v.hashes[row]}, 1)
	return true
}

func (t *associationTotal) add(pair [2]uint64, n int64) {
	if _, known := t.cells[pair]; !known && len(t.cells) == maxPairs {
		t.over = true
		return
	}
	t.cells[pair] += n
}

func (t *associationTotal) merge(other rowTotal, _ int64) {
	o := other.(*associationTotal) //nolint:forcetypeassert,errcheck // the same expectation
	t.over = t.over || o.over
	for pair, n := range o.cells {
		t.add(pair, n)
	}
}

func (t *associationTotal) verdict(_ []*columnState, k *rowCheck) verdict {
	if len(t.cells) == 0 {
		return verdict{found: "no row with both values", method: Exact}
	}
	v, err := t.v()
	if err != nil {
		return verdict{found: err.Error(), method: "approximate"}
	}
	b := k.check.CramersV.Bounds
	return verdict{ok: (b.Min == nil || v >= *b.Min) && (b.Max == nil || v <= *b.Max), found: strconv.FormatFloat(v, 'g', 6, 64), method: Exact}
}

// v is Cramér's V, where there are few enough values.
func (t *associationTotal) v() (float64, error) {
	if t.over {
		return 0, fmt.Errorf("more than %d pairs of values, too many to tell", maxPairs)
	}
	rows, columns := t.places(0), t.places(1)
	if len(rows)*len(columns) > maxCells {
		return 0, fmt.Errorf("%d and %d different values, too many to tell", len(rows), len(columns))
	}
	counts := make([][]int64, len(rows))
	for i := range counts {
		counts[i] = make([]int64, len(columns))
	}
	for pair, n := range t.cells {
		counts[rows[pair[0]]][columns[pair[1]]] = n
	}
	return stats.CramersV(counts)
}

// places numbers the values of one side of the pairs, in the order of their hashes.
func (t *associationTotal) places(side int) map[uint64]int {
	hashes := make([]uint64, 0, len(t.cells))
	for pair := range t.cells {
		hashes = append(hashes, pair[side])
	}
	slices.Sort(hashes)
	at := map[uint64]int{}
	for _, h := range slices.Compact(hashes) {
		at[h] = len(at)
	}
	return at
}

// dependencyTotal follows which value of a column stands with the values of
// others, and where another stands with the same.
type dependencyTotal struct {
	groups  map[uint64]*group // by the hash of the values that the column depends on
	over    bool              // more than maxGroups; only those are followed
	samples map[int64]Sample  // of rows in conflict, by row from 0
}

// group is what is known of rows with equal values.
type group struct {
	value    uint64 // hash of the column's first value
	rows     int64
	first    int64 // row of that value
	conflict int64 // row of the first other value, -1 for none
}

func (t *dependencyTotal) met(k *rowCheck, columns []*columnState, row int) bool {
	last := len(k.columns) - 1
	h := uint64(0)
	for _, at := range k.columns[:last] {
		h = mix(h*31 + columns[at].v.hashes[row])
	}
	v := &columns[k.columns[last]].v
	g, at := t.groups[h], v.first+int64(row)
	switch {
	case g == nil && len(t.groups) == maxGroups:
		t.over = true
		return true
	case g == nil:
		t.groups[h] = &group{value: v.hashes[row], rows: 1, first: at, conflict: -1}
		return true
	}
	g.rows++
	if g.conflict < 0 && g.value != v.hashes[row] {
		g.conflict = at
		if len(t.samples) < k.most {
			t.keep(at, Sample{Row: at + 1, Line: k.lines.at(row), Value: k.show(columns, row)})
		}
	}
	return true
}

// keep remembers how a row in conflict is shown.
func (t *dependencyTotal) keep(row int64, s Sample) {
	if t.samples == nil {
		t.samples = map[int64]Sample{}
	}
	t.samples[row] = s
}

func (t *dependencyTotal) merge(other rowTotal, shift int64) {
	o := other.(*dependencyTotal) //nolint:forcetypeassert,errcheck // the same expectation
	t.over = t.over || o.over
	for h, theirs := range o.groups {
		theirs.first += shift
		if theirs.conflict >= 0 {
			theirs.conflict += shift
		}
		mine := t.groups[h]
		switch {
		case mine == nil && len(t.groups) == maxGroups:
			t.over = true
			continue
		case mine == nil:
			t.groups[h] = theirs
			continue
		}
		mine.rows += theirs.rows
		switch {
		case mine.conflict >= 0:
		case theirs.value != mine.value:
			mine.conflict = theirs.first
		default:
			mine.conflict = theirs.conflict
		}
	}
	for row, s := range o.samples {
		s.Row += shift
		t.keep(row+shift, s)
	}
}

// conflicts lists the first rows in conflict of their groups.
func (t *dependencyTotal) conflicts() []int64 {
	var rows []int64
	for _, g := range t.groups {
		if g.conflict >= 0 {
			rows = append(rows, g.conflict)
		}
	}
	slices.Sort(rows)
	return rows
}

func (t *dependencyTotal) verdict(_ []*columnState, k *rowCheck) verdict {
	v := verdict{ok: true, method: Exact}
	if t.over {
		v.method = Method(fmt.Sprintf("the first %d different values of %s", maxGroups, k.names[0]))
	}
	for _, g := range t.groups {
		if g.conflict >= 0 {
			v.ok = false
			v.rows += g.rows
		}
	}
	v.found = "none otherwise"
	if v.ok {
		return v
	}
	rows := t.conflicts()
	for _, row := range rows[:min(len(rows), k.most)] {
		v.sample = append(v.sample, t.samples[row])
	}
	groups := "1 group"
	if len(rows) > 1 {
		groups = fmt.Sprintf("%d groups", len(rows))
	}
	v.found = fmt.Sprintf("%s in %s with equal values that conflict", pluralRows(int(v.rows)), groups)
	return v
}
