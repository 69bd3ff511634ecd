package dataset

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DefaultMaxSample bounds the failing rows shown for one failure where CheckOptions does not.
const DefaultMaxSample = 20

// CheckOptions configure Check. The zero value is ready to use.
type CheckOptions struct {
	// Reference is the profile of an earlier version, for the checks that compare with one.
	Reference *Profile
	// Mask, where given, shows a token in place of a personal value in samples,
	// so that one who holds the key can find the row; otherwise Masked stands there.
	Mask *Masker
	// MaxSample bounds the failing rows shown for one failure; 0 means DefaultMaxSample, -1 none.
	MaxSample int
	// Now is the moment that ages are counted to; zero means the present.
	Now time.Time
	// Workers is how many columns are looked at at once; 0 means one for each processor, at most 8.
	Workers int
	// Progress, where given, is told how many rows are done, after each batch.
	Progress func(rows int64)
	// Tables opens a table of a data version, for foreign keys; path is empty where the version's only table is meant.
	// Without it a schema that has foreign keys is an error.
	Tables func(ctx context.Context, data, path string) (OtherTable, error)

	keys foreignKeys // that Tables gave
}

func (o CheckOptions) withDefaults() CheckOptions {
	if o.MaxSample == 0 {
		o.MaxSample = DefaultMaxSample
	}
	o.MaxSample = max(0, o.MaxSample)
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	return o
}

// Check holds a source against a schema in one pass; memory does not grow with
// the rows. What is wrong with the data is in the report; an error means that
// the source can't be read (it then wraps ErrSource or ErrCSV) or that ctx ended.
// The caller closes the source.
func Check(ctx context.Context, src Source, s *Schema, opts CheckOptions) (Report, error) {
	if parts := chunks(src, opts.Workers); parts != nil {
		return CheckParts(ctx, src.Name(), parts, s, opts)
	}
	opts = opts.withDefaults()
	var err error
	if opts.keys, err = readForeignKeys(ctx, src.Schema(), s, opts); err != nil {
		return Report{}, fmt.Errorf("validate %s: %w", src.Name(), err)
	}
	k := newCheck(src, s, opts)
	if err := k.prepare(); err != nil {
		return Report{}, err
	}
	if err := k.scan.run(ctx); err != nil {
		return Report{}, fmt.Errorf("validate: %w", err)
	}
	k.conclude()
	return k.report, nil
}

func newCheck(src Source, s *Schema, opts CheckOptions) *check {
	return &check{
		schema: s, opts: opts, matched: map[*Rule]int{},
		report: Report{Table: src.Name(), Failures: []Failure{}, Columns: []ColumnSummary{}},
		scan:   &scan{src: src, workers: opts.Workers, progress: opts.Progress, distinct: newRowSet()},
	}
}

// Validate holds a table against a schema. It never fails: what is wrong with
// the table is in the report.
func Validate(t *Table, s *Schema) Report {
	report, err := Check(context.Background(), TableSource(t), s, CheckOptions{})
	if err != nil { // a table in memory can't fail to be read
		return Report{Table: t.name, Failures: []Failure{{Expectation: "a readable table", Found: err.Error(), Severity: Error}}, Quality: map[string]float64{}, Columns: []ColumnSummary{}}
	}
	return report
}

// check is a Check at work.
type check struct {
	schema *Schema
	opts   CheckOptions
	scan   *scan
	report Report
	failed bool
	log    *rowLog // where the check will be merged into another

	matched   map[*Rule]int // columns that each rule speaks of
	misshapen bool          // the columns are not those of the schema
	missing   int           // columns
	shape     []Failure     // what is wrong with the columns themselves
}

