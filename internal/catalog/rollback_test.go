package catalog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
)

// The version before goes back into production in one move, as a promotion puts it there: route, stages, alias and event.
func TestRollBackAfterAPromotion(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		promoted(t, c, "1.0.0")
		before := promoted(t, c, "1.1.0")
		n := intact(t, c)
		back, err := c.RollBackModel(ctx, catalog.Rollback{Name: "m", Expect: "1.1.0"}, mark("back"))
		require.NoError(t, err)
		require.Equal(t, catalog.Route{Model: "m", Stable: "1.0.0", StableDigest: digestOf("m", "1.0.0"), Rev: before.Rev + 1, UpdatedAt: back.UpdatedAt}, back)
		again, err := c.RollBackModel(ctx, catalog.Rollback{Name: "m", Expect: "1.1.0"}, mark("back"))
		require.NoError(t, err)
		require.Equal(t, back, again, "by its key it happens once")
		require.Equal(t, n+1, intact(t, c))
		for version, stage := range map[string]string{"1.0.0": catalog.StageProduction, "1.1.0": catalog.StageArchived} {
			m, err := c.Model(ctx, "m", version)
			require.NoError(t, err)
			require.Equal(t, stage, m.Stage)
			require.Equal(t, version == "1.0.0", len(m.Aliases) == 1, "%v", m.Aliases)
		}
		moves, err := c.ModelHistory(ctx, "m")
		require.NoError(t, err)
		last := moves[len(moves)-1]
		require.Equal(t, []string{"1.0.0", "1.1.0", catalog.StageProduction}, []string{last.Version, last.Replaced, last.To})

		// Once more does not bring back what was left behind; by its name it can be had again.
		_, err = c.RollBackModel(ctx, catalog.Rollback{Name: "m"}, mark("back again"))
		require.ErrorIs(t, err, catalog.ErrConflict)
		require.ErrorContains(t, err, "keeps no version before 1.0.0")
		same, err := c.RollBackModel(ctx, catalog.Rollback{Name: "m", To: "1.0.0"}, mark("to where it is"))
		require.NoError(t, err)
		require.Equal(t, back, same)
		forth, err := c.RollBackModel(ctx, catalog.Rollback{Name: "m", To: "1.1.0"}, mark("forth"))
		require.NoError(t, err)
		require.Equal(t, "1.1.0", forth.Stable)

		// A release goes on from there.
		next := promoted(t, c, "1.2.0")
		require.Equal(t, []string{"1.2.0", "1.1.0"}, []string{next.Stable, next.Previous})
		intact(t, c)
	})
}

func TestRollBackRefuses(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		refused := func(r catalog.Rollback, kind error, words string) {
			t.Helper()
			n := intact(t, c)
			_, err := c.RollBackModel(ctx, r, mark("refused"))
			require.ErrorIs(t, err, kind)
			require.ErrorContains(t, err, words)
			require.Equal(t, n, intact(t, c))
		}
		refused(catalog.Rollback{Name: "m"}, catalog.ErrNotFound, "route of model m")
		refused(catalog.Rollback{}, catalog.ErrInvalid, "model name")
		promoted(t, c, "1.0.0")
		refused(catalog.Rollback{Name: "m"}, catalog.ErrConflict, "keeps no version before")
		promoted(t, c, "1.1.0")
		_, _, err := c.RegisterModel(ctx, model("m", "1.2.0"), nil, mark("register-1.2.0"))
		require.NoError(t, err)
		refused(catalog.Rollback{Name: "m", To: "1.2.0"}, catalog.ErrConflict, "never in production")
		refused(catalog.Rollback{Name: "m", To: "9.9.9"}, catalog.ErrNotFound, "9.9.9")
		refused(catalog.Rollback{Name: "m", Expect: "1.0.0"}, catalog.ErrConflict, "version 1.1.0 of model m was promoted")
		staged(t, c, "1.3.0")
		refused(catalog.Rollback{Name: "m"}, catalog.ErrConflict, "canary 1.3.0 of r-1.3.0")
		_, err = c.ClearCanary(ctx, "m", "r-1.3.0", mark("clear"))
		require.NoError(t, err)
		_, err = c.SetStage(ctx, "m", "1.0.0", catalog.StageRejected, mark("reject"))
		require.NoError(t, err)
		refused(catalog.Rollback{Name: "m"}, catalog.ErrConflict, "was rejected")
	})
}
