package dataset

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// rowTest is what a rowCheck asks of each row where it is neither a rule nor uniqueness.
type rowTest interface {
	met(k *rowCheck, columns []*columnState, row int) bool
}

// rowTotal is a rowTest that lets every row pass and is judged when all are read.
// One that saw the rows that follow can be merged into it; shift is what its row numbers lack.
type rowTotal interface {
	rowTest
	merge(other rowTotal, shift int64)
	verdict(columns []*columnState, k *rowCheck) verdict
}

// columns names the columns that the expectation speaks of.
func (k *TableCheck) columns() []string {
	switch {
	case k.rule != nil:
		return k.rule.columns
	case len(k.Different) > 0:
		return k.Different
	case k.Combinations != nil:
		return k.Combinations.Columns
	case k.CramersV != nil:
		return k.CramersV.Columns
	case k.Depends != nil:
		return append(append([]string{}, k.Depends.On...), k.Depends.Column)
	case k.References != nil:
		return k.References.Columns
	}
	return k.Unique
}

// key names the expectation in reports, as the schema does.
func (k *TableCheck) key() string {
	switch {
	case k.Rule != "":
		return "rule"
	case len(k.Different) > 0:
		return "different"
	case k.Combinations != nil:
		return "combinations"
	case k.CramersV != nil:
		return "cramers_v"
	case k.Depends != nil:
		return "depends"
	case k.References != nil:
		return "references"
	}
	return "unique"
}

// want puts the expectation into words.
func (k *TableCheck) want() string {
	names := strings.Join(k.columns(), ", ")
	switch {
	case k.Rule != "":
		return "rows where " + k.Rule
	case len(k.Different) > 0:
		return names + " different in each row"
	case k.Combinations != nil:
		return fmt.Sprintf("%s one of %d combinations", names, len(k.Combinations.Allowed))
	case k.CramersV != nil:
		return k.CramersV.say("an association (Cramér's V) of " + names)
	case k.Depends != nil:
		return "one value of " + k.Depends.Column + " for equal " + strings.Join(k.Depends.On, ", ")
	case k.References != nil:
		return k.References.say(k.References.Data)
	}
	return names + " together once"
}

// prepareTest compiles the expectations that are neither a rule nor uniqueness.
func (k *rowCheck) prepareTest(columns []*columnState) {
	switch {
	case len(k.check.Different) > 0:
		k.test = differentTest{}
	case k.check.Combinations != nil:
		k.test = newCombinationTest(k, columns)
	case k.check.CramersV != nil:
		k.test = &associationTotal{cells: map[[2]uint64]int64{}}
	case k.check.Depends != nil:
		k.test = &dependencyTotal{groups: map[uint64]*group{}}
	}
}

// fault says why a rule could not be asked of a row. Its words may repeat
// values, so they are left out where a column is personal.
func (k *rowCheck) fault(columns []*columnState) string {
	for _, at := range k.columns {
		if columns[at].personal {
			return "the rule could not be asked of some rows, whose values are personal"
		}
	}
	return fmt.Sprintf("row %d: %v", k.errRow+1, k.err)
}

// differentTest asks for cells that differ from each other.
type differentTest struct{}

func (differentTest) met(k *rowCheck, columns []*columnState, row int) bool {
	for i, a := range k.columns {
		for _, b := range k.columns[:i] {
			if equalCells(&columns[a].v, &columns[b].v, row) {
				return false
			}
		}
	}
	return true
}

// equalCells compares two cells of a row: as numbers where both are, as text where both are.
func equalCells(a, b *vector, row int) bool {
	switch {
	case a.kind.textual() && b.kind.textual():
		return string(a.bytesAt(row)) == string(b.bytesAt(row))
	case a.ints != nil && b.ints != nil && a.kind.temporal() == b.kind.temporal():
		return a.ints[row] == b.ints[row]
	case a.kind.Numeric() && b.kind.Numeric(), a.kind == Boolean && b.kind == Boolean:
		return a.nums[row] == b.nums[row]
	}
	return false
}

// combinationTest asks for one of some combinations of values.
type combinationTest struct{ allowed map[uint64]bool }

func newCombinationTest(k *rowCheck, columns []*columnState) combinationTest {
	t := combinationTest{allowed: map[uint64]bool{}}
	for _, tuple := range k.check.Combinations.Allowed {
		h := uint64(0)
		for j, w := range tuple {
			h = mix(h*31 + columns[k.columns[j]].hashOf(w))
		}
		t.allowed[h] = true
	}
	return t
}

func (t combinationTest) met(k *rowCheck, columns []*columnState, row int) bool {
	h := uint64(0)
	for _, at := range k.columns {
		h = mix(h*31 + columns[at].v.hashes[row])
	}
	return t.allowed[h]
}

// hashOf is the hash that vectors give a word of the schema.
func (c *columnState) hashOf(w string) uint64 {
	switch {
	case c.m.kind.textual():
		return hashText([]byte(w))
	case c.m.kind == Integer:
		x, err := strconv.ParseInt(w, 10, 64)
		if err != nil {
			x = int64(c.numberOf(w))
		}
		return mix(uint64(x))
	case c.m.kind.temporal():
		at, _ := parseDate(c.m.formats, w)
		return mix(uint64(at))
	}
	return mix(math.Float64bits(c.numberOf(w) + 0))
}

// columnTotal judges the number of columns and that of rows against the reference's.
func (k *check) columnTotal() {
	if c := k.schema.ColumnCount; c != nil {
		n := int64(len(k.scan.columns))
		ok := (c.Min == nil || n >= *c.Min) && (c.Max == nil || n <= *c.Max)
		severity := cmp.Or(c.Severity, Error)
		k.misshapen = k.misshapen || !ok && severity == Error
		k.outcome(Failure{Check: "column_count", Expectation: c.say("a number of columns"), Found: strconv.FormatInt(n, 10), Severity: severity, Reason: c.Reason}, ok)
	}
	b := k.schema.Rows.OfReference
	if b == nil {
		return
	}
	f := Failure{Check: "rows", Expectation: b.say("the number of rows over that of the reference"), Found: noReference, Severity: cmp.Or(k.schema.Rows.Severity, Error), Reason: k.schema.Rows.Reason}
	if ref := k.opts.Reference; ref != nil && ref.Rows > 0 {
		x := float64(k.scan.seen) / float64(ref.Rows)
		f.Found = formatNumber(x)
		k.outcome(f, (b.Min == nil || x >= *b.Min) && (b.Max == nil || x <= *b.Max))
		return
	}
	k.outcome(f, false)
}

// say puts the range into words.
func (r *Range) say(what string) string {
	b := &Bounds{}
	if r.Min != nil {
		b.Min = cmpOr(nil, float64(*r.Min))
	}
	if r.Max != nil {
		b.Max = cmpOr(nil, float64(*r.Max))
	}
	return b.say(what)
}
