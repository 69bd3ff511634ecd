package mirror_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
	"github.com/slipway-ml/slipway/internal/mirror"
	"github.com/slipway-ml/slipway/internal/mlflow"
	"github.com/slipway-ml/slipway/internal/mlflow/mlflowclient"
)

// side is a tracking server with its catalog and files.
type side struct {
	*catalog.Catalog
	repository *artifacts.Repository
	files      *mlflow.Files
}

func newSide(t *testing.T, c *catalog.Catalog) *side {
	t.Helper()
	store, err := artifacts.Open(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	repository, err := artifacts.NewRepository(store, c, artifacts.Options{})
	require.NoError(t, err)
	return &side{c, repository, &mlflow.Files{Catalog: c, Repository: repository, Spool: t.TempDir()}}
}

// fault is what a request meets before, or in place of, the server behind.
type fault func(w http.ResponseWriter, r *http.Request, behind http.Handler)

// other is a real server of MLflow's API that can be made to fail.
type other struct {
	*side
	url  string
	mu   sync.Mutex
	next fault
	seen map[string]int // requests by path
}

func newOther(t *testing.T) *other {
	t.Helper()
	o := &other{side: newSide(t, catalogtest.SQLite(t)), seen: map[string]int{}}
	api, err := mlflow.New(mlflow.Config{Catalog: o.Catalog, Repository: o.repository, Spool: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	behind := api.Handler()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer hush-hush" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		o.mu.Lock()
		o.seen[strings.TrimPrefix(r.URL.Path, "/api/2.0/")]++
		fails := o.next
		o.mu.Unlock()
		if fails != nil {
			fails(w, r, behind)
			return
		}
		behind.ServeHTTP(w, r)
	}))
	t.Cleanup(web.Close)
	o.url = web.URL
	return o
}

// fails makes requests meet a fault; nil: no longer.
func (o *other) fails(f fault) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.next = f
}

func (o *other) requests(path string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.seen[path]
}

// newMirror makes a mirror from here to there with short pauses.
func newMirror(t *testing.T, here *side, there *other, change func(*mirror.Config)) *mirror.Mirror {
	t.Helper()
	_, err := here.StartMirror(t.Context(), there.url, mark("mirror/"+there.url))
	require.NoError(t, err)
	server, err := mlflowclient.New(there.url, mlflowclient.Credentials{Token: "hush-hush"})
	require.NoError(t, err)
	t.Cleanup(server.Close)
	cfg := mirror.Config{
		Catalog: here.Catalog, Repository: here.repository, Server: server, All: true, Log: slog.New(slog.DiscardHandler),
		FirstRetry: time.Millisecond, MaxRetry: 20 * time.Millisecond, Rest: time.Millisecond, Poll: 5 * time.Millisecond,
	}
	if change != nil {
		change(&cfg)
	}
	m, err := mirror.New(cfg)
	require.NoError(t, err)
	return m
}

// run runs a mirror until stop.
func run(t *testing.T, m *mirror.Mirror) (stop func() mirror.Report) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan mirror.Report, 1)
	go func() {
		report, err := m.Run(ctx, func(mirror.Report) {})
		if err != nil {
			t.Errorf("run: %v", err)
		}
		done <- report
	}()
	return func() mirror.Report { cancel(); return <-done }
}

// settled waits until nothing is pending.
func settled(t *testing.T, here *side) catalog.MirrorStatus {
	t.Helper()
	var s catalog.MirrorStatus
	require.Eventually(t, func() bool {
		var err error
		s, err = here.MirrorStatus(t.Context(), 100)
		return err == nil && s.Pending == 0
	}, 30*time.Second, 5*time.Millisecond, "runs are still pending")
	return s
}

func mark(key string) catalog.Mark { return catalog.Mark{Key: key, Actor: "ann"} }
