package dataset

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
)

// maxPattern bounds a regular expression of a schema, so that its machine stays small.
const maxPattern = 4096

// check fills in defaults and refuses what cannot be meant.
func (s *Schema) check() error {
	if s.Extra == "" {
		s.Extra = RefuseExtra
	}
	if err := oneOf("extra", string(s.Extra), []string{string(RefuseExtra), string(WarnExtra), string(AllowExtra)}); err != nil {
		return err
	}
	if s.Order == "" {
		s.Order = AnyOrder
	}
	if s.Order != AnyOrder && s.Order != SchemaOrder {
		return fmt.Errorf("order is %q, want any or schema", s.Order)
	}
	if s.Rows.Min != nil && *s.Rows.Min < 0 || s.Rows.Min != nil && s.Rows.Max != nil && *s.Rows.Min > *s.Rows.Max {
		return errors.New("rows: min must be at least 0 and at most max")
	}
	if len(s.Columns) == 0 {
		return errors.New("columns: at least one is needed")
	}
	if err := s.checkColumns(); err != nil {
		return err
	}
	if err := s.checkCounts(); err != nil {
		return err
	}
	if err := s.checkEnvironments(); err != nil {
		return err
	}
	for i := range s.Checks {
		c := &s.Checks[i]
		if err := c.check(s); err != nil {
			return fmt.Errorf("line %d: check: %w", c.line, err)
		}
	}
	return nil
}

func (s *Schema) checkColumns() error {
	s.byName = make(map[string]int, len(s.Columns))
	label := 0
	for i := range s.Columns {
		r := &s.Columns[i]
		if err := r.check(); err != nil {
			return fmt.Errorf("line %d: column %s: %w", r.line, r.Title(), err)
		}
		for k := range r.Checks {
			e := &r.Checks[k]
			if e.Reason == "" {
				e.Reason = r.Reason
			}
			if err := e.check(r); err != nil {
				return fmt.Errorf("line %d: column %s: check: %w", e.line, r.Title(), err)
			}
		}
		if r.Name != "" {
			if first, twice := s.byName[r.Name]; twice {
				return fmt.Errorf("line %d: column %s is already on line %d", r.line, r.Name, s.Columns[first].line)
			}
			s.byName[r.Name] = i
		}
		if r.Label {
			if label > 0 {
				return fmt.Errorf("line %d: column %s: the label is already on line %d; there is one", r.line, r.Title(), label)
			}
			label = r.line
		}
	}
	return nil
}

func (r *Rule) check() (err error) {
	switch {
	case r.Name == "" && r.NamePattern == "":
		return errors.New("name or name_pattern is needed")
	case r.Name != "" && r.NamePattern != "":
		return errors.New("name and name_pattern exclude each other")
	case r.NamePattern != "" && r.Count < 1:
		return errors.New("name_pattern needs count, the number of columns that match, at least 1")
	case r.Count > maxColumns:
		return fmt.Errorf("count is %d, a table has at most %d columns", r.Count, maxColumns)
	case r.NamePattern == "" && r.Count != 0:
		return errors.New("count belongs to name_pattern")
	case r.Label && r.Name == "":
		return errors.New("the label is one column; give its name")
	case r.Label && r.Nullable:
		return errors.New("the label is never null; leave nullable out")
	case r.Mask != "" && !r.Personal:
		return errors.New("mask belongs to personal columns; add personal: true")
	}
	if r.name, err = wholeMatch(r.NamePattern); err != nil {
		return fmt.Errorf("name_pattern: %w", err)
	}
	for _, choice := range []struct {
		field, value string
		allowed      []string
	}{
		{"type", string(r.Type), []string{"integer", "number", "boolean", "string", "category", "date", "datetime"}},
		{"decimal", string(r.Decimal), []string{"", "point", "comma"}},
		{"nan", string(r.NaN), []string{"", "refuse", "null", "value"}},
		{"stored", string(r.Stored), []string{"", "integer", "number", "boolean", "string", "datetime"}},
		{"mask", string(r.Mask), []string{"", "hash", "token", "truncate", "drop"}},
	} {
		if err := oneOf(choice.field, choice.value, choice.allowed); err != nil {
			return err
		}
	}
	if r.Decimal != "" && r.Type != Number {
		return fmt.Errorf("decimal belongs to numbers, the type is %s", r.Type)
	}
	if len(r.Formats) > 0 && !r.Type.temporal() {
		return fmt.Errorf("formats belong to dates, the type is %s", r.Type)
	}
	if r.formats, err = dateFormats(r.Formats); err != nil {
		return err
	}
	return r.Expect.check(r)
}

