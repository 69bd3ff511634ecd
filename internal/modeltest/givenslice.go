package modeltest

import (
	"fmt"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/spec"
	"github.com/slipway-ml/slipway/internal/stats"
)

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
	in := part(inner)
	slice.Value = in.metrics()(nil)[0]
	if len(outer) > 0 {
		slice.Rest = finiteOr(part(outer).metrics()(nil)[0], 0)
	}
	if !isFinite(slice.Value) {
		return fmt.Errorf("the error on slice %s is not finite", slice.Name)
	}
	var err error
	slice.Interval, err = s.errorInterval(in)("rmse")
	if slice.Interval != nil || err != nil || len(inner) < 2 {
		return err
	}
	drawn, method, err := s.resample(len(inner), in.passes(), in.metrics())
	if err != nil {
		return err
	}
	lo, hi, err := drawn.Interval(0, 1-s.in.Tests.Intervals.Level)
	if err == nil { // else it is not defined, and left out
		slice.Interval = s.interval(lo, hi, "%s", method)
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
