package catalog

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// versionKey names a model version.
type versionKey struct {
	Name    string `db:"name"`
	Version string `db:"version"`
}

// complete adds what belongs to model versions and lies in other tables: one
// question a table, however many versions there are.
func (t *tx) complete(ctx context.Context, models []Model) error {
	if len(models) == 0 {
		return nil
	}
	at := map[versionKey]*Model{}
	var args []any
	for i := range models {
		m := &models[i]
		at[versionKey{m.Name, m.Version}] = m
		args = append(args, m.Name, m.Version)
	}
	these := " WHERE (name, version) IN (VALUES (?,?)" + strings.Repeat(",(?,?)", len(models)-1) + ")"
	var evidence []struct {
		versionKey
		Evidence
		At stamp `db:"at"`
	}
	if err := t.all(ctx, &evidence, "SELECT name, version, suite, passed, report, page, at FROM model_evidence"+these+" ORDER BY name, version, seq", slices.Clone(args)...); err != nil {
		return err
	}
	for _, e := range evidence {
		m := at[e.versionKey]
		e.Evidence.At = e.At.time()
		m.Evidence = append(m.Evidence, e.Evidence)
	}
	var aliases []struct {
		versionKey
		Alias string `db:"alias"`
	}
	if err := t.all(ctx, &aliases, "SELECT name, version, alias FROM model_aliases"+these+" ORDER BY name, alias", slices.Clone(args)...); err != nil {
		return err
	}
	for _, a := range aliases {
		m := at[a.versionKey]
		m.Aliases = append(m.Aliases, a.Alias)
	}
	var tags []struct {
		versionKey
		Tag
	}
	if err := t.all(ctx, &tags, "SELECT name, version, key, value FROM model_tags"+these, args...); err != nil {
		return err
	}
	for _, tag := range tags {
		m := at[tag.versionKey]
		if m.Tags == nil {
			m.Tags = map[string]string{}
		}
		m.Tags[tag.Key] = tag.Value
	}
	return nil
}

// Tag is a key and a value that people or programs hung on something.
type Tag struct {
	Key   string `db:"key" json:"key"`
	Value string `db:"value" json:"value"`
}

// tagRows are the rows of tags behind what they belong to.
func tagRows(tags map[string]string, owner ...any) [][]any {
	var rows [][]any
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		rows = append(rows, append(slices.Clone(owner), key, tags[key]))
	}
	return rows
}
