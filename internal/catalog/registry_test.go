package catalog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
	"github.com/stretchr/testify/require"
)

func TestRegisteredModel(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		made, err := c.CreateRegisteredModel(ctx, catalog.RegisteredModel{Name: "m", Description: "d", Tags: map[string]string{"a": "1", "b": "2"}}, mark("1"))
		require.NoError(t, err)
		require.Equal(t, "ann", made.CreatedBy)
		_, err = c.CreateRegisteredModel(ctx, catalog.RegisteredModel{Name: "m"}, mark("2"))
		require.ErrorIs(t, err, catalog.ErrConflict)
		for _, bad := range []string{"", "a/b", "a@b", strings.Repeat("x", 201)} {
			_, err = c.CreateRegisteredModel(ctx, catalog.RegisteredModel{Name: bad}, mark("3"))
			require.ErrorIs(t, err, catalog.ErrInvalid, bad)
		}
		_, err = c.CreateVersion(ctx, catalog.Model{Name: "none", Source: "x"}, mark("4"))
		require.ErrorIs(t, err, catalog.ErrNotFound)
		_, err = c.CreateVersion(ctx, catalog.Model{Name: "m"}, mark("4"))
		require.ErrorIs(t, err, catalog.ErrInvalid)
		v, err := c.CreateVersion(ctx, catalog.Model{Name: "m", Source: "s3://x", Run: "r1", ModelID: "m-1", Description: "first", Tags: map[string]string{"k": "v"}}, mark("5"))
		require.NoError(t, err)
		require.Equal(t, map[string]string{"k": "v"}, v.Tags)
		require.Equal(t, catalog.StatusReady, v.Status)
		again, err := c.CreateVersion(ctx, catalog.Model{Name: "m", Source: "s3://x"}, mark("5"))
		require.NoError(t, err)
		require.Equal(t, v, again, "the same key is the same act")

		v, err = c.DescribeVersion(ctx, "m", "1", "better", mark("6"))
		require.NoError(t, err)
		require.Equal(t, "better", v.Description)
		require.NoError(t, c.TagVersion(ctx, "m", "1", catalog.Tag{Key: "k", Value: "w"}, mark("7")))
		require.NoError(t, c.TagVersion(ctx, "m", "1", catalog.Tag{Key: "k2", Value: ""}, mark("8")))
		n := len(events(t, c))
		require.NoError(t, c.TagVersion(ctx, "m", "1", catalog.Tag{Key: "k", Value: "w"}, mark("9")))
		require.NoError(t, c.UntagVersion(ctx, "m", "1", "absent", mark("10")))
		require.NoError(t, c.UntagRegisteredModel(ctx, "m", "absent", mark("11")))
		require.Len(t, events(t, c), n, "nothing moved, nothing written")
		require.NoError(t, c.UntagVersion(ctx, "m", "1", "k2", mark("12")))
		require.NoError(t, c.TagRegisteredModel(ctx, "m", catalog.Tag{Key: "c", Value: "3"}, mark("13")))
		require.NoError(t, c.UntagRegisteredModel(ctx, "m", "a", mark("14")))
		_, err = c.DescribeRegisteredModel(ctx, "m", "new", mark("15"))
		require.NoError(t, err)
		_, err = c.MoveAlias(ctx, catalog.AliasMove{Name: "m", Alias: "champion", Version: "1"}, mark("16"))
		require.NoError(t, err)

		got, err := c.RegisteredModel(ctx, "m")
		require.NoError(t, err)
		require.Equal(t, "new", got.Description)
		require.Equal(t, map[string]string{"b": "2", "c": "3"}, got.Tags)
		require.Equal(t, []catalog.Alias{{Name: "m", Alias: "champion", Version: "1", Rev: 1, Number: 1}}, got.Aliases)
		require.Len(t, got.Latest, 1)
		require.Equal(t, map[string]string{"k": "w"}, got.Latest[0].Tags)
		require.Equal(t, []string{"champion"}, got.Latest[0].Aliases)

		// A new name takes everything along; a name once used by versions does not come back.
		_, err = c.RenameRegisteredModel(ctx, "m", "n", mark("17"))
		require.NoError(t, err)
		moved, err := c.VersionByNumber(ctx, "n", 1)
		require.NoError(t, err)
		require.Equal(t, got.Latest[0].Tags, moved.Tags)
		require.Equal(t, got.Latest[0].Aliases, moved.Aliases)
		_, err = c.VersionByNumber(ctx, "m", 1)
		require.ErrorIs(t, err, catalog.ErrNotFound)
		_, err = c.RenameRegisteredModel(ctx, "n", "m", mark("18"))
		require.NoError(t, err, "back to the name that has no versions left")
		handmade(t, c, "o", 1)
		require.NoError(t, c.DeleteRegisteredModel(ctx, "o", mark("19")))
		_, err = c.RenameRegisteredModel(ctx, "m", "o", mark("20"))
		require.ErrorContains(t, err, "stay on record")
		intact(t, c)
	})
}

