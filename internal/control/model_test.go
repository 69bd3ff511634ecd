package control_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/control"
	"github.com/slipway-ml/slipway/internal/control/controlclient"
	"github.com/slipway-ml/slipway/internal/mlflow"
	"github.com/slipway-ml/slipway/internal/registry"
)

// versions makes a model that no release knows.
func (d *deployment) versions(name string, n int) {
	d.t.Helper()
	_, err := d.catalog.CreateRegisteredModel(d.t.Context(), catalog.RegisteredModel{Name: name, Description: "<b>bold</b>"}, mark(name))
	require.NoError(d.t, err)
	for i := range n {
		_, err := d.catalog.CreateVersion(d.t.Context(), catalog.Model{Name: name, Source: "s3://x"}, mark(name+string(rune('a'+i))))
		require.NoError(d.t, err)
	}
}

func TestMovesOfAModel(t *testing.T) {
	t.Parallel()
	d := deploy(t, nil)
	d.versions("churn", 3)
	ctx, c := t.Context(), d.client
	by := controlclient.Move{Actor: "bob", Reason: "why not"}
	promote := func(version string, expect *string) (controlclient.Model, error) {
		m := by
		m.Stage, m.Expect = catalog.StageProduction, expect
		return c.MoveStage(ctx, "churn", version, m)
	}
	none, first := "", "1"
	m, err := promote("1", &none)
	require.NoError(t, err)
	require.Equal(t, "production", m.Stage)
	_, err = promote("2", &none)
	var answer *controlclient.Error
	require.ErrorAs(t, err, &answer)
	require.Equal(t, http.StatusConflict, answer.Status)
	require.Contains(t, answer.Message, "version 1 of model churn was promoted by bob")
	before := time.Now()
	_, err = promote("2", &first)
	require.NoError(t, err)
	now, err := c.ProductionAt(ctx, "churn", time.Time{})
	require.NoError(t, err)
	require.Equal(t, "2", now.Version)
	then, err := c.ProductionAt(ctx, "churn", before)
	require.NoError(t, err)
	require.Equal(t, "1", then.Version)
	_, err = c.ProductionAt(ctx, "churn", before.Add(-time.Hour))
	require.True(t, controlclient.IsNotFound(err))
	moves, err := c.Moves(ctx, "churn")
	require.NoError(t, err)
	require.Len(t, moves, 6)
	require.Equal(t, "1", moves[5].Replaced)
	require.Equal(t, "why not", moves[5].Reason)

	yes := true
	a, err := c.MoveAlias(ctx, "churn", "golden", controlclient.Move{Actor: "bob", Version: "3", Protected: &yes, Key: "once"})
	require.NoError(t, err)
	again, err := c.MoveAlias(ctx, "churn", "golden", controlclient.Move{Actor: "bob", Version: "3", Protected: &yes, Key: "once"})
	require.NoError(t, err)
	require.Equal(t, a, again)
	_, err = c.MoveAlias(ctx, "churn", "golden", controlclient.Move{Actor: "bob", Version: "1"})
	require.ErrorAs(t, err, &answer)
	require.Equal(t, http.StatusForbidden, answer.Status)
	_, err = c.MoveAlias(ctx, "churn", "golden", controlclient.Move{Actor: "bob", Version: "1", Override: true, Reason: "the board says so"})
	require.NoError(t, err)
	found, err := c.Aliases(ctx, "churn")
	require.NoError(t, err)
	require.Len(t, found, 2)
	_, err = c.RemoveAlias(ctx, "churn", "golden", controlclient.Move{Actor: "bob", Override: true, Reason: "done"})
	require.NoError(t, err)
	archived, err := c.MoveStage(ctx, "churn", "production", controlclient.Move{Actor: "bob", Stage: "archived"})
	require.NoError(t, err)
	require.Equal(t, "2", archived.Version)
	_, err = c.ProductionAt(ctx, "churn", time.Time{})
	require.True(t, controlclient.IsNotFound(err), "nothing is in production")

	for name, bad := range map[string]struct {
		body, kind string
		status     int
	}{
		"not JSON":  {`actor=bob`, "application/x-www-form-urlencoded", 415},
		"plain":     {`{"actor": "bob", "stage": "staging"}`, "text/plain", 415},
		"unknown":   {`{"actor": "bob", "satge": "staging"}`, "application/json", 400},
		"no actor":  {`{"stage": "staging"}`, "application/json", 400},
		"bad stage": {`{"actor": "bob", "stage": "nowhere"}`, "application/json", 400},
	} {
		got, text := d.do("POST", "/api/v1/models/churn/1/stage", bad.body, "Content-Type", bad.kind)
		require.Equal(t, bad.status, got.StatusCode, "%s: %s", name, text)
	}
}

