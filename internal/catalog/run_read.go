package catalog

import (
	"cmp"
	"context"
	"slices"
)

// pairRow is a param or a tag as a row.
type pairRow struct {
	Owner int64  `db:"run_id"`
	Key   int64  `db:"key_id"`
	Value string `db:"value"`
}

// fillRuns reads what runs logged.
func (t *tx) fillRuns(ctx context.Context, rows []runRow) error {
	place := make(map[int64]*Run, len(rows))
	ids := make([]int64, len(rows))
	for i := range rows {
		place[rows[i].ID], ids[i] = &rows[i].Run, rows[i].ID
	}
	var (
		params, tags []pairRow
		points       []point
	)
	if err := inParts(ids, func(places string, args []any) error {
		return firstError(
			more(ctx, t, &params, "SELECT run_id, key_id, value FROM run_params WHERE run_id IN "+places, args),
			more(ctx, t, &tags, "SELECT run_id, key_id, value FROM run_tags WHERE run_id IN "+places, args),
			more(ctx, t, &points, "SELECT run_id, key_id, step, at, value, nan FROM run_latest WHERE run_id IN "+places, args),
		)
	}); err != nil {
		return err
	}
	names := map[int64]string{}
	for _, list := range [][]pairRow{params, tags} {
		for _, p := range list {
			names[p.Key] = ""
		}
	}
	for _, p := range points {
		names[p.Key] = ""
	}
	if err := t.keyNames(ctx, names); err != nil {
		return err
	}
	for _, p := range params {
		r := place[p.Owner]
		r.Params = append(r.Params, Pair{names[p.Key], p.Value})
	}
	for _, p := range tags {
		r := place[p.Owner]
		r.Tags = append(r.Tags, Pair{names[p.Key], p.Value})
	}
	for _, p := range points {
		m := p.metric()
		m.Key = names[p.Key]
		r := place[p.Run]
		r.Metrics = append(r.Metrics, m)
	}
	byKey := func(a, b Pair) int { return cmp.Compare(a.Key, b.Key) }
	for i := range rows {
		slices.SortFunc(rows[i].Params, byKey)
		slices.SortFunc(rows[i].Tags, byKey)
		slices.SortFunc(rows[i].Metrics, func(a, b Metric) int { return cmp.Compare(a.Key, b.Key) })
	}
	return t.fillRunLinks(ctx, place, ids)
}

// more appends the rows of a query.
func more[Row any](ctx context.Context, t *tx, into *[]Row, query string, args []any) error {
	var some []Row
	err := t.all(ctx, &some, query, args...)
	*into = append(*into, some...)
	return err
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
