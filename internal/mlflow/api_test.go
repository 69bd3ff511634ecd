package mlflow_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
	"github.com/slipway-ml/slipway/internal/mlflow"
)

// server is an MLflow API on a real catalog and repository.
type server struct {
	t       *testing.T
	catalog *catalog.Catalog
	url     string
}

// each runs a test on every database.
func each(t *testing.T, test func(s *server)) {
	t.Helper()
	t.Parallel()
	catalogtest.Each(t, func(t *testing.T, open func() *catalog.Catalog) { test(serve(t, open(), nil)) })
}

func serve(t *testing.T, c *catalog.Catalog, change func(*mlflow.Config)) *server {
	t.Helper()
	store, err := artifacts.Open(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	repository, err := artifacts.NewRepository(store, c, artifacts.Options{})
	require.NoError(t, err)
	cfg := mlflow.Config{Catalog: c, Repository: repository, Spool: t.TempDir(), Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&cfg)
	}
	api, err := mlflow.New(cfg)
	require.NoError(t, err)
	web := httptest.NewServer(api.Handler())
	t.Cleanup(web.Close)
	return &server{t, c, web.URL}
}

// answer is what came back, as far as it is JSON.
type answer map[string]any

// at is the value at a path of keys and indices.
func (a answer) at(path ...any) any {
	var v any = map[string]any(a)
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := v.(map[string]any)
			v = object[step]
		case int:
			list, _ := v.([]any)
			if step >= len(list) {
				return nil
			}
			v = list[step]
		}
	}
	return v
}

func (a answer) text(path ...any) string {
	text, _ := a.at(path...).(string)
	return text
}

// send sends a request; body is text or what is made JSON of.
func (s *server) send(method, path string, body any, header ...string) (int, []byte) {
	s.t.Helper()
	var content io.Reader = http.NoBody
	switch body := body.(type) {
	case nil:
	case string:
		content = strings.NewReader(body)
	default:
		text, err := json.Marshal(body)
		require.NoError(s.t, err)
		content = strings.NewReader(string(text))
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, content)
	require.NoError(s.t, err)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	got, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	require.NoError(s.t, err)
	return got.StatusCode, text
}

// call sends a request below /api/2.0/mlflow/ that must succeed.
func (s *server) call(method, path string, body any) answer {
	s.t.Helper()
	status, text := s.send(method, "/api/2.0/mlflow/"+path, body)
	require.Equal(s.t, http.StatusOK, status, "%s %s: %s", method, path, text)
	var a answer
	require.NoError(s.t, json.Unmarshal(text, &a))
	return a
}

func (s *server) post(path string, body any) answer { s.t.Helper(); return s.call("POST", path, body) }
func (s *server) get(path string) answer            { s.t.Helper(); return s.call("GET", path, nil) }

// refused sends a request that must fail with a status, code and part of a message.
func (s *server) refused(status int, code mlflow.Code, message, method, path string, body any) {
	s.t.Helper()
	got, text := s.send(method, "/api/2.0/mlflow/"+path, body)
	require.Equal(s.t, status, got, "%s %s: %s", method, path, text)
	var e mlflow.Error
	require.NoError(s.t, json.Unmarshal(text, &e))
	require.Equal(s.t, code, e.Code, e.Message)
	require.Contains(s.t, e.Message, message)
}

func TestUnknownEndpointSaysSo(t *testing.T) {
	t.Parallel()
	s := serve(t, catalogtest.SQLite(t), nil)
	s.refused(404, mlflow.EndpointNotFound, "docs/mlflow.md", "POST", "traces/start", map[string]any{})
}

func TestVersionAndServerInfo(t *testing.T) {
	t.Parallel()
	s := serve(t, catalogtest.SQLite(t), nil)
	status, text := s.send("GET", "/version", nil)
	require.Equal(t, 200, status)
	require.Equal(t, mlflow.ProtocolVersion, string(text))
	status, text = s.send("GET", "/api/3.0/mlflow/server-info", nil)
	require.Equal(t, 200, status)
	require.JSONEq(t, `{"store_type":"SqlStore","workspaces_enabled":false,"multipart_uploads_enabled":false,"multipart_downloads_enabled":false}`, string(text))
}