func oneOf(field, value string, allowed []string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	if allowed[0] == "" {
		allowed = allowed[1:]
	}
	last := len(allowed) - 1
	return fmt.Errorf("%s is %q, want %s or %s", field, value, strings.Join(allowed[:last], ", "), allowed[last])
}

func (e *Expect) check(r *Rule) (err error) {
	if e.Severity == "" {
		e.Severity = Error
	}
	if err := oneOf("severity", string(e.Severity), []string{string(Error), string(Warning)}); err != nil {
		return err
	}
	if err := checkMostly(e.Mostly); err != nil {
		return err
	}
	if e.pattern, err = wholeMatch(e.Pattern); err != nil {
		return fmt.Errorf("pattern: %w", err)
	}
	if e.notPattern, err = wholeMatch(e.NotPattern); err != nil {
		return fmt.Errorf("not_pattern: %w", err)
	}
	if err := e.fits(r); err != nil {
		return err
	}
	for field, values := range map[string][]string{"values": e.Values, "not_values": e.NotValues, "contains": e.Contains, "most_common": e.MostCommon} {
		for _, v := range values {
			if !r.reads(v) {
				return fmt.Errorf("%s: %q is not of type %s", field, v, r.Type)
			}
		}
	}
	if err := e.checkMore(r); err != nil {
		return err
	}
	return e.checkBounds()
}

// fits refuses expectations that mean nothing for the type of the column.
func (e *Expect) fits(r *Rule) error {
	ordered := r.Type.Numeric() || r.Type.temporal()
	for _, u := range []struct {
		set     bool
		what    string
		ok      bool
		belongs string
	}{
		{e.Min != nil || e.Max != nil, "min and max", r.Type.Numeric(), "numbers"},
		{e.Above != nil || e.Below != nil, "above and below", r.Type.Numeric(), "numbers"},
		{e.Earliest != "" || e.Latest != "", "earliest and latest", r.Type.temporal(), "dates"},
		{e.MaxAge != "", "max_age", r.Type.temporal(), "dates"},
		{e.Pattern != "", "pattern", r.Type.textual(), "strings"},
		{e.NotPattern != "", "not_pattern", r.Type.textual(), "strings"},
		{e.MinLength != nil || e.MaxLength != nil, "min_length and max_length", r.Type.textual(), "strings"},
		{e.Sorted != "", "sorted", ordered, "numbers and dates"},
		{e.Mean != nil || e.Median != nil || e.Std != nil || e.Sum != nil || e.Smallest != nil || e.Largest != nil || len(e.Quantile) > 0,
			"mean, median, std, sum, smallest, largest and quantiles", r.Type.Numeric() || r.Type == Boolean, "numbers"},
		{e.MeanShift != nil, "mean_shift", r.Type.Numeric() || r.Type == Boolean, "numbers"},
	} {
		if u.set && !u.ok {
			return fmt.Errorf("%s belong%s to %s, the type is %s", u.what, plural3(u.what), u.belongs, r.Type)
		}
	}
	return nil
}

// plural3 is the ending of the verb: "pattern belongs", "min and max belong".
func plural3(subject string) string {
	if strings.Contains(subject, " and ") {
		return ""
	}
	return "s"
}

