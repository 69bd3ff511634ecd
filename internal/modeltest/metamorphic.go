package modeltest

import (
	"fmt"
	"math"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/spec"
)

const (
	// metamorphicRows bounds the rows that are changed, in whole batches spread over the table.
	metamorphicRows = 1000
	// noiseDraws are how often each row gets noise.
	noiseDraws = 3
	// shownViolations bounds the samples in a report.
	shownViolations = 5
)

// metamorphic checks one relation of the spec: how the answer to a row may
// differ from that to the same row changed (C4).
//
// Source: T. Y. Chen et al., ACM Computing Surveys 51:4 (2018).
func (s *suite) metamorphic(m spec.Metamorphic) Test {
	if t, missing := s.notScored(); missing {
		return t
	}
	r := &relation{suite: s, spec: m, tolerance: m.Tolerance, class: -1}
	if r.tolerance == 0 {
		r.tolerance = s.in.Tests.Tolerance
	}
	if err := r.prepare(); err != nil {
		return s.impossible("%s", err)
	}
	if err := r.run(); err != nil {
		return fail(nil, nil, "%s", err)
	}
	out := r.outcome()
	s.report.Metamorphic = append(s.report.Metamorphic, out)
	t := pass(out.Share, out.Limit, "%d of %d rows break it", out.Violations, out.Rows)
	if !out.Passed {
		worst := out.Samples[0]
		return t.failed("%d of %d rows break it (%.4g, the limit is %.4g); line %d, %s: %.4g becomes %.4g",
			out.Violations, out.Rows, out.Share, out.Limit, worst.Line, worst.Change, worst.Before, worst.After)
	}
	return t
}

// monotone raises the column over its grid; no step may go the wrong way.
func (r *relation) monotone(inputs []onnx.Tensor, lo, hi int) error {
	column := r.columns[0]
	grid, err := r.grid(column)
	if err != nil {
		return err
	}
	p, err := r.locate(column.Name, inputs)
	if err != nil {
		return err
	}
	changed := p.copyInputs(inputs)
	var before [][]float64
	for g, v := range grid {
		for i := range hi - lo {
			p.set(changed, i, v)
		}
		after, _, err := r.ask(changed)
		if err != nil {
			return err
		}
		for i := range before {
			fall := before[i][0] - after[i][0]
			if r.spec.Direction == spec.Decreasing {
				fall = -fall
			}
			if fall > r.tolerance {
				r.note(lo+i, r.change(column.Name, fmt.Sprintf("from %v to %v", grid[g-1], v), "raised"), before[i][0], after[i][0], fall)
			}
		}
		before = after
	}
	return nil
}

// change says what was done to a column, without values of personal ones.
func (r *relation) change(column, values, hidden string) string {
	if r.personal(column) {
		return column + " " + hidden
	}
	return column + " " + values
}

// indifferent sets each column to other values that it takes.
func (r *relation) indifferent(inputs []onnx.Tensor, lo, hi int) error {
	before, classes, err := r.ask(inputs)
	if err != nil {
		return err
	}
	for _, column := range r.columns {
		grid, err := r.grid(column)
		if err != nil {
			return err
		}
		p, err := r.locate(column.Name, inputs)
		if err != nil {
			return err
		}
		changed := p.copyInputs(inputs)
		for _, v := range grid {
			for i := range hi - lo {
				p.set(changed, i, v)
			}
			after, now, err := r.ask(changed)
			if err != nil {
				return err
			}
			what := r.change(column.Name, fmt.Sprintf("set to %v", v), "changed")
			for i := range after {
				r.differ(lo+i, what, before[i], after[i], classes[i] != now[i] && len(after[i]) == 0, r.tolerance)
			}
		}
	}
	return nil
}

// stable adds noise to all columns at once; whole numbers stay whole.
func (r *relation) stable(inputs []onnx.Tensor, lo, hi int) error {
	before, classes, err := r.ask(inputs)
	if err != nil {
		return err
	}
	share := r.spec.Noise
	if share == 0 {
		share = spec.DefaultNoise
	}
	tolerance := r.spec.Tolerance
	if tolerance == 0 {
		tolerance = math.Inf(1) // only the class must stay
	}
	for range noiseDraws {
		changed := inputs
		copied := map[int]bool{}
		for c, column := range r.columns {
			p, err := r.locate(column.Name, inputs)
			if err != nil {
				return err
			}
			if !copied[p.tensor] {
				changed, copied[p.tensor] = p.copyInputs(changed), true
			}
			for i := range hi - lo {
				noise := r.random.NormFloat64() * share * r.deviation[c]
				if column.Kind == dataset.Integer {
					noise = math.Round(noise)
				}
				p.set(changed, i, p.number(inputs, i)+noise)
			}
		}
		after, now, err := r.ask(changed)
		if err != nil {
			return err
		}
		for i := range after {
			r.differ(lo+i, "small noise", before[i], after[i], classes[i] != now[i], tolerance)
		}
	}
	return nil
}
