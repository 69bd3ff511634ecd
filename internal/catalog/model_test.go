package catalog_test

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/stretchr/testify/require"
)

func TestRegisterModel(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		_, _, err := c.SaveData(ctx, data("credit", "aa"), mark("data"))
		require.NoError(t, err)
		m := model("m", "1.0.0")
		m.DataDigest, m.Release, m.CreatedAt = "sha256:aa", "release/m/1.0.0@run", time.Unix(1700000000, 0)
		tests := catalog.Evidence{Suite: "tests", Passed: true, Report: "sha256:0a", Page: "sha256:0b"}
		first, existed, err := c.RegisterModel(ctx, m, []catalog.Evidence{tests}, mark("1"))
		require.NoError(t, err)
		require.False(t, existed)
		require.Equal(t, "m/1.0.0/1700000000", first.ID)
		require.Equal(t, catalog.StageStaging, first.Stage)
		require.Equal(t, int64(1), first.Number)
		require.Equal(t, "ann", first.CreatedBy)
		require.Equal(t, m.Metrics, first.Metrics)
		require.JSONEq(t, string(m.Config), string(first.Config))
		require.Len(t, first.Evidence, 1)

		again, existed, err := c.RegisterModel(ctx, m, []catalog.Evidence{tests}, mark("1"))
		require.NoError(t, err)
		require.False(t, existed)
		require.Equal(t, first, again)
		require.Len(t, events(t, c), 2)

		// A second release of the same bytes: same row, more knowledge.
		_, err = c.SetStage(ctx, "m", "1.0.0", catalog.StageRejected, mark("reject"))
		require.NoError(t, err)
		more := m
		more.Metrics = map[string]float64{"auc": 0.9}
		second, existed, err := c.RegisterModel(ctx, more, []catalog.Evidence{tests, {Suite: "data", Report: "sha256:0c"}}, mark("2"))
		require.NoError(t, err)
		require.True(t, existed)
		require.Equal(t, first.ID, second.ID)
		require.Equal(t, catalog.StageStaging, second.Stage)
		require.Equal(t, map[string]float64{"accuracy": 0.75, "auc": 0.9}, second.Metrics)
		require.Len(t, second.Evidence, 2)
		require.Equal(t, int64(3), second.Rev)
		stored, err := c.Model(ctx, "m", "1.0.0")
		require.NoError(t, err)
		require.Equal(t, second, stored)

		other := m
		other.Digest = "sha256:other"
		_, _, err = c.RegisterModel(ctx, other, nil, mark("3"))
		require.ErrorIs(t, err, catalog.ErrConflict)
		require.ErrorContains(t, err, "new version")
		nextModel, _, err := c.RegisterModel(ctx, model("m", "1.1.0"), nil, mark("4"))
		require.NoError(t, err)
		require.Equal(t, int64(2), nextModel.Number, "the refused registration used no number")

		noData, notFinite, noName, badConfig := model("m", "2"), model("m", "2"), model("", "2"), model("m", "2")
		noData.DataDigest, notFinite.Metrics, badConfig.Config = "sha256:00", map[string]float64{"x": math.NaN()}, []byte("{")
		for want, bad := range map[error][]catalog.Model{catalog.ErrNotFound: {noData}, catalog.ErrInvalid: {notFinite, noName, badConfig, model("a/b", "2"), model("m", "2@3")}} {
			for _, m := range bad {
				_, _, err := c.RegisterModel(ctx, m, nil, mark("bad"))
				require.ErrorIs(t, err, want)
			}
		}
		_, err = c.Model(ctx, "m", "2")
		require.ErrorIs(t, err, catalog.ErrNotFound)
		intact(t, c)
	})
}

