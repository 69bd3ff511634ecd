package dataset

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
)

// Limits of what Infer concludes.
const (
	inferRows       = 50   // fewer rows say nothing of uniqueness or of sets of values
	inferCategories = 60   // a set of values is at most this large
	inferRepeat     = 10   // and each value stands this often, on average
	inferGroup      = 16   // columns that are numbered alike become one rule from here on
	inferSlack      = 1.0  // how far beyond the range seen, in ranges, values may lie
	inferLeast      = 0.90 // the least share of known values that is asked for
	inferSure       = 10_000 // values after which a set of words that all stand often is taken as whole
	inferSign       = 0.98 // the greatest share of values that must have a sign which may be chance
	inferNull       = 0.9  // a greater share of nulls is not bounded
)

// Infer proposes a schema for tables like the source: another sample of the
// same table passes it, one with other columns, types, ranges or words does
// not. People should read and edit what it says. It reads the source once; the
// caller closes it.
func Infer(ctx context.Context, src Source) (*Schema, error) {
	s, err := newGuessing(ctx, src, ProfileOptions{})
	if err != nil {
		return nil, err
	}
	for _, c := range s.columns {
		c.guess.shapes, c.guess.personal = &shapes{}, newPersonalGuess()
	}
	s.pairs = newPairGuess(s.columns)
	if err := s.run(ctx); err != nil {
		return nil, fmt.Errorf("infer schema: %w", err)
	}
	some := slices.ContainsFunc(s.columns, func(c *columnState) bool { return c.nulls > 0 })
	out := &Schema{Extra: RefuseExtra}
	for at := 0; at < len(s.columns); {
		group := numbered(s.columns[at:])
		if len(group) < inferGroup {
			r := s.columns[at].infer(s.seen)
			inferNulls(&r, s.columns[at], some)
			out.Columns = append(out.Columns, r)
			at++
			continue
		}
		out.Columns = append(out.Columns, inferTogether(group, s.seen))
		at += len(group)
	}
	out.Checks = s.pairs.rules()
	if err := out.check(); err != nil {
		return nil, fmt.Errorf("infer schema: %w", err)
	}
	return out, nil
}

// meant is what the column's values turned out to mean.
func (c *columnState) meant() Kind {
	g := c.guess
	switch {
	case g == nil:
		return c.m.kind
	case c.wrong > 0:
		return String // the first rows promised more than the rest keeps
	case c.m.kind == Number && g.whole && g.some:
		return Integer
	case c.m.kind == Datetime && !g.fraction && g.some:
		return Date
	}
	return c.m.kind
}

// infer proposes the rule for a column.
func (c *columnState) infer(rows int64) Rule {
	r := Rule{Name: c.name, Type: c.meant(), Nullable: c.nulls > 0}
	if sign, personal := c.looksPersonal(); personal {
		r.Personal, r.Mask = true, sign.mask
		r.comment = "Suggestion: looks like " + sign.what + ". If so, keep personal, and choose the mask: hash, token, truncate or drop."
	}
	if r.Type.Numeric() || r.Type.temporal() {
		for w := range c.m.nulls {
			r.NullValues = append(r.NullValues, w)
		}
		slices.Sort(r.NullValues)
	}
	if c.nans > 0 || storedKind(c.stored) == Number && c.nulls > 0 {
		r.NaN, r.Nullable = NaNIsNull, true
	}
	if c.infinite > 0 {
		r.Reason = "holds infinite numbers, which are refused: look at the source"
	}
	switch {
	case r.Type.Numeric():
		if c.m.comma {
			r.Decimal = DecimalComma
		}
		if r.Unique = r.Type == Integer && c.identifies(rows); !r.Unique && !r.Personal {
			c.inferRange(&r)
		}
	case r.Type.temporal():
		for _, f := range c.m.formats {
			if len(c.m.formats) > 1 || f.name != isoFormat {
				r.Formats = append(r.Formats, f.name)
			}
		}
		if c.moments.n > 0 && !r.Personal {
			span := math.Max(c.moments.max-c.moments.min, 86400e6)
			share := sureShare(c.moments.n)
			r.Checks = append(r.Checks, Expect{Earliest: formatMicros(int64(c.moments.min-span) / 86400e6 * 86400e6), Mostly: &share})
		}
	case r.Type == String:
		c.inferText(&r, rows)
	}
	return r
}

