package modeltest

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/spec"
	"github.com/slipway-ml/slipway/internal/stats"
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

// relation is one check under way.
type relation struct {
	*suite
	spec      spec.Metamorphic
	tolerance float64
	class     int // whose probability is looked at, -1 for all
	columns   []dataset.Column
	deviation []float64 // of the columns, for noise
	random    *rand.Rand

	rows       int
	violations map[int]breach // by row, the largest
}

// breach is a violation and how large it is.
type breach struct {
	Violation
	size float64
}

// prepare finds the columns and the class that the relation speaks of.
func (r *relation) prepare() error {
	r.violations, r.random = map[int]breach{}, rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // statistics, not secrets
	if r.classified != nil && (r.spec.Class != "" || r.spec.Kind == spec.Monotone) {
		class, err := r.suite.classified.class(r.spec.Class)
		if err != nil {
			return err
		}
		r.class = class
	}
	if r.spec.Kind == spec.Monotone && r.classified != nil && r.classified.scores == nil {
		return errors.New("the model gives no probabilities")
	}
	names := r.spec.Columns
	if len(names) == 0 {
		for _, c := range r.features() {
			if c.Kind.Numeric() {
				names = append(names, c.Name)
			}
		}
	}
	inputs, err := r.inputs(0, 1)
	if err != nil {
		return err
	}
	for _, name := range names {
		p, err := r.locate(name, inputs)
		if err != nil {
			return err
		}
		if r.spec.Kind != spec.Indifferent && !p.column.Kind.Numeric() {
			return fmt.Errorf("column %q holds no numbers", name)
		}
		r.columns = append(r.columns, p.column)
		if r.spec.Kind == spec.Stable {
			numbers, err := r.in.Test.Floats(name)
			if err != nil {
				return err
			}
			r.deviation = append(r.deviation, stats.Describe(numbers).Std)
		}
	}
	if len(r.columns) == 0 {
		return errors.New("there is no column to change")
	}
	return nil
}

// run goes over batches that are spread evenly over the table.
func (r *relation) run() error {
	total := r.in.Test.Rows()
	batches := (total + r.batch - 1) / r.batch
	wanted := min(batches, (metamorphicRows+r.batch-1)/r.batch)
	for b := range wanted {
		lo := b * batches / wanted * r.batch
		hi := min(lo+r.batch, total)
		inputs, err := r.inputs(lo, hi)
		if err != nil {
			return err
		}
		switch r.spec.Kind {
		case spec.Monotone:
			err = r.monotone(inputs, lo, hi)
		case spec.Indifferent:
			err = r.indifferent(inputs, lo, hi)
		default:
			err = r.stable(inputs, lo, hi)
		}
		if err != nil {
			return fmt.Errorf("%s changed: %w", r.lines(lo, hi), err)
		}
		r.rows += hi - lo
	}
	return nil
}

// ask runs rows and gives for each what is looked at: the probability of the
// class, of all classes, or the value; and the class.
func (r *relation) ask(inputs []onnx.Tensor) (answers [][]float64, classes []string, err error) {
	out, err := r.session.Run(r.ctx, inputs)
	if err != nil {
		return nil, nil, err
	}
	predictions, err := feature.Predictions(out, r.in.Spec.Outputs, r.in.Spec.Task)
	if err != nil {
		return nil, nil, err
	}
	var scores [][]float64
	if r.classified != nil && r.classified.scores != nil {
		scores = probabilities(predictions)
	}
	for i, p := range predictions {
		if !p.Finite() {
			return nil, nil, errors.New("the prediction is not finite")
		}
		answer := []float64{}
		switch {
		case p.Value != nil:
			answer = append(answer, *p.Value)
		case scores != nil && r.class >= 0:
			answer = append(answer, scores[i][r.class])
		case scores != nil:
			answer = scores[i]
		}
		answers, classes = append(answers, answer), append(classes, className(p))
	}
	return answers, classes, nil
}

// note keeps a violation of a row if it is its largest.
func (r *relation) note(row int, change string, before, after, size float64) {
	if old, ok := r.violations[row]; !ok || size > old.size {
		r.violations[row] = breach{Violation{Line: r.in.Test.Line(row), Change: change, Before: before, After: after}, size}
	}
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

// differ notes a row whose answers differ by more than the tolerance, or whose class does.
func (r *relation) differ(row int, change string, before, after []float64, flipped bool, tolerance float64) {
	largest, at := 0.0, 0
	for j := range after {
		if d := math.Abs(after[j] - before[j]); d > largest {
			largest, at = d, j
		}
	}
	switch {
	case len(after) == 0 && flipped:
		r.note(row, change+", the class changes", 0, 1, 1)
	case flipped:
		r.note(row, change+", the class changes", before[at], after[at], largest)
	case largest > tolerance:
		r.note(row, change, before[at], after[at], largest)
	}
}

// outcome puts the relation into the report, the largest violations first.
func (r *relation) outcome() Relation {
	out := Relation{Name: r.spec.Name, Kind: r.spec.Kind, Rows: r.rows, Violations: len(r.violations), Limit: r.spec.MaxViolations}
	for _, c := range r.columns {
		out.Columns = append(out.Columns, c.Name)
	}
	out.Share = float64(out.Violations) / float64(max(1, out.Rows))
	out.Passed = out.Share <= out.Limit
	var all []breach
	for _, b := range r.violations {
		all = append(all, b)
	}
	slices.SortFunc(all, func(a, b breach) int { return cmp.Or(cmp.Compare(b.size, a.size), cmp.Compare(a.Line, b.Line)) })
	for _, b := range all[:min(len(all), shownViolations)] {
		out.Samples = append(out.Samples, b.Violation)
	}
	return out
}
