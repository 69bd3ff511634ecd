package batch

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/slipway-ml/slipway/internal/dataset"
)

// features are the columns that a model which takes one matrix is given: all but keys and excluded ones, in their order.
func (p *Plan) features(stored *arrow.Schema) []string {
	var out []string
	for _, f := range stored.Fields() {
		if !slices.Contains(p.Keys, f.Name) && !slices.Contains(p.Exclude, f.Name) {
			out = append(out, f.Name)
		}
	}
	return out
}

// secret tells that some column is personal.
func (p *Plan) secret(s *dataset.Schema) bool {
	return len(p.Sensitive) > 0 || s != nil && s.AnyPersonal()
}

// personalKeys are the keys that must not be written as they are. One that is
// sensitive and that no schema says how to mask is an ErrPlan.
func (p *Plan) personalKeys(s *dataset.Schema) ([]string, error) {
	var out []string
	for _, k := range p.Keys {
		switch {
		case s != nil && s.Personal(k):
			out = append(out, k)
		case slices.Contains(p.Sensitive, k):
			return nil, fmt.Errorf("%w: key column %q is sensitive, says the model's release: name a schema that says how it is masked", ErrPlan, k)
		}
	}
	return out, nil
}

// keyFields finds the key columns: their fields in the output and their places in
// the source. Masked ones are text; those that are dropped have no place.
func keyFields(stored *arrow.Schema, keys []string, mask *dataset.Masker) ([]arrow.Field, []int, error) {
	var fields []arrow.Field
	var places []int
	for _, k := range keys {
		at := stored.FieldIndices(k)
		if len(at) != 1 {
			return nil, nil, fmt.Errorf("%w: there is no key column %q", ErrPlan, k)
		}
		f := arrow.Field{Name: k, Type: stored.Field(at[0]).Type, Nullable: true}
		if mode, personal := maskOf(mask, k); personal {
			if mode == dataset.MaskDrop {
				continue
			}
			f.Type = arrow.BinaryTypes.String
		}
		fields, places = append(fields, f), append(places, at[0])
	}
	return fields, places, nil
}

func maskOf(mask *dataset.Masker, column string) (dataset.MaskMode, bool) {
	if mask == nil {
		return "", false
	}
	return mask.Mode(column)
}

// maskKeys are the key columns of a batch as they are written. Those in made are the caller's to release.
func maskKeys(batch arrow.RecordBatch, places []int, mask *dataset.Masker) (keys, made []arrow.Array) {
	keys = make([]arrow.Array, len(places))
	for i, at := range places {
		keys[i] = batch.Column(at)
		if name := batch.Schema().Field(at).Name; mask != nil {
			if _, personal := mask.Mode(name); personal {
				keys[i] = mask.Column(name, keys[i])
				made = append(made, keys[i])
			}
		}
	}
	return keys, made
}