// inferText proposes the values of a category, or the lengths of free text.
func (c *columnState) inferText(r *Rule, rows int64) {
	values := c.values()
	distinct, method := c.counter.distinct()
	if c.m.kind.textual() && method == Exact && rows >= inferRows && distinct > 0 && distinct <= inferCategories && values >= distinct*inferRepeat && !r.Personal {
		r.Type = Category
		for id := range c.counter.counts {
			r.Values = append(r.Values, string(c.counter.words[id]))
		}
		slices.Sort(r.Values)
		r.Mostly = c.knownShare()
		return
	}
	r.Unique = c.m.kind.textual() && rows >= inferRows && distinct == rows && method == Exact
	if c.m.kind.textual() && c.longest > 0 {
		most := int64(2 * c.longest)
		r.MaxLength = &most
	}
	c.inferPattern(r)
	if c.wrong > 0 {
		r.Reason = fmt.Sprintf("most values are of type %s, %d are not: look at the source", c.m.kind, c.wrong)
	}
	if c.guess != nil && c.guess.ambiguous {
		r.Reason = "dates whose day and month can't be told apart: give the type date and the formats"
	}
}

// knownShare is the share of values that another sample is sure to know, nil
// for all: values that stood once or twice tell how many were never seen (Good
// and Turing, 1953), and a few may be where there is little to go by.
func (c *columnState) knownShare() *float64 {
	rare := 0
	for _, n := range c.counter.counts {
		if n <= 2 {
			rare++
		}
	}
	values := max(c.values(), 1)
	if rare == 0 && values >= inferSure {
		return nil
	}
	share := 1 - 3*float64(rare+1)/float64(values)
	share = math.Floor(1000*max(share, inferLeast)) / 1000
	return &share
}

// inferNulls says how many values of a column may be missing. In
// a table where values are missing, one may be in any column but those that name rows; in one where none
// is, as many as may be where there was none (the rule of three).
func inferNulls(r *Rule, c *columnState, some bool) {
	if c.rows < inferRows || !r.Nullable && r.Unique {
		return
	}
	rows := float64(c.rows)
	most := roundOut(2*float64(c.nulls)/rows+8/rows, math.Ceil)
	if !some {
		most = roundOut(3/rows, math.Ceil)
	}
	if most > inferNull {
		return
	}
	r.Nullable, r.NullShare = true, &Bounds{Max: &most}
}

// identifies tells that a column of integers names the rows: each once, and not spread like a quantity.
func (c *columnState) identifies(rows int64) bool {
	distinct, method := c.counter.distinct()
	unique := distinct == c.values() && c.nulls == 0 && method == Exact
	if method != Exact { // too many to know; dense integers are counted by their range
		unique = math.Abs(float64(distinct)-float64(rows)) < 4*sketchError*float64(rows)
	}
	return unique && rows >= inferRows && (c.moments.max-c.moments.min) < 2*float64(rows)
}

// numbered is the run of columns at the start whose names are one word and
// rising numbers and whose values are of one kind, such as p0, p1, p2.
func numbered(columns []*columnState) []*columnState {
	word, _ := cutNumber(columns[0].name)
	n := 0
	for n < len(columns) {
		w, number := cutNumber(columns[n].name)
		if number == "" || w != word || columns[n].meant() != columns[0].meant() || !columns[n].meant().Numeric() || columns[n].m.comma {
			break
		}
		n++
	}
	return columns[:n]
}

func cutNumber(name string) (word, number string) {
	word = strings.TrimRight(name, "0123456789")
	return word, name[len(word):]
}

// inferTogether proposes one rule for columns that are numbered alike.
func inferTogether(group []*columnState, rows int64) Rule {
	word, _ := cutNumber(group[0].name)
	r := Rule{NamePattern: regexp.QuoteMeta(word) + "[0-9]+", Count: len(group), Type: group[0].meant()}
	low, high := math.Inf(1), math.Inf(-1)
	for _, c := range group {
		one := c.infer(rows)
		r.Nullable = r.Nullable || one.Nullable
		if one.NaN != "" {
			r.NaN = one.NaN
		}
		r.NullValues = append(r.NullValues, one.NullValues...)
		if c.moments.n > 0 {
			low, high = math.Min(low, c.moments.min), math.Max(high, c.moments.max)
		}
	}
	slices.Sort(r.NullValues)
	r.NullValues = slices.Compact(r.NullValues)
	if low <= high {
		r.Min, r.Max = widened(low, high)
	}
	return r
}

// inferPattern proposes a pattern for codes. That of personal values is told in
// general only: their own would repeat parts of them.
func (c *columnState) inferPattern(r *Rule) {
	g := c.guess
	if !c.m.kind.textual() || g == nil || g.shapes == nil || g.shapes.values < inferRows {
		return
	}
	pattern := g.shapes.pattern()
	if r.Personal {
		pattern = ""
		if s, ok := g.personal.sign(); ok && s.what == "e-mail addresses" {
			pattern = `[^@\s]+@[^@\s]+\.[a-zA-Z]{2,}`
		}
	}
	if pattern == "" {
		return
	}
	share := sureShare(g.shapes.values)
	r.Checks = append(r.Checks, Expect{Pattern: pattern, Mostly: &share, Severity: r.Severity})
}
