package catalog

import "context"

func loggedModelSpace() *space {
	return &space{
		table: "logged_models",
		attributes: map[string]attribute{
			"model_id":               {column: "uid"},
			"name":                   {column: "name"},
			"model_type":             {column: "model_type"},
			"status":                 {column: "status"},
			"source_run_id":          {column: "source_run"},
			"artifact_uri":           {column: "artifact_uri"},
			"experiment_id":          {column: "experiment_id", number: true},
			"creation_timestamp":     {column: "created_at", number: true},
			"last_updated_timestamp": {column: "updated_at", number: true},
		},
		params:  keyed{table: "logged_model_params", owner: "model_id"},
		tags:    keyed{table: "logged_model_tags", owner: "model_id"},
		metrics: keyed{table: "logged_model_metrics", owner: "model_id"},
		order:   []SortKey{{Field: Field{Kind: FieldAttribute, Key: "creation_timestamp"}, Desc: true}, {Field: Field{Kind: FieldAttribute, Key: "model_id"}}},
	}
}

// SearchLoggedModels returns the models that a query selects, in its order; next is
// the place of the last one if there are more.
func (c *Catalog) SearchLoggedModels(ctx context.Context, q TrackedQuery) (models []LoggedModel, next SearchPlace, err error) {
	err = c.view(ctx, "search logged models", func(t *tx) error {
		models, next = nil, nil
		if len(q.Experiments) == 0 {
			return nil
		}
		results, after, err := t.search(ctx, loggedModelSpace(), q)
		if err != nil || len(results) == 0 {
			return err
		}
		var rows []loggedModelRow
		if err := inParts(idsOf(results), func(places string, args []any) error {
			return more(ctx, t, &rows, "SELECT "+loggedModelColumns+" FROM logged_models WHERE id IN "+places, args)
		}); err != nil {
			return err
		}
		rows = inOrder(results, rows, func(r loggedModelRow) int64 { return r.ID })
		if err := t.fillLoggedModels(ctx, rows); err != nil {
			return err
		}
		models, next = make([]LoggedModel, len(rows)), after
		for i := range rows {
			models[i] = rows[i].LoggedModel
		}
		return nil
	})
	return models, next, err
}