func TestNumbersHaveNoGaps(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				m := model("m", fmt.Sprint(i))
				if i%4 == 0 {
					m.DataDigest = "sha256:missing"
				}
				_, _, err := c.RegisterModel(t.Context(), m, nil, mark(fmt.Sprint(i)))
				if (err != nil) != (i%4 == 0) {
					t.Errorf("register %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		models, err := c.Models(t.Context(), catalog.ModelFilter{Name: "m"})
		require.NoError(t, err)
		numbers := map[int64]bool{}
		for _, m := range models {
			numbers[m.Number] = true
		}
		require.Len(t, numbers, 15)
		require.True(t, numbers[1] && numbers[15])
	})
}

func TestSetStage(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		promoted(t, c, "1.0.0")
		_, _, err := c.RegisterModel(ctx, model("m", "1.1.0"), nil, mark("r"))
		require.NoError(t, err)
		archived, err := c.SetStage(ctx, "m", "1.1.0", catalog.StageArchived, mark("archive"))
		require.NoError(t, err)
		require.Equal(t, catalog.StageArchived, archived.Stage)
		before := events(t, c)
		require.JSONEq(t, `"staging"`, field(t, before[len(before)-1], "before", "stage"))
		again, err := c.SetStage(ctx, "m", "1.1.0", catalog.StageArchived, mark("archive"))
		require.NoError(t, err)
		require.Equal(t, archived, again)
		again, err = c.SetStage(ctx, "m", "1.1.0", catalog.StageArchived, mark("archive by another key"))
		require.NoError(t, err)
		require.Equal(t, archived, again)

		_, err = c.SetStage(ctx, "m", "1.1.0", catalog.StageProduction, mark("x"))
		require.ErrorIs(t, err, catalog.ErrConflict)
		_, err = c.SetStage(ctx, "m", "1.0.0", catalog.StageArchived, mark("y"))
		require.ErrorIs(t, err, catalog.ErrConflict)
		_, err = c.SetStage(ctx, "m", "1.0.0", "nowhere", mark("z"))
		require.ErrorIs(t, err, catalog.ErrInvalid)
		_, err = c.SetStage(ctx, "m", "7", catalog.StageArchived, mark("w"))
		require.ErrorIs(t, err, catalog.ErrNotFound)
		require.Equal(t, before, events(t, c))

		for filter, want := range map[catalog.ModelFilter]int{
			{}: 2, {Stage: catalog.StageArchived}: 1, {Stage: catalog.StageRejected}: 0, {Name: "n"}: 0, {Name: "m", Limit: 1}: 1,
		} {
			models, err := c.Models(ctx, filter)
			require.NoError(t, err)
			require.Len(t, models, want, "%+v", filter)
		}
	})
}

func TestSetAlias(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		for _, version := range []string{"1", "2"} {
			_, _, err := c.RegisterModel(ctx, model("m", version), nil, mark(version))
			require.NoError(t, err)
		}
		require.NoError(t, c.SetAlias(ctx, "m", "best", "1", 0, mark("a")))
		require.NoError(t, c.SetAlias(ctx, "m", "best", "2", 1, mark("b")))
		before := events(t, c)
		require.NoError(t, c.SetAlias(ctx, "m", "best", "2", 1, mark("b")))
		require.ErrorIs(t, c.SetAlias(ctx, "m", "best", "1", 1, mark("c")), catalog.ErrConflict)
		require.ErrorIs(t, c.SetAlias(ctx, "m", "new", "1", 1, mark("d")), catalog.ErrConflict)
		require.ErrorIs(t, c.SetAlias(ctx, "m", catalog.AliasProduction, "1", 0, mark("e")), catalog.ErrConflict)
		require.ErrorIs(t, c.SetAlias(ctx, "m", "best", "3", 2, mark("f")), catalog.ErrNotFound)
		require.Equal(t, before, events(t, c))
		aliases, err := c.Aliases(ctx, "m")
		require.NoError(t, err)
		require.Equal(t, []catalog.Alias{{Name: "m", Alias: "best", Version: "2", Rev: 2}}, aliases)
		second, err := c.Model(ctx, "m", "2")
		require.NoError(t, err)
		require.Equal(t, []string{"best"}, second.Aliases)
	})
}
