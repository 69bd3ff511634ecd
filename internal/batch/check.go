package batch

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/onnx"
)

// Checker holds the tables of a plan against its model before they are cut, which
// may take long.
type Checker struct {
	plan   *Plan
	schema *dataset.Schema
	mapper *feature.Mapper
	keys   []arrow.Field // of the first table
}

// NewChecker checks the plan's model and keys; schema may be nil. Errors wrap
// ErrPlan. Personal are the keys that must be masked.
func (p *Plan) NewChecker(inputs, outputs []onnx.Info, schema *dataset.Schema) (c *Checker, personal []string, err error) {
	if err := checkKeys(p.Keys); err != nil {
		return nil, nil, err
	}
	c = &Checker{plan: p, schema: schema}
	if c.mapper, err = feature.NewMapper(inputs); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	if _, err := feature.FormOf(outputs, p.Model.Outputs, p.Model.Task); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	personal, err = p.personalKeys(schema)
	return c, personal, err
}

// Table checks the columns of one table. Every table has the key columns of the first, stored alike.
func (c *Checker) Table(name string, stored *arrow.Schema) error {
	want, err := wanted(c.mapper, stored, c.plan)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if _, err := dataset.NewCells(stored, want, c.schema); err != nil {
		return fmt.Errorf("%s: %w: the model wants columns that are missing: %w", name, ErrPlan, err)
	}
	keys, _, err := keyFields(stored, c.plan.Keys, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if c.keys == nil {
		c.keys = keys
	}
	same := func(a, b arrow.Field) bool { return a.Name == b.Name && arrow.TypeEqual(a.Type, b.Type) }
	if !slices.EqualFunc(c.keys, keys, same) {
		return fmt.Errorf("%s: %w: its key columns are stored as %v, those of the tables before as %v: predict the files one by one (paths)", name, ErrPlan, keys, c.keys)
	}
	return nil
}

// Bounds of how many rows a model is asked at once where nobody says. They are
// part of what plans are made of: other values make other plans.
const (
	usualValues  = 1 << 17 // input values of a batch
	fewestRows   = 32
	MostRows     = 4096 // also where somebody says
	unknownWidth = 64   // values of a row whose width the model leaves open
)

// UsualRows is how many rows of a model it does well to ask at once: few of many
// values, many of few.
func UsualRows(inputs []onnx.Info) int {
	values := int64(0)
	for _, in := range inputs {
		of := int64(1)
		for i, d := range in.Shape {
			switch {
			case i == 0:
			case d < 0 && len(inputs) == 1:
				of *= unknownWidth
			case d > 0:
				of *= min(d, usualValues)
			}
			of = min(of, usualValues)
		}
		values += of
	}
	rows := 1
	for int64(2*rows)*values <= usualValues {
		rows *= 2
	}
	return max(fewestRows, min(rows, MostRows))
}
