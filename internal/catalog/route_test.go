package catalog_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
	"github.com/stretchr/testify/require"
)

// staged registers a version and puts it on the route for the release "r-<version>".
func staged(t *testing.T, c *catalog.Catalog, version string) catalog.Route {
	t.Helper()
	_, _, err := c.RegisterModel(t.Context(), model("m", version), nil, mark("register-"+version))
	require.NoError(t, err)
	route, err := c.StageCanary(t.Context(), "m", version, digestOf("m", version), "r-"+version, mark("stage-"+version))
	require.NoError(t, err)
	return route
}

func promoted(t *testing.T, c *catalog.Catalog, version string) catalog.Route {
	t.Helper()
	route := staged(t, c, version)
	route, err := c.PromoteCanary(t.Context(), "m", "r-"+version, route.Rev, mark("promote-"+version))
	require.NoError(t, err)
	return route
}

func TestCanaryLifeAndRepeats(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		_, err := c.Route(ctx, "m")
		require.ErrorIs(t, err, catalog.ErrNotFound)
		none, err := c.ClearCanary(ctx, "m", "r", mark("clear-none"))
		require.NoError(t, err)
		require.Zero(t, none)

		first := promoted(t, c, "1.0.0")
		require.Equal(t, int64(2), first.Rev)
		require.Equal(t, "1.0.0", first.Stable)
		require.Empty(t, first.Canary)
		require.Empty(t, first.Previous)

		stage := staged(t, c, "1.1.0")
		require.Equal(t, int64(3), stage.Rev)
		shift, err := c.ShiftCanary(ctx, "m", "r-1.1.0", 250, stage.Rev, mark("shift"))
		require.NoError(t, err)
		require.Equal(t, 250, shift.CanaryPermille)
		promote, err := c.PromoteCanary(ctx, "m", "r-1.1.0", shift.Rev, mark("promote"))
		require.NoError(t, err)
		want := catalog.Route{Model: "m", Stable: "1.1.0", StableDigest: digestOf("m", "1.1.0"), Previous: "1.0.0", PreviousDigest: digestOf("m", "1.0.0"), Rev: 5, UpdatedAt: promote.UpdatedAt}
		require.Equal(t, want, promote)
		stored, err := c.Route(ctx, "m")
		require.NoError(t, err)
		require.Equal(t, want, stored)

		// Each mutation again, by its key: the recorded result, no event, no move.
		before := events(t, c)
		again, err := c.StageCanary(ctx, "m", "1.1.0", digestOf("m", "1.1.0"), "r-1.1.0", mark("stage-1.1.0"))
		require.NoError(t, err)
		require.Equal(t, stage, again)
		again, err = c.ShiftCanary(ctx, "m", "r-1.1.0", 250, stage.Rev, mark("shift"))
		require.NoError(t, err)
		require.Equal(t, shift, again)
		again, err = c.PromoteCanary(ctx, "m", "r-1.1.0", shift.Rev, mark("promote"))
		require.NoError(t, err)
		require.Equal(t, promote, again)
		again, err = c.ClearCanary(ctx, "m", "r-1.1.0", mark("clear-late"))
		require.NoError(t, err)
		require.Equal(t, promote, again, "clearing what is promoted does nothing")
		require.Equal(t, before, events(t, c))
		routes, err := c.Routes(ctx)
		require.NoError(t, err)
		require.Equal(t, []catalog.Route{want}, routes)

		staged(t, c, "1.2.0")
		cleared, err := c.ClearCanary(ctx, "m", "r-1.2.0", mark("clear"))
		require.NoError(t, err)
		require.Equal(t, int64(7), cleared.Rev)
		require.Equal(t, "1.1.0", cleared.Stable)
		require.Equal(t, "1.0.0", cleared.Previous)
		require.Empty(t, cleared.Canary+cleared.Release)
		again, err = c.ClearCanary(ctx, "m", "r-1.2.0", mark("clear"))
		require.NoError(t, err)
		require.Equal(t, cleared, again)
		require.Equal(t, int64(len(before)+3), intact(t, c))
	})
}

