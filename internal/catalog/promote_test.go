package catalog_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
	"github.com/stretchr/testify/require"
)

// handmade makes a model with versions 1 to n that no release knows.
func handmade(t *testing.T, c *catalog.Catalog, name string, n int) {
	t.Helper()
	_, err := c.CreateRegisteredModel(t.Context(), catalog.RegisteredModel{Name: name}, mark(name+"/create"))
	require.NoError(t, err)
	for i := range n {
		v, err := c.CreateVersion(t.Context(), catalog.Model{Name: name, Source: fmt.Sprint("s3://models/", i)}, mark(fmt.Sprint(name, "/version/", i)))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(i+1), v.Version)
		require.Equal(t, catalog.StageNone, v.Stage)
	}
}

func ptr[T any](v T) *T { return &v }

// TestFiftyPromoteAtOnce lets 50 clients, each with its own connection pool, promote different
// versions of one model that they all saw without a version in production.
func TestFiftyPromoteAtOnce(t *testing.T) {
	t.Parallel()
	const clients = 50
	catalogtest.Each(t, func(t *testing.T, open func() *catalog.Catalog) {
		c := open()
		handmade(t, c, "m", clients)
		// A few processes' worth of pools; more would only test the server's connection limit.
		pools := []*catalog.Catalog{c, open(), open(), open()}
		errs := make([]error, clients)
		begin := make(chan struct{})
		var wg sync.WaitGroup
		for i := range clients {
			wg.Go(func() {
				<-begin
				_, errs[i] = pools[i%len(pools)].PromoteModel(t.Context(), catalog.Promotion{Name: "m", Version: fmt.Sprint(i + 1), Expect: ptr("")},
					catalog.Mark{Key: fmt.Sprint("client/", i), Actor: fmt.Sprint("client-", i), Reason: "mine is best"})
			})
		}
		close(begin)
		wg.Wait()
		var winners []string
		for i, err := range errs {
			if err == nil {
				winners = append(winners, fmt.Sprint(i+1))
			}
		}
		require.Len(t, winners, 1)
		winner := winners[0]
		for i, err := range errs {
			if err == nil {
				continue
			}
			var lost *catalog.ProductionError
			require.ErrorAs(t, err, &lost)
			require.ErrorIs(t, err, catalog.ErrConflict)
			require.Equal(t, winner, lost.Winner, "client %d", i)
			require.Contains(t, err.Error(), "version "+winner+" of model m was promoted by "+lost.By)
		}
		production, err := c.Models(t.Context(), catalog.ModelFilter{Name: "m", Stage: catalog.StageProduction})
		require.NoError(t, err)
		require.Len(t, production, 1)
		require.Equal(t, winner, production[0].Version)
		require.Equal(t, []string{catalog.AliasProduction}, production[0].Aliases)
		moves, err := c.ModelHistory(t.Context(), "m")
		require.NoError(t, err)
		require.Len(t, moves, 1+clients+1, "made, 50 versions, one promotion")
		last := moves[len(moves)-1]
		require.Equal(t, catalog.ActionModelPromoted, last.Action)
		require.Equal(t, winner, last.Version)
		require.Equal(t, "mine is best", last.Reason)
		intact(t, c)
	})
}

