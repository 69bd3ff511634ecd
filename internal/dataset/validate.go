package dataset

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
)

// Validate holds a table against a schema. It never fails: what is wrong with
// the table is in the report.
func Validate(t *Table, s *Schema) Report {
	v := &validation{table: t, schema: s, columns: map[*Rule][]int{}, badRows: make([]bool, t.Rows())}
	v.report = Report{Table: t.name, Rows: t.Rows(), Failures: []Failure{}, Columns: []ColumnSummary{}}
	v.rowCount()
	v.matchColumns()
	for i := range s.Columns {
		rule := &s.Columns[i]
		v.columnCount(rule, len(v.columns[rule]))
		for _, c := range v.columns[rule] {
			v.column(rule, c)
		}
	}
	for c := range t.columns {
		v.report.Columns = append(v.report.Columns, summarise(t, c, s.Personal(t.columns[c].Name)))
	}
	v.report.Quality = v.quality()
	v.report.Passed = !v.failed
	return v.report
}

type validation struct {
	table  *Table
	schema *Schema
	report Report
	failed bool
	// columns lists the columns that each rule speaks of.
	columns map[*Rule][]int

	misshapen         bool // the columns are not those of the schema
	badRows           []bool
	cells             int // that the schema asks for, missing columns included
	filled, faultless int
}

func (v *validation) add(f Failure) {
	v.failed = v.failed || f.Severity == Error
	if len(v.report.Failures) < MaxFailures {
		v.report.Failures = append(v.report.Failures, f)
	} else {
		v.report.Omitted++
	}
}

func (v *validation) rowCount() {
	rows := int64(v.table.Rows())
	least := int64(1)
	if v.schema.Rows.Min != nil {
		least = *v.schema.Rows.Min
	}
	if rows < least {
		v.add(Failure{Expectation: "at least " + pluralRows(int(least)), Found: pluralRows(int(rows)), Severity: Error})
	}
	if most := v.schema.Rows.Max; most != nil && rows > *most {
		v.add(Failure{Expectation: "at most " + pluralRows(int(*most)), Found: pluralRows(int(rows)), Severity: Error})
	}
}

// matchColumns finds the rule of each column; one without is extra.
func (v *validation) matchColumns() {
	for c, column := range v.table.columns {
		if rule, known := v.schema.rule(column.Name); known {
			v.columns[rule] = append(v.columns[rule], c)
			continue
		}
		if v.schema.Extra == RefuseExtra {
			v.misshapen = true
			v.add(Failure{Column: column.Name, Expectation: "no column beyond those of the schema", Found: "a column of kind " + string(column.Kind), Severity: Error})
		}
	}
}

func (v *validation) columnCount(rule *Rule, found int) {
	want := max(rule.Count, 1)
	if missing := want - found; missing > 0 {
		v.cells += missing * v.table.Rows()
	}
	if found == want {
		return
	}
	v.misshapen = true
	f := Failure{Column: rule.Title(), Expectation: "a column of type " + string(rule.Type), Found: "no such column", Severity: rule.Severity, Reason: rule.Reason}
	if rule.NamePattern != "" {
		f.Expectation = fmt.Sprintf("%d columns of type %s whose names match", want, rule.Type)
		f.Found = fmt.Sprintf("%d columns", found)
	}
	v.add(f)
}

// expectation is one rule on a column's values, and which rows break it.
type expectation struct {
	want string
	rows []int
}

// column checks every cell of a column; a cell counts for the first expectation it breaks.
func (v *validation) column(rule *Rule, c int) {
	t := v.table
	broken := []*expectation{}
	find := func(want string) *expectation {
		for _, e := range broken {
			if e.want == want {
				return e
			}
		}
		broken = append(broken, &expectation{want: want})
		return broken[len(broken)-1]
	}
	seen := map[string]bool{}
	for row := range t.Rows() {
		value := t.value(c, row)
		v.cells++
		if value != nil {
			v.filled++
		}
		want := rule.broken(value)
		if want == "" && rule.Unique && value != nil {
			key := rule.canonical(text(value))
			if seen[key] {
				want = "every value once"
			}
			seen[key] = true
		}
		if want == "" {
			v.faultless++
			continue
		}
		v.badRows[row] = true
		e := find(want)
		e.rows = append(e.rows, row)
	}
	for _, e := range broken {
		v.add(v.failure(rule, c, e))
	}
}

