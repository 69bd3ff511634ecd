package catalog_test

import (
	"bufio"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
	"github.com/stretchr/testify/require"
)

// child is this test binary as another process of Slipway; see TestMain.
func child(t *testing.T, work, dsn string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), envChild+"="+work, envDSN+"="+dsn)
	cmd.Stderr = os.Stderr
	return cmd
}

// TestManyProcessesMigrateAtOnce starts on nothing at all.
func TestManyProcessesMigrateAtOnce(t *testing.T) {
	t.Parallel()
	catalogtest.EachDSN(t, func(t *testing.T, dsn string) {
		errs := make([]error, 6)
		var wg sync.WaitGroup
		for i := range errs {
			cmd := child(t, "open", dsn)
			wg.Go(func() { errs[i] = cmd.Run() })
		}
		wg.Wait()
		for _, err := range errs {
			require.NoError(t, err)
		}
		require.Equal(t, int64(len(errs)), intact(t, catalogtest.Open(t, dsn)))
	})
}

// TestKilledWriter kills a process in the middle of releases, again and again.
func TestKilledWriter(t *testing.T) {
	t.Parallel()
	catalogtest.EachDSN(t, func(t *testing.T, dsn string) {
		var last int64
		for range 20 {
			cmd := child(t, "write", dsn)
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			// The child has made all moves once; now any moment will do.
			_, err = bufio.NewReader(out).ReadString('\n')
			require.NoError(t, err)
			<-time.After(rand.N(20 * time.Millisecond))
			require.NoError(t, cmd.Process.Kill())
			require.Error(t, cmd.Wait(), "killed")

			c, err := catalog.Open(t.Context(), dsn)
			require.NoError(t, err)
			n := intact(t, c)
			require.Greater(t, n, last)
			last = n
			consistent(t, c)
			require.NoError(t, c.Close())
		}
	})
}

// consistent checks what a move cut in half would break.
func consistent(t *testing.T, c *catalog.Catalog) {
	t.Helper()
	routes, err := c.Routes(t.Context())
	require.NoError(t, err)
	models, err := c.Models(t.Context(), catalog.ModelFilter{Stage: catalog.StageProduction})
	require.NoError(t, err)
	production := map[string]string{}
	for _, m := range models {
		production[m.Name] = m.Version
		require.Equal(t, []string{catalog.AliasProduction}, m.Aliases)
	}
	log := map[string]int{}
	for _, e := range events(t, c) {
		log[e.Action]++
	}
	for _, r := range routes {
		require.Equal(t, production[r.Model], r.Stable)
	}
	require.Len(t, models, log[catalog.ActionModelPromoted])
	require.Len(t, routes, log[catalog.ActionCanaryStaged])
}

func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	catalogtest.EachDSN(t, func(t *testing.T, dsn string) {
		catalogtest.Open(t, dsn)
		_, err := catalogtest.Raw(t, dsn).ExecContext(t.Context(), "INSERT INTO schema_steps(step, name, applied_at) VALUES (9999, 'future', 0)")
		require.NoError(t, err)
		_, err = catalog.Open(t.Context(), dsn)
		require.ErrorIs(t, err, catalog.ErrNewerSchema)
		require.ErrorContains(t, err, "step 9999")
		require.ErrorContains(t, err, "newer program")
	})
}

func TestReopenKeepsAll(t *testing.T) {
	t.Parallel()
	catalogtest.Each(t, func(t *testing.T, open func() *catalog.Catalog) {
		first := open()
		require.NoError(t, releaseOnce(t.Context(), first, "m", "1.0.0"))
		second := open()
		require.NoError(t, second.Ping(t.Context()))
		require.Equal(t, events(t, first), events(t, second))
		route, err := second.Route(t.Context(), "m")
		require.NoError(t, err)
		require.Equal(t, "1.0.0", route.Stable)
	})
}

func TestOpenAddresses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, dsn := range []string{filepath.Join(dir, "plain.db"), "sqlite://" + filepath.Join(dir, "url.db"), filepath.Join(dir, "odd 100% ?#&é.db"), "sqlite://" + dir + "/a%20b.db"} {
		c, err := catalog.Open(t.Context(), dsn)
		require.NoError(t, err, dsn)
		require.Equal(t, catalog.SQLite, c.Dialect())
		require.NoError(t, c.Close())
	}
	for _, name := range []string{"plain.db", "url.db", "odd 100% ?#&é.db", "a b.db"} {
		require.FileExists(t, filepath.Join(dir, name))
	}
	for _, dsn := range []string{"", ":memory:", "file:x.db", "mysql://x", "sqlite://relative.db", "sqlite:///a.db?mode=ro", "postgres://u:secret%@h/d"} {
		_, err := catalog.Open(t.Context(), dsn)
		require.ErrorIs(t, err, catalog.ErrInvalid, dsn)
		require.NotContains(t, err.Error(), "secret")
	}
	_, err := catalog.Open(t.Context(), filepath.Join(dir, "none", "x.db"))
	require.ErrorContains(t, err, "none/x.db")
	_, err = catalog.Open(t.Context(), "postgres://u:secret@127.0.0.1:1/d")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "secret")
}

func TestSQLiteIsDurable(t *testing.T) {
	t.Parallel()
	dsn := filepath.Join(t.TempDir(), "catalog.db")
	catalogtest.Open(t, dsn)
	var mode string
	require.NoError(t, catalogtest.Raw(t, dsn).Get(&mode, "PRAGMA journal_mode"))
	require.Equal(t, "wal", mode)
}
