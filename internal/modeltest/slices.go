package modeltest

import (
	"cmp"
	"fmt"

	"math/rand/v2"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/spec"
	"github.com/slipway-ml/slipway/internal/stats"
)

const (
	// sliceRows bounds the rows of the search: more are sampled.
	sliceRows = 10_000
	// sliceWork bounds the cells it looks at: about a second of work.
	sliceWork = 300_000_000
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

// givenSlice measures a slice of the spec against its limits (C4).
func (s *suite) givenSlice(given spec.Slice) Test {
	if t, missing := s.notScored(); missing {
		return t
	}
	inside, err := s.rowsWhere(given.Where)
	if err != nil {
		return s.impossible("%s", err)
	}
	inner, outer := split(inside)
	if len(inner) < s.in.Tests.Slices.MinRows {
		return s.impossible("only %d of %d rows are in the slice, tests.slices.min_rows wants %d", len(inner), len(inside), s.in.Tests.Slices.MinRows)
	}
	slice := Slice{Name: given.Name, Given: true, Rows: len(inner), Metric: "accuracy", Passed: true}
	limit := any(nil)
	if s.regressed != nil {
		slice.Metric = "rmse"
		err = s.regressionSlice(&slice, inner, outer)
	} else {
		err = s.classifierSlice(&slice, inner, outer)
	}
	if err != nil {
		return fail(nil, nil, "%s", err)
	}
	switch {
	case given.MinAccuracy != nil && slice.Value < *given.MinAccuracy:
		limit, slice.Reason = *given.MinAccuracy, fmt.Sprintf("accuracy %.4f on the slice is below the limit %.4g", slice.Value, *given.MinAccuracy)
	case given.MaxRMSE != nil && slice.Value > *given.MaxRMSE:
		limit, slice.Reason = *given.MaxRMSE, fmt.Sprintf("RMSE %.4g on the slice is above the limit %.4g", slice.Value, *given.MaxRMSE)
	case given.MinAccuracy != nil:
		limit = *given.MinAccuracy
	case given.MaxRMSE != nil:
		limit = *given.MaxRMSE
	}
	slice.Passed = slice.Reason == ""
	s.report.Slices = append(s.report.Slices, slice)
	t := pass(number(slice.Value), limit, "%d rows, %s %.4g, elsewhere %.4g", slice.Rows, slice.Metric, slice.Value, slice.Rest)
	if slice.Interval != nil {
		t.Detail += fmt.Sprintf("; %.4g %% interval %.4g to %.4g", 100*slice.Interval.Level, slice.Interval.Low, slice.Interval.High)
	}
	if !slice.Passed {
		return t.failed("%s", slice.Reason)
	}
	return t
}

func (s *suite) classifierSlice(slice *Slice, inner, outer []int) error {
	right := s.classified.right()
	slice.Value, slice.Rest = mean(at(right, inner), nil), finiteOr(mean(at(right, outer), nil), 0)
	lo, hi, err := stats.Wilson(int64(sum(at(right, inner))), int64(len(inner)), 1-s.in.Tests.Intervals.Level)
	slice.Interval = s.interval(lo, hi, "wilson")
	return err
}

func (s *suite) regressionSlice(slice *Slice, inner, outer []int) error {
	part := func(rows []int) *regressed {
		return &regressed{truth: at(s.regressed.truth, rows), pred: at(s.regressed.pred, rows)}
	}
	metrics := part(inner).metrics()
	rmse := func(w []float64) []float64 { return metrics(w)[:1] }
	slice.Value = rmse(nil)[0]
	if len(outer) > 0 {
		slice.Rest = finiteOr(part(outer).metrics()(nil)[0], 0)
	}
	if !isFinite(slice.Value) {
		return fmt.Errorf("the error on slice %s is not finite", slice.Name)
	}
	b, err := stats.NewBootstrap(len(inner), s.resamples(len(inner), 1), seed, rmse)
	if err != nil {
		return err
	}
	lo, hi, err := b.Interval(0, 1-s.in.Tests.Intervals.Level)
	if err == nil {
		slice.Interval = s.interval(lo, hi, "bca bootstrap, %d resamples", b.Resamples)
	}
	return nil
}

// rowsWhere tells which test rows an expression means.
func (s *suite) rowsWhere(where string) ([]bool, error) {
	filter, err := dataset.NewFilter(where)
	if err != nil {
		return nil, err
	}
	out := make([]bool, s.in.Test.Rows())
	for i := range out {
		if out[i], err = filter.Match(s.in.Test, i); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func split(inside []bool) (inner, outer []int) {
	for i, in := range inside {
		if in {
			inner = append(inner, i)
		} else {
			outer = append(outer, i)
		}
	}
	return inner, outer
}

func at(x []float64, rows []int) []float64 {
	out := make([]float64, len(rows))
	for i, row := range rows {
		out[i] = x[row]
	}
	return out
}