func (e *Expect) checkBounds() (err error) {
	for _, bound := range []*float64{e.Min, e.Max, e.Above, e.Below} {
		if bound != nil && (math.IsNaN(*bound) || math.IsInf(*bound, 0)) {
			return errors.New("min and max must be finite")
		}
	}
	if e.Min != nil && e.Max != nil && *e.Min > *e.Max {
		return fmt.Errorf("min %v is above max %v", *e.Min, *e.Max)
	}
	if e.Above != nil && e.Below != nil && *e.Above >= *e.Below {
		return fmt.Errorf("above %v leaves nothing below %v", *e.Above, *e.Below)
	}
	if e.MinLength != nil && *e.MinLength < 0 || e.MaxLength != nil && *e.MaxLength < 0 || e.MinLength != nil && e.MaxLength != nil && *e.MinLength > *e.MaxLength {
		return errors.New("min_length must be at least 0 and at most max_length")
	}
	if err := oneOf("sorted", string(e.Sorted), []string{"", string(Increasing), string(StrictlyIncreasing), string(Decreasing), string(StrictlyDecreasing)}); err != nil {
		return err
	}
	for field, b := range map[string]*Bounds{"mean": e.Mean, "median": e.Median, "std": e.Std, "sum": e.Sum, "smallest": e.Smallest, "largest": e.Largest,
		"distinct": e.Distinct, "distinct_share": e.DistinctShare, "null_share": e.NullShare, "entropy": e.Entropy} {
		if err := b.check(); err != nil {
			return fmt.Errorf("%s: %w", field, err)
		}
	}
	for i := range e.Quantile {
		q := &e.Quantile[i]
		if !(q.Q >= 0 && q.Q <= 1) {
			return fmt.Errorf("quantiles: q is %v, want 0 to 1", q.Q)
		}
		if err := q.Bounds.check(); err != nil {
			return fmt.Errorf("quantiles: %w", err)
		}
	}
	for field, v := range map[string]*float64{"psi": e.PSI, "kl": e.KL, "linf": e.LInf, "mean_shift": e.MeanShift, "wasserstein": e.Wasserstein, "z_score": e.ZScore} {
		if v != nil && !(*v >= 0 && *v <= math.MaxFloat64) {
			return fmt.Errorf("%s is %v, want a finite number of at least 0", field, *v)
		}
	}
	return e.checkDates()
}

func (e *Expect) checkDates() (err error) {
	iso, err := dateFormats(nil)
	if err != nil {
		return err
	}
	for _, d := range []struct {
		field, text string
		to          *int64
	}{{"earliest", e.Earliest, &e.earliest}, {"latest", e.Latest, &e.latest}} {
		if d.text == "" {
			continue
		}
		v, ok := parseDate(iso, d.text)
		if !ok {
			return fmt.Errorf("%s is %q, want a date in ISO 8601 such as 2026-01-31 or 2026-01-31T12:00:00Z", d.field, d.text)
		}
		*d.to = v
	}
	if e.Earliest != "" && e.Latest != "" && e.earliest > e.latest {
		return fmt.Errorf("earliest %s is after latest %s", e.Earliest, e.Latest)
	}
	if e.MaxAge != "" {
		if e.maxAge, err = parseAge(e.MaxAge); err != nil {
			return fmt.Errorf("max_age: %w", err)
		}
	}
	return nil
}

func (b *Bounds) check() error {
	switch {
	case b == nil:
		return nil
	case b.Min == nil && b.Max == nil:
		return errors.New("min or max is needed")
	case b.Min != nil && (math.IsNaN(*b.Min) || math.IsInf(*b.Min, 0)), b.Max != nil && (math.IsNaN(*b.Max) || math.IsInf(*b.Max, 0)):
		return errors.New("min and max must be finite")
	case b.Min != nil && b.Max != nil && *b.Min > *b.Max:
		return fmt.Errorf("min %v is above max %v", *b.Min, *b.Max)
	}
	return nil
}

func checkMostly(mostly *float64) error {
	if mostly != nil && !(*mostly > 0 && *mostly <= 1) {
		return fmt.Errorf("mostly is %v, want more than 0 and at most 1", *mostly)
	}
	return nil
}

func wholeMatch(pattern string) (*regexp.Regexp, error) {
	switch {
	case pattern == "":
		return nil, nil
	case len(pattern) > maxPattern:
		return nil, fmt.Errorf("%d bytes, at most %d are read", len(pattern), maxPattern)
	}
	return regexp.Compile(`^(?:` + pattern + `)$`)
}

// Title is the column's name or its pattern, for messages.
func (r *Rule) Title() string {
	if r.Name != "" {
		return r.Name
	}
	return r.NamePattern
}

// rule finds what the schema says of a column: by name first, then by pattern.
func (s *Schema) rule(column string) (*Rule, bool) {
	if i, ok := s.byName[column]; ok {
		return &s.Columns[i], true
	}
	for i := range s.Columns {
		if r := &s.Columns[i]; r.name != nil && r.name.MatchString(column) {
			return r, true
		}
	}
	return nil, false
}

// Personal tells whether a column holds personal data.
func (s *Schema) Personal(column string) bool {
	r, ok := s.rule(column)
	return ok && r.Personal
}

// AnyPersonal tells whether some rule marks columns as personal.
func (s *Schema) AnyPersonal() bool {
	for i := range s.Columns {
		if s.Columns[i].Personal {
			return true
		}
	}
	return false
}
