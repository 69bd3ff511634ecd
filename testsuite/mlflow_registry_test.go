package testsuite

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
)

// The stock MLflow client, unchanged, against slipwayd's registry, on both databases.
func TestStockMLflowRegistry(t *testing.T) {
	t.Parallel()
	for name, dsn := range map[string]func(*testing.T) string{"sqlite": func(*testing.T) string { return "" }, "postgres": catalogtest.Postgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var told atomic.Int64
			receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { told.Add(1) }))
			t.Cleanup(receiver.Close)
			c := startClusterWith(t, dsn(t), "", "SLIPWAY_WEBHOOK_NETWORKS=127.0.0.1")
			cat := c.openCatalog()
			govern(t, cat)
			runPython(t, c, "registry.py", receiver.URL)
			require.Equal(t, int64(2), told.Load(), "two tests, no more")
			_, err := cat.VerifyEvents(t.Context())
			require.NoError(t, err)
		})
	}
}

// govern puts the model "governed" on record as one that a release is about, with a protected alias.
func govern(t *testing.T, cat *catalog.Catalog) {
	t.Helper()
	by := func(key string) catalog.Mark { return catalog.Mark{Key: key, Actor: "alice", Reason: "test"} }
	_, err := cat.BeginRelease(t.Context(), catalog.Release{Model: "governed", Version: "1.0.0", Run: "r", WorkflowID: "release/governed/1.0.0"}, by("begin"))
	require.NoError(t, err)
	_, _, err = cat.RegisterModel(t.Context(), catalog.Model{Name: "governed", Version: "1.0.0", Digest: "sha256:00", Release: "release/governed/1.0.0@r"}, nil, by("register"))
	require.NoError(t, err)
	_, err = cat.CreateVersion(t.Context(), catalog.Model{Name: "governed", Source: "s3://elsewhere"}, by("second"))
	require.NoError(t, err)
	protected := true
	_, err = cat.MoveAlias(t.Context(), catalog.AliasMove{Name: "governed", Alias: "golden", Version: "1.0.0", Protected: &protected}, by("alias"))
	require.NoError(t, err)
}