// What a release has put into production is left and entered again by a rollback, with who and why on record.
func TestRollBackAModel(t *testing.T) {
	t.Parallel()
	d := deploy(t, nil)
	d.fill()
	ctx, c := t.Context(), d.client
	by := controlclient.Move{Actor: "bob", Reason: "complaints", Key: "once"}
	_, err := c.RollBack(ctx, "credit", by)
	var answer *controlclient.Error
	require.ErrorAs(t, err, &answer)
	require.Equal(t, http.StatusConflict, answer.Status, "there is no version before")

	_, _, err = d.catalog.RegisterModel(ctx, catalog.Model{Name: "credit", Version: "1.1.0", Digest: "sha256:" + strings.Repeat("b", 64)}, nil, mark("register 1.1.0"))
	require.NoError(t, err)
	route, err := d.catalog.StageCanary(ctx, "credit", "1.1.0", "sha256:"+strings.Repeat("b", 64), "r2", mark("stage 1.1.0"))
	require.NoError(t, err)
	_, err = d.catalog.PromoteCanary(ctx, "credit", "r2", route.Rev, mark("promote 1.1.0"))
	require.NoError(t, err)
	seen := "1.1.0"
	by.Expect = &seen
	back, err := c.RollBack(ctx, "credit", by)
	require.NoError(t, err)
	again, err := c.RollBack(ctx, "credit", by)
	require.NoError(t, err)
	require.Equal(t, back, again)
	require.Equal(t, "1.0.0", back.Stable)
	moves, err := c.Moves(ctx, "credit")
	require.NoError(t, err)
	last := moves[len(moves)-1]
	require.Equal(t, []string{"bob", "roll back: complaints", "1.0.0", "1.1.0"}, []string{last.Actor, last.Reason, last.Version, last.Replaced})
	for body, status := range map[string]int{`{"actor": "bob"}`: 400, `{"reason": "x"}`: 400, `{"actor": "bob", "reason": "x", "expect": "1.1.0"}`: 409, `{"actor": "bob", "reason": "x", "version": "7"}`: 404} {
		got, text := d.do("POST", "/api/v1/models/credit/rollback", body, "Content-Type", "application/json")
		require.Equal(t, status, got.StatusCode, text)
	}
}

func TestModelPages(t *testing.T) {
	t.Parallel()
	d := deploy(t, nil)
	d.fill()
	d.versions("churn", 2)
	_, err := d.catalog.PromoteModel(t.Context(), catalog.Promotion{Name: "churn", Version: "1"}, mark("p"))
	require.NoError(t, err)
	for path, want := range map[string][]string{
		"/models/credit":                           {"1.0.0 in production", "model.promoted", "@production"},
		"/models/credit/1.0.0":                     {"Lineage", "train.csv", "release/credit/1.0.0", "0.75"},
		"/models/churn":                            {"&lt;b&gt;bold", "compare with production", "/models/churn/compare?a=1&amp;b=2"},
		"/models/churn/production":                 {"s3://x", "none on record"},
		"/models/churn/compare?a=production&b=2":   {"1 and 2", "different"}, // how many depends on whether both were registered in one second
		"/api/v1/models/churn/compare?a=1&b=2":     {`"different":`},
		"/api/v1/models/credit/1.0.0/lineage":      {`"path":"train.csv"`},
		"/api/v1/models/credit/production/lineage": {`"version":"1.0.0"`},
		"/api/v1/models/churn/production":          {`"version":"1"`, `"source":"s3://x"`},
		"/api/v1/webhooks":                         {`{"webhooks":[]}`},
	} {
		answer, text := d.do("GET", path, "")
		require.Equal(t, 200, answer.StatusCode, "%s: %s", path, text)
		for _, part := range want {
			require.Contains(t, text, part, path)
		}
	}
	for path, status := range map[string]int{"/models/none": 404, "/models/churn/9": 404, "/models/churn/compare?a=1": 400, "/api/v1/models/churn/compare?a=1&b=9": 404, "/api/v1/models/churn/2/files": 404} {
		answer, text := d.do("GET", path, "")
		require.Equal(t, status, answer.StatusCode, "%s: %s", path, text)
	}
	c, err := d.client.Compare(t.Context(), "churn", "1", "2")
	require.NoError(t, err)
	require.NotEmpty(t, c.Sections)
	l, err := d.client.Lineage(t.Context(), "credit", "production")
	require.NoError(t, err)
	require.Equal(t, "1.0.0", l.Model.Version)
	require.Len(t, l.Data, 1)
}