func TestProductionAtAnyTime(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		handmade(t, c, "m", 3)
		promote := func(version string, expect *string) error {
			_, err := c.PromoteModel(ctx, catalog.Promotion{Name: "m", Version: version, Expect: expect}, mark("promote "+version+time.Now().String()))
			return err
		}
		at := func(want string, when time.Time) {
			t.Helper()
			got, err := c.ProductionAt(ctx, "m", when)
			if want == "" {
				require.ErrorIs(t, err, catalog.ErrNotFound)
				return
			}
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		lastTime := func() time.Time {
			all := events(t, c)
			return all[len(all)-1].At
		}
		before := lastTime()
		require.NoError(t, promote("1", ptr("")))
		first := lastTime()
		require.NoError(t, promote("2", ptr("1")))
		second := lastTime()
		require.ErrorContains(t, promote("3", ptr("1")), "version 2 of model m was promoted by ann")
		require.NoError(t, promote("2", ptr("1")), "it is there already")
		require.Equal(t, second, lastTime(), "and nothing was written")

		_, err := c.RenameRegisteredModel(ctx, "m", "n", mark("rename"))
		require.NoError(t, err)
		renamed := lastTime()
		_, err = c.DemoteModel(ctx, "n", "2", catalog.StageArchived, mark("demote"))
		require.NoError(t, err)
		demoted := lastTime()
		_, err = c.PromoteModel(ctx, catalog.Promotion{Name: "n", Version: "3"}, mark("third"))
		require.NoError(t, err)
		third := lastTime()
		require.NoError(t, c.DeleteVersion(ctx, "n", "3", mark("delete")))
		deleted := lastTime()

		handmadeAgain, err := c.CreateRegisteredModel(ctx, catalog.RegisteredModel{Name: "m"}, mark("m again"))
		require.NoError(t, err)
		require.Equal(t, int64(3), handmadeAgain.LastNumber, "the old name's numbers go on")
		at("", renamed.Add(time.Hour)) // m is another model now
		for when, want := range map[time.Time]string{before: "", first: "1", second: "2", renamed: "2", demoted: "", third: "3", deleted: ""} {
			got, err := c.ProductionAt(ctx, "n", when)
			if want == "" {
				require.ErrorIs(t, err, catalog.ErrNotFound, "%s", when)
			} else {
				require.NoError(t, err)
				require.Equal(t, want, got, "%s", when)
			}
		}
		moves, err := c.ModelHistory(ctx, "n")
		require.NoError(t, err)
		var said []string
		for _, m := range moves {
			said = append(said, fmt.Sprint(m.Model, " ", m.Version, " ", m.Action, " ", m.From, ">", m.To, " ", m.Replaced))
		}
		require.Equal(t, []string{
			"m  registered_model.created > ", "m 1 model.registered >none ", "m 2 model.registered >none ", "m 3 model.registered >none ",
			"m 1 model.promoted >production ", "m 2 model.promoted >production 1", "n  registered_model.renamed > ",
			"n 2 model.demoted production>archived ", "n 3 model.promoted >production ", "n 3 model.deleted production> ",
		}, said)
		intact(t, c)
	})
}

func TestReleasesGovern(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		// A version is promoted by hand, then releases take the model over.
		handmade(t, c, "m", 1)
		_, err := c.PromoteModel(ctx, catalog.Promotion{Name: "m", Version: "1"}, mark("by hand"))
		require.NoError(t, err)
		require.NoError(t, releaseOnce(ctx, c, "m", "2.0.0"))
		production, err := c.Models(ctx, catalog.ModelFilter{Name: "m", Stage: catalog.StageProduction})
		require.NoError(t, err)
		require.Len(t, production, 1)
		require.Equal(t, "2.0.0", production[0].Version)
		_, err = c.CreateVersion(ctx, catalog.Model{Name: "m", Source: "s3://m"}, mark("v3"))
		require.NoError(t, err)
		before := events(t, c)
		for name, do := range map[string]func() error{
			"promote": func() error {
				return second(c.PromoteModel(ctx, catalog.Promotion{Name: "m", Version: "3"}, mark("p")))
			},
			"demote": func() error { return second(c.DemoteModel(ctx, "m", "2.0.0", catalog.StageArchived, mark("d"))) },
			"rename": func() error { return second(c.RenameRegisteredModel(ctx, "m", "other", mark("r"))) },
			"delete": func() error { return c.DeleteRegisteredModel(ctx, "m", mark("x")) },
			"served": func() error { return c.DeleteVersion(ctx, "m", "2.0.0", mark("y")) },
		} {
			err := do()
			require.ErrorIs(t, err, catalog.ErrGoverned, name)
			require.ErrorIs(t, err, catalog.ErrConflict, name)
		}
		require.Equal(t, before, events(t, c))
		require.NoError(t, c.DeleteVersion(ctx, "m", "1", mark("old one")))
		_, err = c.Model(ctx, "m", "1")
		require.ErrorIs(t, err, catalog.ErrNotFound)
	})
}

func second[T any](_ T, err error) error { return err }

func TestDeletedVersionsComeBackWithARelease(t *testing.T) {
	each(t, func(t *testing.T, c *catalog.Catalog) {
		ctx := t.Context()
		_, _, err := c.RegisterModel(ctx, model("m", "1.0.0"), nil, mark("1"))
		require.NoError(t, err)
		require.NoError(t, c.DeleteRegisteredModel(ctx, "m", mark("2")))
		_, err = c.RegisteredModel(ctx, "m")
		require.ErrorIs(t, err, catalog.ErrNotFound)
		m, existed, err := c.RegisterModel(ctx, model("m", "1.0.0"), nil, mark("3"))
		require.NoError(t, err)
		require.True(t, existed)
		require.True(t, m.DeletedAt.IsZero())
		next, err := c.CreateVersion(ctx, catalog.Model{Name: "m", Source: "x"}, mark("4"))
		require.NoError(t, err)
		require.Equal(t, int64(2), next.Number)
		_, _, err = c.RegisterModel(ctx, model("m", "2"), nil, mark("5"))
		require.True(t, errors.Is(err, catalog.ErrConflict), "the text 2 is the handmade version's")
	})
}
