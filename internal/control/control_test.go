package control_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
	"github.com/slipway-ml/slipway/internal/control"
	"github.com/slipway-ml/slipway/internal/control/controlclient"
	"github.com/slipway-ml/slipway/internal/dataversion"
)

const token = "a token of some length"

// deployment is a control API on a real catalog and store.
type deployment struct {
	t       *testing.T
	catalog *catalog.Catalog
	store   *artifacts.Store
	url     string
	client  *controlclient.Client
}

// library is the data versions over a catalog and a store.
func library(t testing.TB, c *catalog.Catalog, s *artifacts.Store) *dataversion.Library {
	t.Helper()
	r, err := artifacts.NewRepository(s, c, artifacts.Options{})
	require.NoError(t, err)
	return dataversion.New(c, s, r)
}

func deploy(t *testing.T, change func(*control.Config)) *deployment {
	t.Helper()
	store, err := artifacts.Open(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	d := &deployment{t: t, catalog: catalogtest.SQLite(t), store: store}
	cfg := control.Config{
		Catalog: d.catalog, Store: store, Data: library(t, d.catalog, store), TemporalAddress: "127.0.0.1:7233", UI: "http://127.0.0.1:8233", Version: "test",
		Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	api, err := control.New(cfg)
	require.NoError(t, err)
	server := httptest.NewServer(api.Handler())
	t.Cleanup(server.Close)
	d.url = server.URL
	d.client, err = controlclient.New(server.URL, cfg.Token)
	require.NoError(t, err)
	return d
}

// do sends a request and returns the answer and its body.
func (d *deployment) do(method, path, body string, header ...string) (*http.Response, string) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), method, d.url+path, strings.NewReader(body))
	require.NoError(d.t, err)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	answer, err := http.DefaultClient.Do(req)
	require.NoError(d.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(d.t, err)
	return answer, string(text)
}

func mark(key string) catalog.Mark { return catalog.Mark{Key: key, Actor: "alice", Reason: "test"} }

// fill puts a release that reached production on record, and one under way.
func (d *deployment) fill() (page, report, data string) {
	d.t.Helper()
	ctx := d.t.Context()
	put := func(text string) string {
		ref, err := d.store.PutBytes(ctx, []byte(text), "")
		require.NoError(d.t, err)
		return string(ref.Digest)
	}
	page, report = put("<!doctype html><title>t</title><script>alert(1)</script>"), put(`{"passed": true}`)
	model := put("model bytes")
	saved, _, err := d.catalog.SaveData(ctx, catalog.DataVersion{Name: "credit", Digest: put("manifest"), Files: []catalog.DataFile{
		{Path: "train.csv", Role: "train", Digest: put("a,b\n"), Size: 4},
	}}, mark("data"))
	require.NoError(d.t, err)
	_, err = d.catalog.BeginRelease(ctx, catalog.Release{Model: "credit", Version: "1.0.0", Run: "r1", WorkflowID: "release/credit/1.0.0", RequestedBy: "alice", Candidate: model}, mark("begin"))
	require.NoError(d.t, err)
	gate, err := json.Marshal(map[string]any{"gate": "tests", "state": "passed", "started": time.Unix(100, 0), "ended": time.Unix(102, 0), "summary": "all <b>good</b>", "report": report, "page": page})
	require.NoError(d.t, err)
	require.NoError(d.t, d.catalog.NoteGate(ctx, "credit", "1.0.0", "r1", "tests", gate, mark("gate")))
	_, _, err = d.catalog.RegisterModel(ctx, catalog.Model{Name: "credit", Version: "1.0.0", Digest: model, DataDigest: saved.Digest, Release: "release/credit/1.0.0@r1", Metrics: map[string]float64{"accuracy": .75}, CreatedBy: "alice"},
		[]catalog.Evidence{{Suite: "model", Passed: true, Report: report, Page: page}}, mark("register"))
	require.NoError(d.t, err)
	require.NoError(d.t, d.catalog.LinkData(ctx, saved.Digest, "credit/1.0.0", "release/credit/1.0.0@r1"))
	route, err := d.catalog.StageCanary(ctx, "credit", "1.0.0", model, "release/credit/1.0.0@r1", mark("stage"))
	require.NoError(d.t, err)
	_, err = d.catalog.PromoteCanary(ctx, "credit", "release/credit/1.0.0@r1", route.Rev, mark("promote"))
	require.NoError(d.t, err)
	require.NoError(d.t, d.catalog.FinishRelease(ctx, "credit", "1.0.0", "r1", "production", "it serves", mark("finish")))
	_, err = d.catalog.BeginRelease(ctx, catalog.Release{Model: "credit", Version: "1.1.0", Run: "r2", WorkflowID: "release/credit/1.1.0", RequestedBy: "bob", Candidate: model}, mark("begin2"))
	require.NoError(d.t, err)
	require.NoError(d.t, d.catalog.AddMonitorReport(ctx, catalog.MonitorReport{Model: "credit", Version: "1.0.0", End: time.Unix(1000, 0), State: "ok", Summary: "no drift", Report: report, Page: page, Samples: 300}, mark("monitor")))
	require.NoError(d.t, d.catalog.Beat(ctx, catalog.Gateway{ID: "g1", Host: "here", HTTP: "http://127.0.0.1:1", GRPC: "127.0.0.1:2"}, nil))
	return page, report, saved.Digest
}

func TestConfigNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := control.New(control.Config{})
	require.ErrorContains(t, err, "Catalog")
}

func TestClientReadsTheCatalog(t *testing.T) {
	t.Parallel()
	d := deploy(t, nil)
	_, report, data := d.fill()
	ctx, c := t.Context(), d.client

	releases, err := c.Releases(ctx, controlclient.ReleaseFilter{})
	require.NoError(t, err)
	require.Len(t, releases, 2)
	require.Equal(t, "1.1.0", releases[0].Version)
	releases, err = c.Releases(ctx, controlclient.ReleaseFilter{Model: "credit", Active: true, Limit: 5})
	require.NoError(t, err)
	require.Len(t, releases, 1)
	require.Nil(t, releases[0].EndedAt)

	release, err := c.Release(ctx, "credit", "1.0.0")
	require.NoError(t, err)
	require.Equal(t, "production", release.Outcome)
	require.Contains(t, string(release.Gates), report)
	_, err = c.Release(ctx, "credit", "9")
	require.True(t, controlclient.IsNotFound(err), err)
	require.ErrorContains(t, err, "slipway release list")

	models, err := c.Models(ctx, "", "production", 0)
	require.NoError(t, err)
	require.Len(t, models, 1)
	model, err := c.Model(ctx, "credit", "1.0.0")
	require.NoError(t, err)
	require.Equal(t, []string{"production"}, model.Aliases)
	require.Equal(t, .75, model.Metrics["accuracy"])
	require.Len(t, model.Evidence, 1)
	history, err := c.History(ctx, "credit")
	require.NoError(t, err)
	require.Len(t, history, 2)

	versions, err := c.DataVersions(ctx, "credit")
	require.NoError(t, err)
	require.Len(t, versions, 1)
	for _, ref := range []string{"credit", "credit@1", data} {
		found, err := c.Data(ctx, ref)
		require.NoError(t, err, ref)
		require.Len(t, found.Files, 1)
		require.Len(t, found.Uses, 1)
	}
	_, err = c.Data(ctx, "credit@x")
	require.ErrorContains(t, err, "whole number")

	info, err := c.Info(ctx)
	require.NoError(t, err)
	require.Equal(t, "default", info.Namespace)
	require.Len(t, info.Gateways, 1)
}

// The client's types hold all that the catalog's say, under the same names.
func TestClientTypesAreComplete(t *testing.T) {
	t.Parallel()
	for _, pair := range []struct{ client, server any }{
		{controlclient.Release{}, catalog.Release{}}, {controlclient.Model{}, catalog.Model{}}, {controlclient.Evidence{}, catalog.Evidence{}},
		{controlclient.DataFile{}, catalog.DataFile{}}, {controlclient.DataUse{}, catalog.DataUse{}}, {controlclient.Event{}, catalog.Event{}}, {controlclient.Gateway{}, catalog.Gateway{}}, {controlclient.Route{}, catalog.Route{}},
	} {
		require.Equal(t, fields(pair.server), fields(pair.client), "%T", pair.client)
	}
	require.Subset(t, fields(controlclient.Data{}), fields(catalog.DataVersion{}))
}

func fields(v any) (names []string) {
	for f := range reflect.TypeOf(v).Fields() {
		names = append(names, f.Tag.Get("json")+" "+f.Type.Kind().String())
	}
	return names
}

func TestEvents(t *testing.T) {
	t.Parallel()
	d := deploy(t, nil)
	d.fill()
	all, err := d.client.Events(t.Context(), controlclient.EventFilter{})
	require.NoError(t, err)
	require.Greater(t, len(all), 5)
	some, err := d.client.Events(t.Context(), controlclient.EventFilter{Prefix: "release/", Action: "release.begun"})
	require.NoError(t, err)
	require.Len(t, some, 2)
	rest, err := d.client.Events(t.Context(), controlclient.EventFilter{AfterID: 2, Since: all[0].At})
	require.NoError(t, err)
	require.Len(t, rest, len(all)-2)

	answer, text := d.do("GET", "/api/v1/events", "", "Accept", "application/x-ndjson")
	require.Equal(t, "application/x-ndjson", answer.Header.Get("Content-Type"))
	require.Equal(t, len(all), strings.Count(text, "\n"))
	_, text = d.do("GET", "/api/v1/events?limit=2", "", "Accept", "application/x-ndjson")
	require.Equal(t, 2, strings.Count(text, "\n"))
}

