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
	for _, p := range points {
		names[p.Key] = ""
	}
	if err := t.nameKeys(ctx, names, params, tags); err != nil {
		return err
	}
	deal(params, names, func(owner int64) *[]Pair { return &place[owner].Params })
	deal(tags, names, func(owner int64) *[]Pair { return &place[owner].Tags })
	for _, p := range points {
		m := p.metric()
		m.Key = names[p.Key]
		r := place[p.Run]
		r.Metrics = append(r.Metrics, m)
	}
	for i := range rows {
		slices.SortFunc(rows[i].Metrics, func(a, b Metric) int { return cmp.Compare(a.Key, b.Key) })
	}
	return t.fillRunLinks(ctx, place, ids)
}

// nameKeys gives the keys of pairs, and those that names has already, their names.
func (t *tx) nameKeys(ctx context.Context, names map[int64]string, lists ...[]pairRow) error {
	for _, p := range slices.Concat(lists...) {
		names[p.Key] = ""
	}
	return t.keyNames(ctx, names)
}

// deal puts pairs into the lists of their owners, sorted by key.
func deal(rows []pairRow, names map[int64]string, list func(owner int64) *[]Pair) {
	slices.SortFunc(rows, func(a, b pairRow) int { return cmp.Compare(names[a.Key], names[b.Key]) })
	for _, p := range rows {
		to := list(p.Owner)
		*to = append(*to, Pair{names[p.Key], p.Value})
	}
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
