package catalog

import "context"

func experimentSpace() *space {
	return &space{
		table: "experiments",
		attributes: map[string]attribute{
			"experiment_id":    {column: "id", number: true},
			"name":             {column: "name"},
			"creation_time":    {column: "created_at", number: true},
			"last_update_time": {column: "updated_at", number: true},
		},
		tags:  keyed{table: "experiment_tags", owner: "experiment_id", plain: true},
		order: []SortKey{{Field: Field{Kind: FieldAttribute, Key: "creation_time"}, Desc: true}, {Field: Field{Kind: FieldAttribute, Key: "experiment_id"}, Desc: true}},
	}
}

// SearchExperiments returns the experiments that a query selects, in its order; next
// is the place of the last one if there are more.
func (c *Catalog) SearchExperiments(ctx context.Context, q TrackedQuery) (out []Experiment, next SearchPlace, err error) {
	q.Experiments = nil
	err = c.view(ctx, "search experiments", func(t *tx) error {
		out, next = nil, nil
		results, after, err := t.search(ctx, experimentSpace(), q)
		if err != nil || len(results) == 0 {
			return err
		}
		if err := inParts(idsOf(results), func(places string, args []any) error {
			return more(ctx, t, &out, "SELECT "+experimentColumns+" FROM experiments WHERE id IN "+places, args)
		}); err != nil {
			return err
		}
		out, next = inOrder(results, out, func(e Experiment) int64 { return e.ID }), after
		return t.experimentTags(ctx, out)
	})
	return out, next, err
}
