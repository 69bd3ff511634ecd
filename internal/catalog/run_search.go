package catalog

import "context"

// TrackedQuery selects experiments, runs or logged models.
type TrackedQuery struct {
	// Experiments to search in; the search for experiments ignores it.
	Experiments []int64
	Existence   Existence
	Conditions  []Condition
	// Order is completed: the newest first, then by id.
	Order []SortKey
	After SearchPlace // nil: from the beginning
	Limit int         // at least 1
}

func runSpace() *space {
	dataset := func(column string) string {
		return column + "|SELECT i.run_id FROM run_inputs i JOIN run_datasets d ON d.id = i.dataset_id WHERE 1 = 1"
	}
	return &space{
		table: "runs",
		attributes: map[string]attribute{
			"run_id":        {column: "uid"},
			"run_name":      {column: "name"},
			"user_id":       {column: "user_id"},
			"status":        {column: "status"},
			"artifact_uri":  {column: "artifact_uri"},
			"experiment_id": {column: "experiment_id", number: true},
			"start_time":    {column: "started_at", number: true},
			"end_time":      {column: "ended_at", number: true, null: true},
		},
		params:  keyed{table: "run_params", owner: "run_id"},
		tags:    keyed{table: "run_tags", owner: "run_id"},
		metrics: keyed{table: "run_latest", owner: "run_id"},
		dataset: map[string]string{"name": dataset("d.name"), "digest": dataset("d.digest"), "context": dataset("i.context")},
		order:   []SortKey{{Field: Field{Kind: FieldAttribute, Key: "start_time"}, Desc: true}, {Field: Field{Kind: FieldAttribute, Key: "run_id"}}},
	}
}

// SearchRuns returns the runs that a query selects, with all that they logged, in
// its order; next is the place of the last one if there are more. The error is an
// ErrInvalid for a condition or an order that can't be.
func (c *Catalog) SearchRuns(ctx context.Context, q TrackedQuery) (runs []Run, next SearchPlace, err error) {
	err = c.view(ctx, "search runs", func(t *tx) error {
		runs, next = nil, nil
		if len(q.Experiments) == 0 {
			return nil
		}
		results, after, err := t.search(ctx, runSpace(), q)
		if err != nil || len(results) == 0 {
			return err
		}
		rows := make([]runRow, 0, len(results))
		if err := inParts(idsOf(results), func(places string, args []any) error {
			return more(ctx, t, &rows, "SELECT "+runColumns+" FROM runs WHERE id IN "+places, args)
		}); err != nil {
			return err
		}
		rows = inOrder(results, rows, func(r runRow) int64 { return r.ID })
		if err := t.fillRuns(ctx, rows); err != nil {
			return err
		}
		runs, next = make([]Run, len(rows)), after
		for i := range rows {
			runs[i] = rows[i].Run
		}
		return nil
	})
	return runs, next, err
}

// search finds the numbers of what a query selects. A place begins with its part.
func (t *tx) search(ctx context.Context, s *space, q TrackedQuery) ([]hit, SearchPlace, error) {
	var results []hit
	parts, err := s.partsFrom(q.Order, q.After)
	if err != nil {
		return nil, nil, err
	}
	for i, part := range parts {
		var after SearchPlace
		if i == 0 && q.After != nil {
			after = q.After[1:]
		}
		st := &statement{t: t, s: s, part: part, joined: map[Field]string{}}
		st.existing(q.Existence)
		if len(q.Experiments) > 0 {
			st.within(q.Experiments)
		}
		if err := firstError(st.conditionsOf(ctx, q.Conditions), st.orderBy(ctx, q.Order), st.after(after)); err != nil {
			return nil, nil, err
		}
		// One more than wanted tells that there are more.
		found, err := st.run(ctx, q.Limit+1-len(results))
		if err != nil {
			return nil, nil, err
		}
		results = append(results, found...)
		if len(results) > q.Limit {
			results = results[:q.Limit]
			return results, results[q.Limit-1].place, nil
		}
	}
	return results, nil, nil
}

func idsOf(results []hit) []int64 {
	ids := make([]int64, len(results))
	for i, f := range results {
		ids[i] = f.id
	}
	return ids
}

// inOrder puts rows into the order of results.
func inOrder[Row any](results []hit, rows []Row, id func(Row) int64) []Row {
	place := make(map[int64]int, len(results))
	for i, f := range results {
		place[f.id] = i
	}
	out := make([]Row, len(rows))
	for _, row := range rows {
		out[place[id(row)]] = row
	}
	return out
}