// broken returns the expectation that a cell does not meet, "" if it meets all.
func (r *Rule) broken(value any) string {
	if value == nil {
		if r.Nullable {
			return ""
		}
		return "a value in every row"
	}
	field := text(value)
	if !r.Type.is(field) {
		return "type " + string(r.Type)
	}
	if r.Type.Numeric() {
		number, _ := parseNumber(field)
		if r.Min != nil && number < *r.Min {
			return "values of at least " + formatNumber(*r.Min)
		}
		if r.Max != nil && number > *r.Max {
			return "values of at most " + formatNumber(*r.Max)
		}
	}
	if r.values != nil && !r.values[r.canonical(field)] {
		return r.oneOf
	}
	if r.pattern != nil && !r.pattern.MatchString(field) {
		return "values that match " + r.Pattern
	}
	return ""
}

// maxSamples bounds the failing rows shown for one failure.
const maxSamples = 5

func (v *validation) failure(rule *Rule, c int, e *expectation) Failure {
	f := Failure{Column: v.table.columns[c].Name, Expectation: e.want, Severity: rule.Severity, Reason: rule.Reason, Rows: len(e.rows)}
	for _, row := range e.rows[:min(len(e.rows), maxSamples)] {
		value := Masked
		if !rule.Personal {
			value = shorten(text(v.table.value(c, row)))
		}
		f.Sample = append(f.Sample, Sample{Line: v.table.Line(row), Value: value})
	}
	f.Found = fmt.Sprintf("%d of %s otherwise", len(e.rows), pluralRows(v.table.Rows()))
	if first := f.Sample[0]; first.Value != "" && first.Value != Masked {
		f.Found += fmt.Sprintf(", first %q on line %d", first.Value, first.Line)
	} else {
		f.Found += fmt.Sprintf(", first on line %d", first.Line)
	}
	return f
}

func (v *validation) quality() map[string]float64 {
	rows := v.table.Rows()
	q := map[string]float64{Completeness: 0, Uniqueness: 0, Validity: 0, Consistency: 0}
	if rows == 0 || v.cells == 0 {
		return q
	}
	q[Completeness] = float64(v.filled) / float64(v.cells)
	q[Validity] = float64(v.faultless) / float64(v.cells)
	q[Uniqueness] = float64(distinctRows(v.table)) / float64(rows)
	if !v.misshapen {
		good := 0
		for _, bad := range v.badRows {
			if !bad {
				good++
			}
		}
		q[Consistency] = float64(good) / float64(rows)
	}
	return q
}

// distinctRows counts different rows by a 128-bit hash of their cells.
func distinctRows(t *Table) int {
	seen := make(map[string]bool, t.Rows())
	h := fnv.New128a()
	for row := range t.Rows() {
		h.Reset()
		for c := range t.columns {
			// Length and null before each cell keep ("a","b") and ("ab","") apart.
			value := t.value(c, row)
			field := text(value)
			_, _ = h.Write(strconv.AppendInt(nil, int64(len(field)), 10)) // a hash never fails to write
			_, _ = h.Write(slices.Concat([]byte{':'}, strconv.AppendBool(nil, value == nil), []byte(field)))
		}
		seen[string(h.Sum(nil))] = true
	}
	return len(seen)
}

func pluralRows(n int) string {
	if n == 1 {
		return "1 row"
	}
	return strconv.Itoa(n) + " rows"
}

func formatNumber(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// shorten keeps samples readable.
func shorten(s string) string {
	const most = 80
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}