func TestPromotionMovesStages(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		start := time.Now()
		promoted(t, c, "1.0.0")
		between := time.Now()
		promoted(t, c, "1.1.0")
		end := time.Now()

		for version, want := range map[string]struct {
			stage   string
			aliases []string
		}{"1.0.0": {catalog.StageArchived, nil}, "1.1.0": {catalog.StageProduction, []string{catalog.AliasProduction}}} {
			got, err := c.Model(ctx, "m", version)
			require.NoError(t, err)
			require.Equal(t, want.stage, got.Stage)
			require.Equal(t, want.aliases, got.Aliases)
		}
		_, err := c.ProductionAt(ctx, "m", start)
		require.ErrorIs(t, err, catalog.ErrNotFound)
		for version, when := range map[string]time.Time{"1.0.0": between, "1.1.0": end} {
			got, err := c.ProductionAt(ctx, "m", when)
			require.NoError(t, err)
			require.Equal(t, version, got)
		}
		history, err := c.StageHistory(ctx, "m")
		require.NoError(t, err)
		var lines []string
		for _, e := range history {
			lines = append(lines, e.Action+" "+e.Subject+" by "+e.Actor)
		}
		require.Equal(t, []string{
			"model.registered model/m/1.0.0 by ann", "model.promoted model/m/1.0.0 by ann",
			"model.registered model/m/1.1.0 by ann", "model.promoted model/m/1.1.0 by ann",
		}, lines)

		// A version that was archived can come back.
		route, err := c.StageCanary(ctx, "m", "1.0.0", digestOf("m", "1.0.0"), "r-back", mark("back"))
		require.NoError(t, err)
		route, err = c.PromoteCanary(ctx, "m", "r-back", route.Rev, mark("promote-back"))
		require.NoError(t, err)
		require.Equal(t, "1.0.0", route.Stable)
		require.Equal(t, "1.1.0", route.Previous)
		inProduction, err := c.Models(ctx, catalog.ModelFilter{Name: "m", Stage: catalog.StageProduction})
		require.NoError(t, err)
		require.Len(t, inProduction, 1)
		require.Equal(t, "1.0.0", inProduction[0].Version)
	})
}

func TestCanaryConflicts(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		promoted(t, c, "1.0.0")
		route := staged(t, c, "1.1.0")
		_, _, err := c.RegisterModel(ctx, model("m", "1.2.0"), nil, mark("register-1.2.0"))
		require.NoError(t, err)
		_, _, err = c.RegisterModel(ctx, model("m", "1.3.0"), nil, mark("register-1.3.0"))
		require.NoError(t, err)
		before := events(t, c)

		conflicts := map[string]error{}
		_, conflicts["other release's canary"] = c.StageCanary(ctx, "m", "1.2.0", digestOf("m", "1.2.0"), "r-1.2.0", mark("a"))
		_, conflicts["other digest"] = c.StageCanary(ctx, "m", "1.2.0", "sha256:00", "r-1.1.0", mark("b"))
		_, conflicts["stable already"] = c.StageCanary(ctx, "m", "1.0.0", digestOf("m", "1.0.0"), "r-1.1.0", mark("c"))
		_, conflicts["shift of other"] = c.ShiftCanary(ctx, "m", "r-1.2.0", 10, route.Rev, mark("d"))
		_, conflicts["shift of old rev"] = c.ShiftCanary(ctx, "m", "r-1.1.0", 10, route.Rev-1, mark("e"))
		_, conflicts["promote of other"] = c.PromoteCanary(ctx, "m", "r-1.2.0", route.Rev, mark("f"))
		_, conflicts["promote of old rev"] = c.PromoteCanary(ctx, "m", "r-1.1.0", route.Rev-1, mark("g"))
		_, conflicts["key of another act"] = c.ShiftCanary(ctx, "m", "r-1.1.0", 10, route.Rev, mark("stage-1.1.0"))
		for name, err := range conflicts {
			require.ErrorIs(t, err, catalog.ErrConflict, name)
		}
		_, err = c.StageCanary(ctx, "m", "9.9.9", "sha256:00", "r", mark("h"))
		require.ErrorIs(t, err, catalog.ErrNotFound)
		_, err = c.ShiftCanary(ctx, "nothing", "r", 10, 1, mark("i"))
		require.ErrorIs(t, err, catalog.ErrNotFound)
		_, err = c.ShiftCanary(ctx, "m", "r-1.1.0", 1001, route.Rev, mark("j"))
		require.ErrorIs(t, err, catalog.ErrInvalid)
		_, err = c.ShiftCanary(ctx, "m", "r-1.1.0", 10, route.Rev, catalog.Mark{Actor: "ann"})
		require.ErrorIs(t, err, catalog.ErrInvalid)

		unchanged, err := c.ClearCanary(ctx, "m", "r-1.2.0", mark("k"))
		require.NoError(t, err)
		require.Equal(t, route, unchanged)
		same, err := c.StageCanary(ctx, "m", "1.1.0", digestOf("m", "1.1.0"), "r-1.1.0", mark("l"))
		require.NoError(t, err)
		require.Equal(t, route, same)
		require.Equal(t, before, events(t, c), "what did nothing leaves no event")
	})
}