func TestProtectedAlias(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		handmade(t, c, "m", 2)
		a, err := c.MoveAlias(ctx, catalog.AliasMove{Name: "m", Alias: "golden", Version: "1", Protected: ptr(true)}, mark("1"))
		require.NoError(t, err)
		require.True(t, a.Protected)
		for _, err := range []error{
			second(c.MoveAlias(ctx, catalog.AliasMove{Name: "m", Alias: "golden", Version: "2"}, mark("2"))),
			second(c.RemoveAlias(ctx, catalog.AliasMove{Name: "m", Alias: "golden"}, mark("3"))),
			c.DeleteVersion(ctx, "m", "1", mark("4")),
			c.DeleteRegisteredModel(ctx, "m", mark("5")),
		} {
			require.ErrorIs(t, err, catalog.ErrGoverned)
			require.ErrorContains(t, err, "protected")
		}
		_, err = c.MoveAlias(ctx, catalog.AliasMove{Name: "m", Alias: "golden", Version: "2", Override: true}, catalog.Mark{Key: "6", Actor: "ann"})
		require.ErrorIs(t, err, catalog.ErrInvalid, "without a reason")
		a, err = c.MoveAlias(ctx, catalog.AliasMove{Name: "m", Alias: "golden", Version: "2", Override: true, Rev: ptr(int64(1))}, mark("7"))
		require.NoError(t, err)
		require.True(t, a.Protected, "it stays protected")
		_, err = c.RemoveAlias(ctx, catalog.AliasMove{Name: "m", Alias: "golden", Override: true}, mark("8"))
		require.NoError(t, err)
		_, err = c.RemoveAlias(ctx, catalog.AliasMove{Name: "m", Alias: "golden"}, mark("9"))
		require.ErrorIs(t, err, catalog.ErrNotFound)
		// Who saw revision 2 must not take the alias that came after for it.
		a, err = c.MoveAlias(ctx, catalog.AliasMove{Name: "m", Alias: "golden", Version: "1", Rev: ptr(int64(0))}, mark("10"))
		require.NoError(t, err)
		require.Equal(t, int64(3), a.Rev)
		intact(t, c)
	})
}

func TestStageAlone(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		handmade(t, c, "m", 4)
		for _, v := range []string{"1", "2"} {
			_, err := c.SetStage(ctx, "m", v, catalog.StageStaging, mark("stage "+v))
			require.NoError(t, err)
		}
		n := len(events(t, c))
		_, err := c.SetStageAlone(ctx, "m", "3", catalog.StageStaging, true, mark("alone"))
		require.NoError(t, err)
		require.Len(t, events(t, c), n+3)
		_, err = c.SetStageAlone(ctx, "m", "3", catalog.StageStaging, true, mark("alone"))
		require.NoError(t, err)
		require.Len(t, events(t, c), n+3, "once")
		r, err := c.RegisteredModel(ctx, "m")
		require.NoError(t, err)
		var latest []string
		for _, v := range r.Latest {
			latest = append(latest, v.Version+" "+v.Stage)
		}
		require.Equal(t, []string{"2 archived", "3 staging", "4 none"}, latest)
		intact(t, c)
	})
}