// prepare compiles the schema for the columns of the source.
func (k *check) prepare() error {
	fields := k.scan.src.Schema().Fields()
	last := -1
	for i, f := range fields {
		rule, known := k.schema.rule(f.Name)
		m := meaning{kind: storedKind(f.Type)}
		if known {
			m = k.schema.meaning(rule)
		}
		c := newColumnState(i, f, m, len(fields))
		k.scan.columns = append(k.scan.columns, c)
		if known {
			c.personal, c.masker, c.most = rule.Personal, k.opts.Mask, k.opts.MaxSample
		}
		if !known || rule.elsewhere {
			extra := Failure{Column: f.Name, Check: "extra_column", Expectation: "no column beyond those of the schema", Found: "a column of kind " + string(m.kind), Severity: Error}
			if known {
				extra.Found += ", which belongs to another environment: " + strings.Join(rule.Environments, ", ")
			}
			switch k.schema.Extra {
			case RefuseExtra:
				k.badShape(extra)
			case WarnExtra:
				extra.Severity = Warning
				k.shape = append(k.shape, extra)
			}
			continue
		}
		k.matched[rule]++
		c.rule = rule
		if stored := storedKind(f.Type); rule.Stored != "" && rule.Stored != stored {
			k.badShape(Failure{Column: f.Name, Check: "stored", Expectation: "values stored as " + string(rule.Stored), Found: "stored as " + f.Type.String(), Severity: rule.Severity, Reason: rule.Reason})
		}
		c.cellChecks(rule, k.opts.MaxSample)
		if err := c.aggregateChecks(rule, k.opts.Reference.column(f.Name), k.opts.Now); err != nil {
			return err
		}
		at := slices.IndexFunc(k.schema.Columns, func(r Rule) bool { return r.line == rule.line && r.Title() == rule.Title() })
		if k.schema.Order == SchemaOrder && at < last {
			k.badShape(Failure{Column: f.Name, Check: "order", Expectation: "columns in the order of the schema", Found: "it comes after " + k.schema.Columns[last].Title(), Severity: Error})
		}
		last = max(last, at)
	}
	for i := range k.schema.Columns {
		if !k.schema.Columns[i].elsewhere {
			k.columnCount(&k.schema.Columns[i])
		}
	}
	for i := range k.schema.Checks {
		t := &k.schema.Checks[i]
		row, missing := newRowCheck(t, k.scan.columns, k.opts.MaxSample)
		if keys := k.opts.keys[i]; keys != nil && missing == "" {
			row.test = foreignTest{keys}
		}
		if missing != "" {
			k.badShape(Failure{Check: t.key(), Expectation: t.want(), Found: "no column " + missing, Severity: t.Severity, Reason: t.Reason})
			continue
		}
		k.scan.rows = append(k.scan.rows, row)
	}
	return nil
}

func (k *check) badShape(f Failure) {
	k.misshapen = true
	k.shape = append(k.shape, f)
}

func (k *check) columnCount(rule *Rule) {
	want, found := max(rule.Count, 1), k.matched[rule]
	k.missing += max(0, want-found)
	if found == want {
		return
	}
	f := Failure{Column: rule.Title(), Check: "missing_column", Expectation: "a column of type " + string(rule.Type), Found: "no such column", Severity: rule.Severity, Reason: rule.Reason}
	if rule.NamePattern != "" {
		f.Expectation = fmt.Sprintf("%d columns of type %s whose names match", want, rule.Type)
		f.Found = fmt.Sprintf("%d columns", found)
	}
	k.badShape(f)
}

// conclude writes the report when all rows were read.
func (k *check) conclude() {
	k.report.Rows = int(k.scan.seen)
	k.rowCount()
	k.columnTotal()
	for _, f := range k.shape {
		k.outcome(f, false)
	}
	for _, c := range k.scan.columns {
		for _, cell := range c.cells {
			k.judgeCells(c, cell)
		}
		for _, a := range c.aggregates {
			v := a.judge(c)
			k.outcome(Failure{Column: c.name, Check: a.key, Expectation: a.want, Found: v.found, Severity: a.expect.Severity, Reason: a.expect.Reason,
				Rows: int(v.rows), Sample: v.sample, Method: inexact(v.method)}, v.ok)
		}
	}
	for _, r := range k.scan.rows {
		k.judgeRows(r)
	}
	for _, c := range k.scan.columns {
		k.report.Columns = append(k.report.Columns, c.summary())
	}
	k.quality()
	k.report.Passed = !k.failed
}

// outcome notes an expectation, and a failure where it was not met.
func (k *check) outcome(f Failure, ok bool) {
	k.report.Checked++
	if ok {
		k.report.Met++
	} else {
		k.failed = k.failed || f.Severity == Error
		if len(k.report.Failures) < MaxFailures {
			k.report.Failures = append(k.report.Failures, f)
		} else {
			k.report.Omitted++
		}
	}
	if len(k.report.Checks) < MaxOutcomes {
		k.report.Checks = append(k.report.Checks, Outcome{Column: f.Column, Check: f.Check, Expectation: f.Expectation, Passed: ok, Found: f.Found, Severity: f.Severity, Method: f.Method})
	}
}