// TestPromotionIsAllOrNothing refuses a promotion after it has looked at the route.
func TestPromotionIsAllOrNothing(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		promoted(t, c, "1.0.0")
		route := staged(t, c, "1.1.0")
		_, err := c.SetStage(ctx, "m", "1.1.0", catalog.StageRejected, mark("reject"))
		require.NoError(t, err)
		before, err := c.Models(ctx, catalog.ModelFilter{})
		require.NoError(t, err)
		n := intact(t, c)

		_, err = c.PromoteCanary(ctx, "m", "r-1.1.0", route.Rev, mark("promote"))
		require.ErrorIs(t, err, catalog.ErrConflict)
		after, err := c.Models(ctx, catalog.ModelFilter{})
		require.NoError(t, err)
		require.Equal(t, before, after)
		now, err := c.Route(ctx, "m")
		require.NoError(t, err)
		require.Equal(t, route, now)
		require.Equal(t, n, intact(t, c))
		_, err = c.StageCanary(ctx, "m", "1.1.0", digestOf("m", "1.1.0"), "r-other", mark("stage rejected"))
		require.ErrorIs(t, err, catalog.ErrConflict)
	})
}

// TestOneWinner lets 50 promotions and 50 shifts race for one revision.
func TestOneWinner(t *testing.T) {
	t.Parallel()
	catalogtest.Each(t, func(t *testing.T, open func() *catalog.Catalog) {
		handles := []*catalog.Catalog{open(), open()}
		promoted(t, handles[0], "1.0.0")
		route := staged(t, handles[0], "1.1.0")
		race := func(kind string, move func(c *catalog.Catalog, m catalog.Mark) error) {
			var won, lost atomic.Int64
			var wg sync.WaitGroup
			for i := range 50 {
				wg.Go(func() {
					err := move(handles[i%2], mark(fmt.Sprintf("%s-%d", kind, i)))
					switch {
					case err == nil:
						won.Add(1)
					case errors.Is(err, catalog.ErrConflict):
						lost.Add(1)
					default:
						t.Errorf("%s %d: %v", kind, i, err)
					}
				})
			}
			wg.Wait()
			require.Equal(t, []int64{1, 49}, []int64{won.Load(), lost.Load()}, kind)
		}
		race("shift", func(c *catalog.Catalog, m catalog.Mark) error {
			_, err := c.ShiftCanary(t.Context(), "m", "r-1.1.0", 50, route.Rev, m)
			return err
		})
		race("promote", func(c *catalog.Catalog, m catalog.Mark) error {
			_, err := c.PromoteCanary(t.Context(), "m", "r-1.1.0", route.Rev+1, m)
			return err
		})
		after, err := handles[1].Route(t.Context(), "m")
		require.NoError(t, err)
		require.Equal(t, route.Rev+2, after.Rev)
		require.Equal(t, "1.1.0", after.Stable)
		inProduction, err := handles[0].Models(t.Context(), catalog.ModelFilter{Stage: catalog.StageProduction})
		require.NoError(t, err)
		require.Len(t, inProduction, 1)
		// 2 registrations, 2 stagings, 2 promotions, 1 shift
		require.Equal(t, int64(7), intact(t, handles[0]))
	})
}
