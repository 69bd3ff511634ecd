package catalog_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
	"github.com/stretchr/testify/require"
)

// registryKills is how often TestKilledRegistryWriter kills its process.
const registryKills = 25

// registerForever makes registry moves of all kinds until it is killed. It prints a line when the first round is done.
func registerForever(ctx context.Context, dsn string) error {
	c, err := catalog.Open(ctx, dsn)
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		name := fmt.Sprintf("m%d-%d", os.Getpid(), i)
		if err := registryOnce(ctx, c, name); err != nil {
			return err
		}
		if i == 0 {
			fmt.Println("writing")
		}
	}
}

// registryOnce takes a model through everything that can happen to it.
func registryOnce(ctx context.Context, c *catalog.Catalog, name string) error {
	n := 0
	next := func() catalog.Mark { n++; return mark(fmt.Sprint(name, "/", n)) }
	steps := []func() error{
		func() error {
			return second(c.CreateRegisteredModel(ctx, catalog.RegisteredModel{Name: name, Tags: map[string]string{"a": "b"}}, next()))
		},
	}
	for range 4 {
		steps = append(steps, func() error {
			return second(c.CreateVersion(ctx, catalog.Model{Name: name, Source: "s3://x", Tags: map[string]string{"k": "v"}}, next()))
		})
	}
	steps = append(steps,
		func() error { return second(c.SetStage(ctx, name, "1", catalog.StageStaging, next())) },
		func() error {
			return second(c.SetStageAlone(ctx, name, "2", catalog.StageStaging, true, next()))
		},
		func() error {
			return second(c.PromoteModel(ctx, catalog.Promotion{Name: name, Version: "1"}, next()))
		},
		func() error {
			return second(c.MoveAlias(ctx, catalog.AliasMove{Name: name, Alias: "best", Version: "1"}, next()))
		},
		func() error {
			return second(c.PromoteModel(ctx, catalog.Promotion{Name: name, Version: "2"}, next()))
		},
		func() error {
			return second(c.MoveAlias(ctx, catalog.AliasMove{Name: name, Alias: "best", Version: "3"}, next()))
		},
		func() error { return second(c.RenameRegisteredModel(ctx, name, name+"-r", next())) },
		func() error {
			name += "-r"
			return second(c.DemoteModel(ctx, name, "2", catalog.StageArchived, next()))
		},
		func() error {
			return second(c.PromoteModel(ctx, catalog.Promotion{Name: name, Version: "4"}, next()))
		},
		func() error { return c.DeleteVersion(ctx, name, "3", next()) },
	)
	for i, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

// TestKilledRegistryWriter kills a process in the middle of registry moves, again and again. What is on record must
// be what the events say, move for move: no move without its event, no event without its move.
func TestKilledRegistryWriter(t *testing.T) {
	t.Parallel()
	catalogtest.EachDSN(t, func(t *testing.T, dsn string) {
		var last int64
		for range registryKills {
			cmd := child(t, "register", dsn)
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			_, err = bufio.NewReader(out).ReadString('\n')
			require.NoError(t, err)
			<-time.After(rand.N(30 * time.Millisecond))
			require.NoError(t, cmd.Process.Kill())
			require.Error(t, cmd.Wait(), "killed")

			c, err := catalog.Open(t.Context(), dsn)
			require.NoError(t, err)
			n := intact(t, c)
			require.Greater(t, n, last)
			last = n
			agrees(t, c)
			require.NoError(t, c.Close())
		}
	})
}

// replayed is a version as the events tell it.
type replayed struct {
	stage   string
	deleted bool
	aliases map[string]bool
}

// agrees plays all events of models without the tables and compares with these.
func agrees(t *testing.T, c *catalog.Catalog) {
	t.Helper()
	models := map[string]map[string]*replayed{}
	for _, e := range events(t, c) {
		var d struct{ Before, After json.RawMessage }
		require.NoError(t, json.Unmarshal(e.Detail, &d))
		play(t, models, e.Action, d.Before, d.After)
	}
	for name, versions := range models {
		want := map[string]string{}
		production := ""
		for number, v := range versions {
			if !v.deleted {
				want[number] = v.stage
			}
			if v.stage == catalog.StageProduction && !v.deleted {
				require.Empty(t, production, "%s has two versions in production", name)
				production = number
				require.True(t, v.aliases[catalog.AliasProduction])
			}
		}
		found, err := c.Models(t.Context(), catalog.ModelFilter{Name: name})
		require.NoError(t, err)
		got := map[string]string{}
		for _, m := range found {
			got[m.Version] = m.Stage
			require.Len(t, m.Aliases, len(versions[m.Version].aliases), "%s/%s", name, m.Version)
			require.Equal(t, map[string]string{"k": "v"}, m.Tags)
		}
		require.Equal(t, want, got, name)
		r, err := c.RegisteredModel(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, int64(len(versions)), r.LastNumber, "numbers have no gaps")
		now, err := c.ProductionAt(t.Context(), name, time.Now())
		if production == "" {
			require.ErrorIs(t, err, catalog.ErrNotFound)
		} else {
			require.NoError(t, err)
			require.Equal(t, production, now)
		}
	}
}

func play(t *testing.T, models map[string]map[string]*replayed, action string, before, after json.RawMessage) {
	t.Helper()
	read := func(raw json.RawMessage, into any) {
		if len(raw) > 0 {
			require.NoError(t, json.Unmarshal(raw, into))
		}
	}
	var old, now catalog.Model
	var alias catalog.Alias
	var name, was catalog.RegisteredModel
	switch action {
	case catalog.ActionRegisteredModelCreated:
		read(after, &name)
		models[name.Name] = map[string]*replayed{}
	case catalog.ActionRegisteredModelRenamed:
		read(before, &was)
		read(after, &name)
		models[name.Name] = models[was.Name]
		delete(models, was.Name)
	case catalog.ActionModelRegistered:
		var made struct{ Model catalog.Model }
		read(after, &made)
		models[made.Model.Name][made.Model.Version] = &replayed{stage: made.Model.Stage, aliases: map[string]bool{}}
	case catalog.ActionModelAlias:
		read(after, &alias)
		for _, v := range models[alias.Name] {
			delete(v.aliases, alias.Alias)
		}
		models[alias.Name][alias.Version].aliases[alias.Alias] = true
	case catalog.ActionModelStage, catalog.ActionModelPromoted, catalog.ActionModelDemoted, catalog.ActionModelDeleted:
		read(before, &old)
		read(after, &now)
		v := models[now.Name][now.Version]
		v.stage, v.deleted = now.Stage, !now.DeletedAt.IsZero()
		switch action {
		case catalog.ActionModelPromoted:
			if old.Version != "" {
				models[old.Name][old.Version].stage = catalog.StageArchived
			}
			for _, other := range models[now.Name] {
				delete(other.aliases, catalog.AliasProduction)
			}
			v.aliases[catalog.AliasProduction] = true
		case catalog.ActionModelDemoted:
			delete(v.aliases, catalog.AliasProduction)
		case catalog.ActionModelDeleted:
			clear(v.aliases)
		}
	}
}
