package modeltest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/internal/spec"
	"github.com/slipway-ml/slipway/internal/stats"
)

const (
	// sliceRows bounds the rows of the search: more are sampled.
	sliceRows = 10_000
	// sliceWork bounds the cells it looks at: about a second of work.
	sliceWork = 500_000_000
	// weakest bounds the slices found that a report shows.
	weakest = 5
)

// personal tells that no value of a column may stand in a report.
func (s *suite) personal(column string) bool {
	return slices.Contains(s.in.Data.Sensitive, column) || slices.Contains(s.in.Personal, column)
}

// losses are what the search for weak slices compares: errors of a classifier,
// absolute errors of a regression.
func (s *suite) losses() (losses []float64, metric string) {
	if s.regressed != nil {
		return s.regressed.distances(), "mae"
	}
	losses = s.classified.right()
	for i := range losses {
		losses[i] = 1 - losses[i]
	}
	return losses, "accuracy"
}

// sample is at most so many of the test rows, ascending, drawn with a fixed seed.
func (s *suite) sample(most int) []int {
	n := s.in.Test.Rows()
	if n <= most {
		rows := make([]int, n)
		for i := range rows {
			rows[i] = i
		}
		return rows
	}
	rows := rand.New(rand.NewPCG(seed, uint64(n))).Perm(n)[:most] //nolint:gosec // statistics, not secrets
	slices.Sort(rows)
	return rows
}

// weakSlices looks for parts of the test rows on which the model does worse
// than elsewhere, over single columns and pairs (C4), see stats.SearchSlices.
func (s *suite) weakSlices() Test {
	if t, missing := s.notScored(); missing {
		return t
	}
	o := s.in.Tests.Slices
	rows := s.sample(sliceRows)
	if len(rows) < 2*o.MinRows {
		return skip("not run: %d rows are too few for slices of at least %d and a rest to compare with", len(rows), o.MinRows)
	}
	all, metric := s.losses()
	loss := make([]float64, len(rows))
	for i, row := range rows {
		loss[i] = all[row]
	}
	groups := groupings(s.in.Test, rows, s.in.Data.Label, s.personal, o.MinRows)
	columns := make([]stats.SliceColumn, len(groups))
	for i, g := range groups {
		columns[i] = g.SliceColumn
	}
	found, err := stats.SearchSlices(loss, columns, stats.SliceOptions{MinRows: o.MinRows, Alpha: o.Alpha, Seed: seed, Work: sliceWork})
	if err != nil {
		return fail(nil, nil, "%s", err)
	}
	s.report.SliceSearch = &SliceSearch{
		Columns: len(groups), Slices: found.Looked, Pairs: found.Pairs, Rows: len(rows), MinRows: o.MinRows, Alpha: o.Alpha, Permutations: found.Permutations,
	}
	weak := distinctSlices(found.Weak, groups)
	var names []string
	for _, w := range weak {
		shown := weakSlice(w, groups, metric, o.Weak == spec.FindingFails)
		s.report.Slices = append(s.report.Slices, shown)
		names = append(names, fmt.Sprintf("%s (%d rows, %s %.4g, elsewhere %.4g)", shown.Name, shown.Rows, metric, shown.Value, shown.Rest))
	}
	detail := fmt.Sprintf("%d slices of %d columns looked at", found.Looked, len(groups))
	if found.Pairs {
		detail += ", pairs of columns among them"
	}
	if len(weak) == 0 {
		return pass(0, nil, "no weak slice: %s", detail)
	}
	t := pass(len(weak), nil, "weak slices: %s; %s", strings.Join(names, "; "), detail)
	if o.Weak == spec.FindingFails {
		t.Detail = detail
		return t.failed("weak slices, which chance hardly makes (at most %.4g over the whole search): %s", o.Alpha, strings.Join(names, "; "))
	}
	return t
}

// simpler is how far the score of one column may be below that of a pair with
// the same rows in it, as a share, for the shorter condition to be told.
const simpler = 0.9

// distinctSlices keeps the weakest slices that are not mostly the rows of a
// weaker one; of two that share rows, one on a single column before one on two.
func distinctSlices(weak []stats.WeakSlice, groups []grouping) []stats.WeakSlice {
	rank := func(w stats.WeakSlice) float64 {
		if w.Columns[1] >= 0 {
			return simpler * w.Score
		}
		return w.Score
	}
	weak = slices.Clone(weak)
	slices.SortStableFunc(weak, func(a, b stats.WeakSlice) int { return cmp.Compare(rank(b), rank(a)) })
	in := func(w stats.WeakSlice, row int) bool {
		for k, column := range w.Columns {
			if column >= 0 && groups[column].Codes[row] != w.Groups[k] {
				return false
			}
		}
		return true
	}
	var kept []stats.WeakSlice
	for _, w := range weak {
		fresh := true
		for _, k := range kept {
			both, either := 0, 0
			for row := range groups[w.Columns[0]].Codes {
				a, b := in(w, row), in(k, row)
				if a && b {
					both++
				}
				if a || b {
					either++
				}
			}
			// Half the rows in common, or all of the smaller one: the same weakness.
			fresh = fresh && 2*both < either && both < min(w.Rows, k.Rows)
		}
		if fresh {
			kept = append(kept, w)
		}
		if len(kept) == weakest {
			break
		}
	}
	return kept
}

func weakSlice(w stats.WeakSlice, groups []grouping, metric string, fails bool) Slice {
	name := groups[w.Columns[0]].words[w.Groups[0]]
	if w.Columns[1] >= 0 {
		name += " and " + groups[w.Columns[1]].words[w.Groups[1]]
	}
	p := w.P
	out := Slice{Name: name, Rows: w.Rows, Metric: metric, Value: w.Mean, Rest: w.Rest, P: &p, Passed: !fails}
	if metric == "accuracy" {
		out.Value, out.Rest = 1-w.Mean, 1-w.Rest
	}
	if fails {
		out.Reason = "weaker than the other rows"
	}
	return out
}
