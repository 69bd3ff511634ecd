package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
)

// Comparison is how two versions differ.
type Comparison struct {
	A Side `json:"a"`
	B Side `json:"b"`
	// Sections are version, config, params, metrics, tests, data and tags; empty ones are left out.
	Sections []Section `json:"sections"`
}

// Side is one of the two versions.
type Side struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Stage   string `json:"stage"`
}

// Section is one aspect. Rows that differ come first.
type Section struct {
	Name      string `json:"name"`
	Different int    `json:"different"`
	Rows      []Row  `json:"rows"`
}

// Row is one thing that both have, or one of them; what one lacks is empty.
type Row struct {
	Key  string `json:"key"`
	A    string `json:"a,omitempty"`
	B    string `json:"b,omitempty"`
	Same bool   `json:"same"`
	// Delta is B less A, of numbers that both have.
	Delta *float64 `json:"delta,omitempty"`
}

// maxReport bounds a report that is read, in bytes.
const maxReport = 32 << 20

// facts are what a version is like, by section and key.
type facts map[string]map[string]fact

type fact struct {
	text   string
	number *float64
}

func (f facts) put(section, key, text string) {
	if text == "" {
		return
	}
	if f[section] == nil {
		f[section] = map[string]fact{}
	}
	f[section][key] = fact{text: text}
}

func (f facts) number(section, key string, v float64) {
	text := strconv.FormatFloat(v, 'g', 6, 64)
	f.put(section, key, text)
	if !math.IsNaN(v) && !math.IsInf(v, 0) { // of which there is no difference
		f[section][key] = fact{text, &v}
	}
}

// sections in the order in which they are shown.
func sections() []string {
	return []string{"version", "metrics", "tests", "data", "config", "params", "tags"}
}

// Compare compares two versions.
func (l *Library) Compare(ctx context.Context, a, b catalog.Model) (Comparison, error) {
	c := Comparison{A: Side{a.Name, a.Version, a.Stage}, B: Side{b.Name, b.Version, b.Stage}}
	ofA, err := l.facts(ctx, a)
	if err != nil {
		return c, err
	}
	ofB, err := l.facts(ctx, b)
	if err != nil {
		return c, err
	}
	for _, name := range sections() {
		if s := section(name, ofA[name], ofB[name]); len(s.Rows) > 0 {
			c.Sections = append(c.Sections, s)
		}
	}
	return c, nil
}

func section(name string, a, b map[string]fact) Section {
	s := Section{Name: name}
	keys := map[string]bool{}
	for key := range a {
		keys[key] = true
	}
	for key := range b {
		keys[key] = true
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		x, y := a[key], b[key]
		row := Row{Key: key, A: x.text, B: y.text, Same: x.text == y.text}
		if x.number != nil && y.number != nil {
			// The numbers decide: their texts are rounded.
			row.Same = *x.number == *y.number
			delta := *y.number - *x.number
			row.Delta = &delta
		}
		if !row.Same {
			s.Different++
		}
		s.Rows = append(s.Rows, row)
	}
	slices.SortStableFunc(s.Rows, func(a, b Row) int { return cmp.Compare(rank(a.Same), rank(b.Same)) })
	return s
}

func rank(same bool) int {
	if same {
		return 1
	}
	return 0
}

func (l *Library) facts(ctx context.Context, m catalog.Model) (facts, error) {
	f := facts{}
	for key, text := range map[string]string{
		"digest": m.Digest, "stage": m.Stage, "number": strconv.FormatInt(m.Number, 10), "registered by": m.CreatedBy,
		"registered": m.CreatedAt.UTC().Format("2006-01-02 15:04:05 UTC"), "release": m.Release, "run": m.Run, "source": m.Source, "description": m.Description,
	} {
		f.put("version", key, text)
	}
	for key, v := range m.Metrics {
		f.number("metrics", key, v)
	}
	for key, text := range m.Tags {
		f.put("tags", key, orQuotes(text))
	}
	if err := f.config("", m.Config); err != nil {
		return nil, fmt.Errorf("read the config of model %s/%s: %w", m.Name, m.Version, err)
	}
	return f, errors.Join(l.run(ctx, f, m), l.tests(ctx, f, m), l.data(ctx, f, m))
}

// orQuotes shows an empty text, which would look like none.
func orQuotes(s string) string {
	if s == "" {
		return `""`
	}
	return s
}

// config takes the leaves of a JSON document by their paths.
func (f facts) config(path string, raw json.RawMessage) error {
	if len(raw) == 0 {
		return nil
	}
	var object map[string]json.RawMessage
	if raw[0] == '{' {
		if err := json.Unmarshal(raw, &object); err != nil {
			return err
		}
		for key, value := range object {
			at := key
			if path != "" {
				at = path + "." + key
			}
			if err := f.config(at, value); err != nil {
				return err
			}
		}
		return nil
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		text = string(raw)
	}
	f.put("config", path, orQuotes(text))
	return nil
}

// run takes what the run that made the version logged.
func (l *Library) run(ctx context.Context, f facts, m catalog.Model) error {
	if m.Run == "" {
		return nil
	}
	run, err := l.Catalog.Run(ctx, m.Run)
	if errors.Is(err, catalog.ErrNotFound) {
		return nil // a run of another server
	}
	for _, p := range run.Params {
		f.put("params", p.Key, orQuotes(p.Value))
	}
	for _, metric := range run.Metrics {
		if _, known := f["metrics"][metric.Key]; !known {
			f.number("metrics", metric.Key, metric.Value)
		}
	}
	return err
}

// tests takes the tests of the last report of each suite; of a report that is
// of another kind or gone, only the verdict.
func (l *Library) tests(ctx context.Context, f facts, m catalog.Model) error {
	for _, e := range m.Evidence { // the last of a suite wins
		f.put("tests", e.Suite, verdict(e.Passed))
		var report struct {
			Tests []struct {
				Name   string
				Passed bool
				Value  any
				Limit  any
			}
		}
		text, err := l.Store.Read(ctx, artifacts.Digest(e.Report), maxReport)
		if err != nil || json.Unmarshal(text, &report) != nil {
			continue
		}
		for _, t := range report.Tests {
			said := verdict(t.Passed)
			if t.Value != nil {
				said += " " + asText(t.Value)
			}
			if t.Limit != nil {
				said += " (limit " + asText(t.Limit) + ")"
			}
			f.put("tests", e.Suite+": "+t.Name, said)
		}
	}
	return nil
}

// asText shows a value of a report, numbers to six digits.
func asText(v any) string {
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(f, 'g', 6, 64)
	}
	return fmt.Sprint(v)
}

func verdict(passed bool) string {
	if passed {
		return "passed"
	}
	return "failed"
}

func (l *Library) data(ctx context.Context, f facts, m catalog.Model) error {
	sources, err := l.dataOf(ctx, m)
	if err != nil {
		return err
	}
	for _, d := range sources {
		key := d.Name
		f.put("data", key, d.Ref()+" "+d.Digest)
		f.put("data", key+" size", fmt.Sprintf("%d files, %d bytes", d.FileCount, d.Bytes))
		for _, file := range d.Files {
			f.put("data", key+": "+file.Path, file.Digest)
		}
	}
	return nil
}