func TestModelFiles(t *testing.T) {
	t.Parallel()
	var c *catalog.Catalog
	var store *artifacts.Store
	d := deploy(t, func(cfg *control.Config) {
		repository, err := artifacts.NewRepository(cfg.Store, cfg.Catalog, artifacts.Options{Cache: t.TempDir()})
		require.NoError(t, err)
		cfg.MLflow, err = mlflow.New(mlflow.Config{Catalog: cfg.Catalog, Repository: repository, Spool: t.TempDir()})
		require.NoError(t, err)
		c, store = cfg.Catalog, cfg.Store
	})
	require.NotNil(t, store)
	d.fill()
	files, err := d.client.ModelFiles(t.Context(), "credit", "1.0.0")
	require.NoError(t, err)
	require.Len(t, files, 1)
	require.Equal(t, files[0].Digest, d.read(files[0]))

	// A folder with a name that must be escaped, as an MLflow client stores it.
	_, err = c.CreateRun(t.Context(), catalog.Run{UID: "run-a", Name: "r"})
	require.NoError(t, err)
	run, err := c.Run(t.Context(), "run-a")
	require.NoError(t, err)
	folder := run.ArtifactURI[len("mlflow-artifacts:/"):]
	for path, text := range map[string]string{"m%20odd/MLmodel": "flavors: {}", "m%20odd/data/x%25y.bin": "\x00\x01", "else/x": "x"} {
		answer, said := d.do("PUT", "/api/2.0/mlflow-artifacts/artifacts/"+folder+"/"+path, text)
		require.Equal(t, 200, answer.StatusCode, said)
	}
	_, said := d.do("POST", "/api/2.0/mlflow/registered-models/create", `{"name": "churn"}`, "Content-Type", "application/json")
	require.Contains(t, said, "churn")
	answer, said := d.do("POST", "/api/2.0/mlflow/model-versions/create", `{"name": "churn", "source": "runs:/run-a/m odd", "run_id": "run-a"}`, "Content-Type", "application/json")
	require.Equal(t, 200, answer.StatusCode, said)
	m, err := d.client.Model(t.Context(), "churn", "1")
	require.NoError(t, err)
	files, err = d.client.ModelFiles(t.Context(), "churn", "1")
	require.NoError(t, err)
	require.Len(t, files, 2)
	content := make([]catalog.ModelFile, len(files))
	for i, f := range files {
		require.Equal(t, f.Digest, d.read(f), f.Path)
		content[i] = catalog.ModelFile{Path: f.Path, Digest: f.Digest, Size: f.Size}
	}
	digest, err := catalog.ContentDigest(content)
	require.NoError(t, err)
	require.Equal(t, m.Digest, digest)
}

// read downloads a file and gives its digest.
func (d *deployment) read(f controlclient.ModelFile) string {
	d.t.Helper()
	body, err := d.client.OpenFile(d.t.Context(), f)
	require.NoError(d.t, err)
	defer body.Close()
	h := sha256.New()
	_, err = io.Copy(h, body)
	require.NoError(d.t, err)
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// The client's types hold all that the registry's say, under the same names.
func TestModelTypesAreComplete(t *testing.T) {
	t.Parallel()
	for _, pair := range []struct{ client, server any }{
		{controlclient.ModelMove{}, catalog.ModelMove{}}, {controlclient.Alias{}, catalog.Alias{}}, {controlclient.Comparison{}, registry.Comparison{}},
		{controlclient.ComparisonSection{}, registry.Section{}}, {controlclient.ComparisonRow{}, registry.Row{}}, {controlclient.ComparisonSide{}, registry.Side{}},
		{controlclient.Lineage{}, registry.Lineage{}}, {controlclient.LineageData{}, registry.DataNode{}}, {controlclient.LineageDataset{}, registry.DatasetNode{}},
	} {
		require.Equal(t, fields(pair.server), fields(pair.client), "%T", pair.client)
	}
	empty := controlclient.Lineage{}
	require.Equal(t, fields(registry.ModelNode{}), fields(empty.Model))
}