func TestErrorsAreJSONWithAHint(t *testing.T) {
	t.Parallel()
	d := deploy(t, nil)
	for _, c := range []struct {
		method, path string
		status       int
		says         string
	}{
		{"GET", "/api/v1/nothing", 404, "does not exist"},
		{"GET", "/nothing", 404, "does not exist"},
		{"POST", "/api/v1/releases", 405, "Temporal"},
		{"DELETE", "/api/v1/blobs/x", 405, "Temporal"},
		{"GET", "/api/v1/releases?limit=0", 400, "a number from 1 to 1000"},
		{"GET", "/api/v1/releases?limit=9999", 400, "a number from 1 to 1000"},
		{"GET", "/api/v1/releases?active=maybe", 400, "true or false"},
		{"GET", "/api/v1/releases?modle=x", 400, "want model, outcome, active, limit"},
		{"GET", "/api/v1/events?since=yesterday", 400, "2026-01-31T12:00:00Z"},
		{"GET", "/api/v1/releases/a/b", 404, "release list"},
		{"GET", "/api/v1/models/a/b", 404, "model list"},
		{"GET", "/api/v1/data/a", 404, "data list"},
		{"GET", "/api/v1/blobs/abc", 400, "sha256:"},
		{"GET", "/api/v1/blobs/sha256:" + strings.Repeat("0", 64), 404, "put it again"},
		{"GET", "/api/v1/blobs/sha256:..%2F..%2F" + strings.Repeat("0", 58), 400, "hexadecimal"},
		{"GET", "/reports/sha256:" + strings.Repeat("0", 64), 404, "put it again"},
		{"GET", "/releases/a/b", 404, "release list"},
	} {
		answer, text := d.do(c.method, c.path, "")
		require.Equal(t, c.status, answer.StatusCode, c.path)
		var said struct{ Error, Hint string }
		require.NoError(t, json.Unmarshal([]byte(text), &said), text)
		require.NotEmpty(t, said.Error, c.path)
		require.Contains(t, text, c.says, c.path)
	}
}

func TestTokenIsAskedFor(t *testing.T) {
	t.Parallel()
	d := deploy(t, func(c *control.Config) { c.Token = token })
	for _, path := range []string{"/", "/metrics", "/api/v1/info", "/api/v1/nothing", "/reports/x"} {
		for _, header := range []string{"", "Bearer wrong", "Bearer ", "Basic " + token, token} {
			answer, text := d.do("GET", path, "", "Authorization", header)
			require.Equal(t, 401, answer.StatusCode, path)
			require.Contains(t, text, "SLIPWAY_TOKEN_FILE")
		}
		answer, _ := d.do("GET", path, "", "Authorization", "Bearer "+token)
		require.NotEqual(t, 401, answer.StatusCode, path)
	}
	for _, path := range []string{"/healthz", "/health"} {
		answer, _ := d.do("GET", path, "")
		require.Equal(t, 200, answer.StatusCode)
	}
	_, err := d.client.Info(t.Context())
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), "GET", d.url+"/", http.NoBody)
	require.NoError(t, err)
	req.SetBasicAuth("anybody", token) // as a browser does
	answer, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	answer.Body.Close()
	require.Equal(t, 200, answer.StatusCode)
}

func TestOtherHostsAreRefusedWithoutAToken(t *testing.T) {
	t.Parallel()
	d := deploy(t, nil)
	answer, text := d.do("GET", "/api/v1/info", "", "Host", "rebound.example:80")
	require.Equal(t, 403, answer.StatusCode)
	require.Contains(t, text, "loopback")
	for _, host := range []string{"localhost:1", "127.0.0.1", "[::1]:8470"} {
		answer, _ = d.do("GET", "/api/v1/info", "", "Host", host)
		require.Equal(t, 200, answer.StatusCode, host)
	}
}

func TestHealthTellsALostCatalog(t *testing.T) {
	t.Parallel()
	lost, err := catalog.Open(t.Context(), t.TempDir()+"/lost.db")
	require.NoError(t, err)
	d := deploy(t, func(c *control.Config) { c.Catalog = lost })
	require.NoError(t, lost.Close())
	answer, text := d.do("GET", "/healthz", "")
	require.Equal(t, 503, answer.StatusCode)
	require.Contains(t, text, "database")
}