func TestSearchRegistry(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		for i, name := range []string{"Alpha", "beta", "gamma", "g*mma", "prompt"} {
			tags := map[string]string{"team": []string{"red", "blue"}[i%2]}
			if name == "prompt" {
				tags["is_prompt"] = "true"
			}
			_, err := c.CreateRegisteredModel(ctx, catalog.RegisteredModel{Name: name, Tags: tags}, mark(name))
			require.NoError(t, err)
			for j := range 3 {
				_, err := c.CreateVersion(ctx, catalog.Model{Name: name, Source: "s3://" + name, Run: fmt.Sprint("run", j), Tags: map[string]string{"n": fmt.Sprint(j)}}, mark(fmt.Sprint(name, j)))
				require.NoError(t, err)
			}
		}
		require.NoError(t, c.DeleteVersion(ctx, "beta", "2", mark("gone")))
		find := func(where ...catalog.Match) (names []string) {
			t.Helper()
			// Two at a time: pages must join without a gap.
			s := catalog.Search{Where: where, Limit: 2}
			for {
				found, next, err := c.SearchRegisteredModels(ctx, s)
				require.NoError(t, err)
				for _, m := range found {
					names = append(names, m.Name)
				}
				if s.After = next; next == nil {
					return names
				}
			}
		}
		require.Equal(t, []string{"Alpha", "beta", "g*mma", "gamma", "prompt"}, find())
		require.Equal(t, []string{"gamma"}, find(catalog.Match{Column: "name", Op: "=", Value: "gamma"}))
		require.Equal(t, []string{"g*mma", "gamma"}, find(catalog.Match{Column: "name", Op: "LIKE", Value: "g%mma"}))
		require.Equal(t, []string{"g*mma"}, find(catalog.Match{Column: "name", Op: "LIKE", Value: "g*%"}))
		require.Empty(t, find(catalog.Match{Column: "name", Op: "LIKE", Value: "alph_"}))
		require.Equal(t, []string{"Alpha"}, find(catalog.Match{Column: "name", Op: "ILIKE", Value: "alph_"}))
		require.Equal(t, []string{"beta", "g*mma"}, find(catalog.Match{Tag: "team", Op: "=", Value: "blue"}))
		require.Equal(t, []string{"Alpha", "gamma"}, find(catalog.Match{Tag: "team", Op: "!=", Value: "blue"}, catalog.Match{Column: "name", Op: "!=", Value: "prompt"}))

		versions := func(s catalog.Search) (ids []string) {
			t.Helper()
			s.Limit = 2
			for {
				found, next, err := c.SearchVersions(ctx, s)
				require.NoError(t, err)
				for _, m := range found {
					ids = append(ids, m.Name+m.Version)
				}
				if s.After = next; next == nil {
					return ids
				}
			}
		}
		byNumber := []catalog.Order{{Column: "version_number", Desc: true}, {Column: "name"}}
		require.Equal(t, []string{"beta3", "beta1"}, versions(catalog.Search{Where: []catalog.Match{{Column: "name", Op: "=", Value: "beta"}}}))
		require.Equal(t, []string{"Alpha2", "g*mma2", "gamma2"}, versions(catalog.Search{OrderBy: byNumber, NotTagged: catalog.Tag{Key: "is_prompt", Value: "true"}, Where: []catalog.Match{{Column: "run_id", Op: "IN", Value: []string{"run1", "x"}}}}))
		require.Equal(t, []string{"Alpha3", "beta3", "g*mma3", "gamma3", "prompt3"}, versions(catalog.Search{OrderBy: byNumber, Where: []catalog.Match{{Column: "version_number", Op: ">", Value: int64(2)}}}))
		require.Equal(t, []string{"beta1"}, versions(catalog.Search{Where: []catalog.Match{{Tag: "n", Op: "=", Value: "0"}, {Column: "source_path", Op: "LIKE", Value: "%beta"}}}))
		require.Len(t, versions(catalog.Search{}), 14)

		for _, s := range []catalog.Search{
			{}, {Limit: 1, Where: []catalog.Match{{Column: "nothing", Op: "=", Value: "x"}}}, {Limit: 1, Where: []catalog.Match{{Column: "name", Op: "; DROP", Value: "x"}}},
			{Limit: 1, Where: []catalog.Match{{Column: "version_number", Op: "=", Value: "x"}}}, {Limit: 1, Where: []catalog.Match{{Column: "name", Op: "IN", Value: []string{}}}},
			{Limit: 1, OrderBy: []catalog.Order{{Column: "x"}}}, {Limit: 1, After: []any{"a"}}, {Limit: 1, After: []any{"a", "b", "c"}}, {Limit: 1, After: []any{nil, "b", 1.0}},
		} {
			_, _, err := c.SearchVersions(ctx, s)
			require.ErrorIs(t, err, catalog.ErrInvalid, "%+v", s)
		}
	})
}

