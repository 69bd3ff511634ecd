package dataset

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"

	"github.com/slipway-ml/slipway/internal/stats"
)

// checkMore compiles and checks the expectations on text, on shares and on distances.
func (e *Expect) checkMore(r *Rule) (err error) {
	number := r.Type.Numeric()
	for _, u := range []struct {
		set     bool
		what    string
		ok      bool
		belongs string
	}{
		{len(e.Like) > 0, "like", r.Type.textual(), "strings"},
		{len(e.NotLike) > 0, "not_like", r.Type.textual(), "strings"},
		{len(e.Types) > 0, "types", r.Type.textual(), "strings, which it says more of"},
		{e.JSON, "json", r.Type.textual(), "strings"},
		{len(e.JSONSchema) > 0, "json_schema", r.Type.textual(), "strings"},
		{e.OneSpelling, "one_spelling", r.Type.textual(), "strings"},
		{e.ZScore != nil, "z_score", number, "numbers"},
		{e.Follows != nil, "follows", number, "numbers"},
		{e.Wasserstein != nil, "wasserstein", number, "numbers"},
		{e.KSP != nil, "ks_p", number || r.Type.temporal(), "numbers and dates"},
		{e.NewShare != nil, "new_share", r.Type.textual() || r.Type == Boolean, "strings, categories and booleans"},
	} {
		if u.set && !u.ok {
			return fmt.Errorf("%s belongs to %s, the type is %s", u.what, u.belongs, r.Type)
		}
	}
	if e.Empty && !r.Nullable {
		return errors.New("a column that is empty holds nulls; add nullable: true")
	}
	for _, k := range e.Types {
		if err := oneOf("types", string(k), []string{"integer", "number", "boolean", "date", "datetime"}); err != nil {
			return err
		}
	}
	if e.like, err = likeAny(e.Like); err != nil {
		return fmt.Errorf("like: %w", err)
	}
	if e.notLike, err = likeAny(e.NotLike); err != nil {
		return fmt.Errorf("not_like: %w", err)
	}
	if e.document, err = compileDocument(e.JSONSchema); err != nil {
		return fmt.Errorf("json_schema: %w", err)
	}
	if e.Follows != nil {
		if _, err := stats.Law(e.Follows.Distribution, e.Follows.Parameters); err != nil {
			return fmt.Errorf("follows: %w", err)
		}
		if !(e.Follows.P > 0 && e.Follows.P < 1) {
			return fmt.Errorf("follows: p is %v, want more than 0 and less than 1", e.Follows.P)
		}
	}
	for field, v := range map[string]*float64{"jsd": e.JSD, "chi2_p": e.Chi2P, "ks_p": e.KSP, "new_share": e.NewShare} {
		if v != nil && !(*v >= 0 && *v <= 1) {
			return fmt.Errorf("%s is %v, want 0 to 1", field, *v)
		}
	}
	return nil
}

// likeAny compiles patterns of SQL's LIKE into one that whole values match where one of them does.
func likeAny(patterns []string) (*regexp.Regexp, error) {
	if len(patterns) == 0 {
		return nil, nil
	}
	parts := make([]string, len(patterns))
	for i, p := range patterns {
		part, err := likeToPattern(p)
		if err != nil {
			return nil, err
		}
		parts[i] = part
	}
	return wholeMatch("(?s:" + strings.Join(parts, "|") + ")")
}

