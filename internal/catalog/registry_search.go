package catalog

import (
	"context"
	"slices"
)

// Search selects registered models or model versions. Deleted ones are not found.
type Search struct {
	Where   []Match
	OrderBy []Order
	// NotTagged leaves out what has this tag with this value; of versions, also
	// those whose model has it. A zero tag leaves out nothing.
	NotTagged Tag
	// Limit bounds the page; it must be positive.
	Limit int
	// After is Next of the page before: the values that the order's keys have at its end.
	After []any
}

var registeredColumnsByName = map[string]column{
	"name":                   {sql: "model_names.name"},
	"creation_timestamp":     {sql: "model_names.created_at", number: true},
	"last_updated_timestamp": {sql: "model_names.updated_at", number: true},
}

var versionColumns = map[string]column{
	"name":                   {sql: "models.name"},
	"version_number":         {sql: "models.number", number: true},
	"run_id":                 {sql: "models.run"},
	"source_path":            {sql: "models.source"},
	"model_id":               {sql: "models.model_id"},
	"stage":                  {sql: "models.stage"},
	"creation_timestamp":     {sql: "models.created_at", number: true},
	"last_updated_timestamp": {sql: "models.updated_at", number: true},
}

// SearchRegisteredModels finds models by name and tags, sorted by name unless
// said otherwise. Next is nil after the last page.
func (c *Catalog) SearchRegisteredModels(ctx context.Context, s Search) (found []RegisteredModel, next []any, err error) {
	s.OrderBy = distinct(append(slices.Clone(s.OrderBy), Order{Column: "name"}))
	q, orderBy, err := s.query(c.dialect, registeredColumnsByName, "registered_model_tags g WHERE g.name = model_names.name")
	if err != nil {
		return nil, nil, err
	}
	q.where("deleted_at IS NULL")
	err = c.view(ctx, "search registered models", func(t *tx) error {
		found, next = nil, nil
		var rows []registeredRow
		if err := t.all(ctx, &rows, q.sql("SELECT "+registeredColumns+" FROM model_names", orderBy, s.Limit+1), slices.Clone(q.args)...); err != nil {
			return err
		}
		for _, r := range rows[:min(len(rows), s.Limit)] {
			found = append(found, r.registered())
		}
		if len(rows) > s.Limit {
			end := found[len(found)-1]
			next = s.end(map[string]any{"name": end.Name, "creation_timestamp": end.CreatedAt.UnixMicro(), "last_updated_timestamp": end.UpdatedAt.UnixMicro()})
		}
		for part := range slices.Chunk(found, insertBatch) {
			if err := t.completeRegistered(ctx, part); err != nil {
				return err
			}
		}
		return nil
	})
	return found, next, err
}

// SearchVersions finds model versions, those that changed last first unless said
// otherwise. Next is nil after the last page.
func (c *Catalog) SearchVersions(ctx context.Context, s Search) (found []Model, next []any, err error) {
	if len(s.OrderBy) == 0 {
		s.OrderBy = []Order{{Column: "last_updated_timestamp", Desc: true}}
	}
	s.OrderBy = distinct(append(slices.Clone(s.OrderBy), Order{Column: "name"}, Order{Column: "version_number", Desc: true}))
	q, orderBy, err := s.query(c.dialect, versionColumns, "model_tags g WHERE g.name = models.name AND g.version = models.version")
	if err != nil {
		return nil, nil, err
	}
	if s.NotTagged.Key != "" {
		q.where("NOT EXISTS (SELECT 1 FROM registered_model_tags g WHERE g.name = models.name AND g.key = ? AND g.value = ?)", s.NotTagged.Key, s.NotTagged.Value)
	}
	q.where("deleted_at IS NULL")
	err = c.view(ctx, "search model versions", func(t *tx) error {
		var err error
		next = nil
		if found, err = t.models(ctx, q, orderBy, s.Limit+1); err != nil || len(found) <= s.Limit {
			return err
		}
		found = found[:s.Limit]
		end := found[len(found)-1]
		next = s.end(map[string]any{
			"name": end.Name, "version_number": end.Number, "run_id": end.Run, "source_path": end.Source, "model_id": end.ModelID, "stage": end.Stage,
			"creation_timestamp": end.CreatedAt.UnixMicro(), "last_updated_timestamp": end.UpdatedAt.UnixMicro(),
		})
		return nil
	})
	return found, next, err
}

func (s Search) query(d *dialect, columns map[string]column, tags string) (q query, orderBy string, err error) {
	if s.Limit < 1 {
		return q, "", invalid("a page of %d results", s.Limit)
	}
	for _, m := range s.Where {
		sql, args, err := m.text(d, columns, tags)
		if err != nil {
			return q, "", err
		}
		q.where(sql, args...)
	}
	if s.NotTagged.Key != "" {
		q.where("NOT EXISTS (SELECT 1 FROM "+tags+" AND g.key = ? AND g.value = ?)", s.NotTagged.Key, s.NotTagged.Value)
	}
	after := slices.Clone(s.After)
	if err := checkAfter(after, s.OrderBy, columns); err != nil {
		return q, "", err
	}
	orderBy, condition, args, err := pageOrder(s.OrderBy, columns, after)
	if condition != "" {
		q.where(condition, args...)
	}
	return q, orderBy, err
}

// end are the values that the order's keys have in the last row of a page.
func (s Search) end(row map[string]any) []any {
	end := make([]any, len(s.OrderBy))
	for i, o := range s.OrderBy {
		end[i] = row[o.Column]
	}
	return end
}

// distinct keeps the first of the keys of a name.
func distinct(order []Order) []Order {
	var out []Order
	for _, o := range order {
		if !slices.ContainsFunc(out, func(have Order) bool { return have.Column == o.Column }) {
			out = append(out, o)
		}
	}
	return out
}