// TestMigrateOldModels takes a catalog of the version before the registry along: tables that
// SQLite makes anew keep their rows and what refers to them.
func TestMigrateOldModels(t *testing.T) {
	t.Parallel()
	catalogtest.EachDSN(t, func(t *testing.T, dsn string) {
		db := catalogtest.Raw(t, dsn)
		dialect, types := catalog.SQLite, strings.NewReplacer("{name}", "TEXT", "{bytes}", "BLOB")
		if strings.HasPrefix(dsn, "postgres") {
			dialect, types = catalog.Postgres, strings.NewReplacer("{name}", `TEXT COLLATE "C"`, "{bytes}", "BYTEA")
		}
		run := func(sql string) {
			t.Helper()
			_, err := db.ExecContext(t.Context(), types.Replace(sql))
			require.NoError(t, err)
		}
		run("CREATE TABLE schema_steps (step BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)")
		for i, name := range []string{"0001_init", "0002_blobs", "0003_data"} {
			for _, suffix := range []string{".sql", "." + dialect + ".sql"} {
				text, err := os.ReadFile(filepath.Join("migrations", name+suffix))
				if err == nil {
					run(string(text))
				} else {
					require.ErrorIs(t, err, os.ErrNotExist)
				}
			}
			run(fmt.Sprintf("INSERT INTO schema_steps VALUES (%d, '%s', 0)", i+1, name))
		}
		run(`INSERT INTO model_names (name, last_number) VALUES ('m', 2);
			INSERT INTO models (name, version, number, id, digest, stage, release, config, metrics, created_by, created_at, updated_at, rev) VALUES
				('m', '1.0.0', 1, 'm/1.0.0/7', 'sha256:1', 'archived', '', '{}', '{}', 'ann', 7000000, 8000000, 3),
				('m', '1.1.0', 2, 'm/1.1.0/9', 'sha256:2', 'production', 'r', '{}', '{"a":1}', 'bob', 9000000, 9000000, 2);
			INSERT INTO model_evidence (name, version, seq, suite, passed, report, page, at) VALUES ('m', '1.1.0', 1, 'tests', TRUE, 'sha256:3', '', 1);
			INSERT INTO model_aliases (name, alias, version, rev) VALUES ('m', 'production', '1.1.0', 4);`)
		c := catalogtest.Open(t, dsn)
		m, err := c.Model(t.Context(), "m", "1.1.0")
		require.NoError(t, err)
		require.Equal(t, map[string]float64{"a": 1}, m.Metrics)
		require.Equal(t, catalog.StatusReady, m.Status)
		require.Len(t, m.Evidence, 1)
		require.Equal(t, []string{"production"}, m.Aliases)
		r, err := c.RegisteredModel(t.Context(), "m")
		require.NoError(t, err)
		require.Equal(t, "ann", r.CreatedBy)
		require.Equal(t, int64(7), r.CreatedAt.Unix())
		require.Equal(t, int64(9), r.UpdatedAt.Unix())
		for _, bad := range []string{
			"INSERT INTO model_aliases (name, alias, version, rev) VALUES ('m', 'x', 'none', 1)",
			"UPDATE models SET stage = 'nowhere'",
			"UPDATE models SET stage = 'production'",
		} {
			conn, err := db.Connx(t.Context())
			require.NoError(t, err)
			if dialect == catalog.SQLite {
				_, err = conn.ExecContext(t.Context(), "PRAGMA foreign_keys = ON")
				require.NoError(t, err)
			}
			_, err = conn.ExecContext(t.Context(), bad)
			require.Error(t, err, bad)
			require.NoError(t, conn.Close())
		}
		_, err = c.CreateVersion(t.Context(), catalog.Model{Name: "m", Source: "x"}, mark("3"))
		require.NoError(t, err)
		_, err = c.RenameRegisteredModel(t.Context(), "m", "n", mark("4"))
		require.NoError(t, err)
		m, err = c.Model(t.Context(), "n", "1.1.0")
		require.NoError(t, err)
		require.Len(t, m.Evidence, 1)
		require.Equal(t, []string{"production"}, m.Aliases)
	})
}
