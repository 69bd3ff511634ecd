package mlflow_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/mlflow"
)

// FuzzSearchRegistry: whatever a client asks for, the database understands the
// question or the client is told what is wrong with it.
func FuzzSearchRegistry(f *testing.F) {
	for _, seed := range [][3]string{
		{"name = 'a'", "name DESC", ""}, {"tags.`k x` LIKE 'a%' AND name NOT IN ('b', 'c')", "last_updated_timestamp", "e30="},
		{"version_number >= 2 and run_id ILIKE '[*?'", "version_number ASC", "x"}, {"name LIKE '%_[%]'", "", ""}, {"tags.`mlflow.prompt.is_prompt` != 'true'", "timestamp", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	store, err := artifacts.Open(f.Context(), f.TempDir())
	require.NoError(f, err)
	f.Cleanup(func() { store.Close() })
	c, err := catalog.Open(f.Context(), filepath.Join(f.TempDir(), "catalog.db"))
	require.NoError(f, err)
	f.Cleanup(func() { c.Close() })
	for _, name := range []string{"a", "b"} {
		_, err := c.CreateRegisteredModel(f.Context(), catalog.RegisteredModel{Name: name, Tags: map[string]string{"k x": "ab"}}, catalog.Mark{Key: name, Actor: "ann"})
		require.NoError(f, err)
		_, err = c.CreateVersion(f.Context(), catalog.Model{Name: name, Source: "s3://x"}, catalog.Mark{Key: name + "1", Actor: "ann"})
		require.NoError(f, err)
	}
	repository, err := artifacts.NewRepository(store, c, artifacts.Options{})
	require.NoError(f, err)
	api, err := mlflow.New(mlflow.Config{Catalog: c, Repository: repository, Spool: f.TempDir(), Log: slog.New(slog.DiscardHandler)})
	require.NoError(f, err)
	handler := api.Handler()
	f.Fuzz(func(t *testing.T, filter, order, token string) {
		query := url.Values{"filter": {filter}, "page_token": {token}, "max_results": {"1"}}
		if order != "" {
			query["order_by"] = []string{order}
		}
		for _, what := range []string{"registered-models", "model-versions"} {
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/2.0/mlflow/"+what+"/search?"+query.Encode(), nil))
			if answer.Code != http.StatusOK && answer.Code != http.StatusBadRequest {
				t.Fatalf("%s: filter %q, order %q, token %q: %d %s", what, filter, order, token, answer.Code, answer.Body)
			}
		}
	})
}