func inexact(m Method) Method {
	if m == Exact {
		return ""
	}
	return m
}

func (k *check) rowCount() {
	rows, least := k.scan.seen, int64(1)
	if k.schema.Rows.Min != nil {
		least = *k.schema.Rows.Min
	}
	f := Failure{Check: "rows", Expectation: "at least " + pluralRows(int(least)), Found: pluralRows(int(rows)), Severity: cmp.Or(k.schema.Rows.Severity, Error), Reason: k.schema.Rows.Reason}
	k.outcome(f, rows >= least)
	if most := k.schema.Rows.Max; most != nil {
		f.Expectation = "at most " + pluralRows(int(*most))
		k.outcome(f, rows <= *most)
	}
}

func (k *check) judgeCells(c *columnState, cell *cellCheck) {
	looked := cell.of(c)
	f := Failure{
		Column: c.name, Check: cell.key, Expectation: cell.want + mostlyOf(cell.expect.Mostly), Severity: cell.expect.Severity, Reason: cell.expect.Reason,
		Rows: int(cell.broken), Sample: cell.sample,
	}
	broken := cell.broken
	if cell.unique != nil && cell.unique.full {
		distinct, method := cell.unique.distinct()
		f.Method = method
		// The estimate counts as a finding only beyond four standard errors.
		if estimate := looked - int64(distinct); float64(estimate) > 4*sketchError*float64(looked-int64(cell.unique.n)) {
			broken = max(broken, estimate)
			f.Rows = int(broken)
		}
	}
	f.Found = found(broken, k.report.Rows, cell.sample)
	if cell.key == "type" && broken > 0 {
		f.Found += c.hint(cell.sample)
	}
	k.outcome(f, enough(broken, looked, cell.expect.Mostly))
}

func (k *check) judgeRows(r *rowCheck) {
	if total, ok := r.test.(rowTotal); ok {
		v := total.verdict(k.scan.columns, r)
		k.outcome(Failure{Check: r.check.key(), Expectation: r.check.want(), Found: v.found, Severity: r.check.Severity, Reason: r.check.Reason,
			Rows: int(v.rows), Sample: v.sample, Method: inexact(v.method)}, v.ok)
		return
	}
	f := Failure{
		Check: r.check.key(), Expectation: r.check.want() + mostlyOf(r.check.Mostly), Found: found(r.broken, k.report.Rows, r.sample), Severity: r.check.Severity,
		Reason: r.check.Reason, Rows: int(r.broken), Sample: r.sample,
	}
	if r.set != nil && r.set.full {
		_, f.Method = r.set.distinct()
	}
	if t, ok := r.test.(foreignTest); ok {
		f.Expectation, f.Method = r.check.References.say(t.keys.label)+mostlyOf(r.check.Mostly), inexact(t.keys.method())
	}
	if r.err != nil {
		f.Found += "; " + r.fault(k.scan.columns)
	}
	k.outcome(f, enough(r.broken, r.looked, r.check.Mostly))
}

// enough tells whether the share of cells that meet an expectation is large enough.
func enough(broken, of int64, mostly *float64) bool {
	if mostly == nil {
		return broken == 0
	}
	return float64(of-broken) >= *mostly*float64(of)
}

func mostlyOf(mostly *float64) string {
	if mostly == nil || *mostly == 1 {
		return ""
	}
	return " in at least " + strconv.FormatFloat(100**mostly, 'g', 6, 64) + " %"
}

// found says how many rows are otherwise, and the first.
func found(broken int64, rows int, sample []Sample) string {
	if broken == 0 {
		return "none of " + pluralRows(rows) + " otherwise"
	}
	text := fmt.Sprintf("%d of %s otherwise", broken, pluralRows(rows))
	if len(sample) == 0 {
		return text
	}
	first := sample[0]
	where := " on line " + strconv.Itoa(first.Line)
	if first.Line == 0 {
		where = " in row " + strconv.FormatInt(first.Row, 10)
	}
	if first.Value != "" && first.Value != Masked {
		return text + fmt.Sprintf(", first %q%s", first.Value, where)
	}
	return text + ", first" + where
}