// likeToPattern turns a pattern of LIKE into a regular expression: % is any text,
// _ any character, a backslash takes the next character as it is.
func likeToPattern(p string) (string, error) {
	var out strings.Builder
	escaped := false
	for _, c := range p {
		switch {
		case escaped:
			out.WriteString(regexp.QuoteMeta(string(c)))
			escaped = false
		case c == '\\':
			escaped = true
		case c == '%':
			out.WriteString(".*")
		case c == '_':
			out.WriteString(".")
		default:
			out.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	if escaped {
		return "", fmt.Errorf("%q ends in a backslash", p)
	}
	return out.String(), nil
}

// checkCounts checks the bounds on the numbers of rows and columns.
func (s *Schema) checkCounts() error {
	if err := s.Rows.OfReference.check(); err != nil {
		return fmt.Errorf("rows: of_reference: %w", err)
	}
	c := s.ColumnCount
	severities := []string{"", string(Error), string(Warning)}
	if err := oneOf("rows: severity", string(s.Rows.Severity), severities); err != nil || c == nil {
		return err
	}
	if err := oneOf("column_count: severity", string(c.Severity), severities); err != nil {
		return err
	}
	if c.Min == nil && c.Max == nil || c.Min != nil && *c.Min < 0 || c.Min != nil && c.Max != nil && *c.Min > *c.Max {
		return errors.New("column_count: min or max is needed, min at least 0 and at most max")
	}
	return nil
}

// check compiles the expectation; exactly one field says what it is.
func (c *TableCheck) check(s *Schema) (err error) {
	if c.Severity == "" {
		c.Severity = Error
	}
	if err := oneOf("severity", string(c.Severity), []string{string(Error), string(Warning)}); err != nil {
		return err
	}
	kinds := 0
	for _, given := range []bool{len(c.Unique) > 0, c.Rule != "", len(c.Different) > 0, c.Combinations != nil, c.CramersV != nil, c.Depends != nil, c.References != nil} {
		if given {
			kinds++
		}
	}
	if kinds != 1 {
		return errors.New("one of unique, rule, different, combinations, cramers_v, depends and references is needed")
	}
	switch {
	case c.Rule != "":
		if c.rule, err = compileRule(c.Rule); err != nil {
			return fmt.Errorf("rule: %w", err)
		}
	case len(c.Different) == 1:
		return errors.New("different: at least two columns are needed")
	case c.Combinations != nil:
		if err := c.Combinations.check(s); err != nil {
			return fmt.Errorf("combinations: %w", err)
		}
	case c.CramersV != nil:
		if err := c.CramersV.check(); err != nil {
			return fmt.Errorf("cramers_v: %w", err)
		}
	case c.Depends != nil && (c.Depends.Column == "" || len(c.Depends.On) == 0):
		return errors.New("depends: column and on are needed")
	case c.References != nil:
		if err := c.References.check(); err != nil {
			return fmt.Errorf("references: %w", err)
		}
	}
	if c.Mostly != nil && (c.CramersV != nil || c.Depends != nil) {
		return errors.New("mostly belongs to expectations on each row")
	}
	return checkMostly(c.Mostly)
}

func (c *Combinations) check(s *Schema) error {
	if len(c.Columns) == 0 || len(c.Allowed) == 0 {
		return errors.New("columns and allowed are needed")
	}
	for _, tuple := range c.Allowed {
		if len(tuple) != len(c.Columns) {
			return fmt.Errorf("%q holds %d values for %d columns", tuple, len(tuple), len(c.Columns))
		}
		for i, w := range tuple {
			if r, known := s.rule(c.Columns[i]); known && !r.reads(w) {
				return fmt.Errorf("%q is not of type %s, that of column %s", w, r.Type, c.Columns[i])
			}
		}
	}
	return nil
}

func (a *Association) check() error {
	if len(a.Columns) != 2 || a.Columns[0] == a.Columns[1] {
		return errors.New("two columns are needed")
	}
	if math.Min(*cmpOr(a.Min, 0), *cmpOr(a.Max, 0)) < 0 || math.Max(*cmpOr(a.Min, 1), *cmpOr(a.Max, 1)) > 1 {
		return errors.New("min and max lie between 0 and 1")
	}
	return a.Bounds.check()
}

// cmpOr is p, or a pointer to v where p is nil.
func cmpOr(p *float64, v float64) *float64 {
	if p == nil {
		return &v
	}
	return p
}
