package dataset

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"math"
	"slices"

	"github.com/slipway-ml/slipway/internal/page"
)

// ProfileVersion is the version of a profile's JSON.
const ProfileVersion = 1

// Profile describes a table: what validation compares a later version with. It
// holds no value of a personal column.
type Profile struct {
	Version int             `json:"version"`
	Table   string          `json:"table"`
	Rows    int64           `json:"rows"`
	Columns []ColumnProfile `json:"columns"`
}

// ColumnProfile describes a column, and the bins that later versions are counted in.
type ColumnProfile struct {
	ColumnSummary
	// Edges are the inner edges of the bins of a column of numbers or dates (as
	// microseconds since 1970): deciles, each once. Bin i is below edge i.
	Edges []float64 `json:"edges,omitempty"`
	// Values are the bins of other columns; one more holds all other values.
	Values []string `json:"values,omitempty"`
	// Counts are the rows in each bin: one more than Edges or Values. Method says how exact they are.
	Counts []int64 `json:"counts,omitempty"`
	Method Method  `json:"method,omitempty"`
	// Sample are values of a column of numbers or dates, drawn at random and
	// sorted: all of them where there are few. It is what distributions are tested against.
	Sample []float64 `json:"sample,omitempty"`
}

// Limits of a profile's bins.
const (
	profileBins   = 10
	profileValues = 200
)

// ProfileOptions configure ProfileOf.
type ProfileOptions struct {
	// Schema says what the columns mean, and which are personal; without it text is read as what it looks like.
	Schema   *Schema
	Workers  int
	Progress func(rows int64)
}

// ProfileOf describes a source in one pass. The caller closes it.
func ProfileOf(ctx context.Context, src Source, opts ProfileOptions) (*Profile, error) {
	s, err := newGuessing(ctx, src, opts)
	if err != nil {
		return nil, err
	}
	if err := s.run(ctx); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	p := &Profile{Version: ProfileVersion, Table: src.Name(), Rows: s.seen, Columns: []ColumnProfile{}}
	for _, c := range s.columns {
		p.Columns = append(p.Columns, c.profile(budget(len(s.columns), 1<<20, 32, profileSample)))
	}
	return p, nil
}

// profile describes the column with at most so many of its values.
func (c *columnState) profile(drawn int) ColumnProfile {
	p := ColumnProfile{ColumnSummary: c.summary()}
	if c.personal || c.values() == 0 {
		return p
	}
	if c.m.kind.Numeric() || c.m.kind.temporal() {
		c.binNumbers(&p)
		p.Sample = c.sample.drawn(drawn)
		return p
	}
	if c.counter.stop {
		return p
	}
	p.Method = c.countMethod()
	counted := int64(0)
	for _, f := range c.top(profileValues) {
		p.Values, p.Counts = append(p.Values, f.Value), append(p.Counts, int64(f.Rows))
		counted += int64(f.Rows)
	}
	p.Counts = append(p.Counts, c.values()-counted)
	return p
}

// binNumbers cuts the column at its deciles.
func (c *columnState) binNumbers(p *ColumnProfile) {
	values := c.sample.values()
	for i := 1; i < profileBins; i++ {
		p.Edges = append(p.Edges, quantileOf(values, float64(i)/profileBins))
	}
	p.Edges = slices.Compact(p.Edges)
	if len(p.Edges) > 0 && p.Edges[0] == c.moments.min { // nothing lies below
		p.Edges = p.Edges[1:]
	}
	if len(p.Edges) == 0 { // one value: anything else lies beside it
		p.Edges = []float64{c.moments.min, math.Nextafter(c.moments.min, math.Inf(1))}
	}
	bins := newBinCounts(p.Edges)
	bins.countSorted(values)
	p.Counts, p.Method = bins.counts, c.sample.method()
}

// maxProfileBytes bounds a profile.
const maxProfileBytes = 256 << 20

// ParseProfile reads the JSON of a profile.
func ParseProfile(name string, b []byte) (*Profile, error) {
	fail := func(err error) (*Profile, error) { return nil, fmt.Errorf("%s: not a profile: %w", name, err) }
	if len(b) > maxProfileBytes {
		return fail(fmt.Errorf("%d bytes, at most %d are read", len(b), maxProfileBytes))
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	p := &Profile{}
	if err := dec.Decode(p); err != nil {
		return fail(err)
	}
	if p.Version != ProfileVersion {
		return fail(fmt.Errorf("version %d, known is %d", p.Version, ProfileVersion))
	}
	for _, c := range p.Columns {
		if bins := max(len(c.Edges), len(c.Values)); len(c.Counts) > 0 && len(c.Counts) != bins+1 || len(c.Edges) > 0 && len(c.Values) > 0 {
			return fail(fmt.Errorf("column %s: %d counts do not fit its bins", c.Name, len(c.Counts)))
		}
		if !slices.IsSorted(c.Edges) || slices.ContainsFunc(c.Counts, func(n int64) bool { return n < 0 }) {
			return fail(errors.New("column " + c.Name + ": edges must rise and counts not be negative"))
		}
	}
	return p, nil
}

// JSON writes the profile so that ParseProfile reads it back.
func (p *Profile) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write profile: %w", err)
	}
	return append(b, '\n'), nil
}

//go:embed profile.html
var profilePage string

// HTML draws the profile as one page with a chart for each column.
func (p *Profile) HTML() ([]byte, error) {
	t, err := page.Parse("Data profile", profilePage, template.FuncMap{"chart": chart})
	if err != nil {
		return nil, err
	}
	return page.Render(t, p)
}
