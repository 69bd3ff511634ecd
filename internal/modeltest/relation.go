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
