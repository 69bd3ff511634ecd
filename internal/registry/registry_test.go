package registry_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
	"github.com/slipway-ml/slipway/internal/dataversion"
	"github.com/slipway-ml/slipway/internal/registry"
)

func mark(key string) catalog.Mark {
	return catalog.Mark{Key: key, Actor: "ann", Reason: "test"}
}

// bench is a registry on a real catalog, store and data library.
type bench struct {
	*registry.Library
	t    *testing.T
	data *dataversion.Library
}

func newBench(t *testing.T) *bench {
	t.Helper()
	c := catalogtest.SQLite(t)
	store, err := artifacts.Open(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	repository, err := artifacts.NewRepository(store, c, artifacts.Options{Cache: t.TempDir()})
	require.NoError(t, err)
	data := dataversion.New(c, store, repository)
	return &bench{&registry.Library{Catalog: c, Store: store, Data: data}, t, data}
}

// released registers a version as a release does, with a report and data of its own.
func (b *bench) released(version, report, data string, metrics map[string]float64) catalog.Model {
	b.t.Helper()
	ctx := b.t.Context()
	ref, err := b.Store.PutBytes(ctx, []byte(report), "application/json")
	require.NoError(b.t, err)
	folder := b.t.TempDir()
	require.NoError(b.t, os.WriteFile(filepath.Join(folder, "train.csv"), []byte(data), 0o600))
	require.NoError(b.t, os.WriteFile(filepath.Join(folder, "schema.yaml"), []byte("columns: []\n"), 0o600))
	added, err := b.data.Add(ctx, folder, dataversion.NewVersion{Name: "rates"}, mark("data/"+version), nil)
	require.NoError(b.t, err)
	_, err = b.Catalog.BeginRelease(ctx, catalog.Release{Model: "m", Version: version, Run: "run-" + version, WorkflowID: "release/m/" + version, RequestedBy: "rita"}, mark("begin/"+version))
	require.NoError(b.t, err)
	m, _, err := b.Catalog.RegisterModel(ctx, catalog.Model{
		Name: "m", Version: version, Digest: "sha256:" + version, DataDigest: added.Version.Digest, Release: "release/m/" + version + "@run-" + version,
		Config: []byte(`{"model": {"name": "m", "threshold": 0.5, "inputs": ["a", "b"]}, "note": "` + version + `"}`), Metrics: metrics,
	}, []catalog.Evidence{{Suite: "tests", Passed: true, Report: string(ref.Digest)}, {Suite: "gone", Report: "sha256:" + "00"}}, mark("register/"+version))
	require.NoError(b.t, err)
	require.NoError(b.t, b.Catalog.FinishRelease(ctx, "m", version, "run-"+version, "production", "", mark("finish/"+version)))
	return m
}

func report(latency string) string {
	return `{"tests": [{"name": "inference_latency", "passed": true, "value": ` + latency + `, "limit": 100}, {"name": "forward_pass", "passed": true}]}`
}

func TestCompare(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	x := b.released("1.0.0", report("12.5"), "a,b\n1,2\n", map[string]float64{"accuracy": .8, "auc": .9, "only_a": 1})
	y := b.released("1.1.0", report("13"), "a,b\n1,2\n3,4\n", map[string]float64{"accuracy": .85, "auc": .9, "tiny": 1e-9})
	c, err := b.Compare(t.Context(), x, y)
	require.NoError(t, err)
	require.Equal(t, registry.Side{Name: "m", Version: "1.0.0", Stage: "staging"}, c.A)
	rows := map[string]registry.Row{}
	for _, s := range c.Sections {
		different, ended := 0, false
		for _, r := range s.Rows {
			rows[s.Name+"/"+r.Key] = r
			if r.Same {
				ended = true
			} else {
				different++
				require.False(t, ended, "%s: what differs comes first", s.Name)
			}
		}
		require.Equal(t, different, s.Different)
	}
	delta := y.Metrics["accuracy"] - x.Metrics["accuracy"]
	require.Equal(t, registry.Row{Key: "accuracy", A: "0.8", B: "0.85", Delta: &delta}, rows["metrics/accuracy"])
	require.True(t, rows["metrics/auc"].Same)
	require.Equal(t, registry.Row{Key: "only_a", A: "1"}, rows["metrics/only_a"])
	require.Equal(t, registry.Row{Key: "tests: inference_latency", A: "passed 12.5 (limit 100)", B: "passed 13 (limit 100)"}, rows["tests/tests: inference_latency"])
	require.True(t, rows["tests/tests: forward_pass"].Same)
	require.Equal(t, "failed", rows["tests/gone"].A, "a report that is gone leaves its verdict")
	require.Equal(t, registry.Row{Key: "model.inputs", A: `["a","b"]`, B: `["a","b"]`, Same: true}, rows["config/model.inputs"])
	require.Equal(t, registry.Row{Key: "note", A: "1.0.0", B: "1.1.0"}, rows["config/note"])
	require.False(t, rows["data/rates: train.csv"].Same)
	require.True(t, rows["data/rates: schema.yaml"].Same)
	same, err := b.Compare(t.Context(), x, x)
	require.NoError(t, err)
	for _, s := range same.Sections {
		require.Zero(t, s.Different, s.Name)
	}
}

func TestCompareRuns(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	_, err := b.Catalog.CreateRegisteredModel(ctx, catalog.RegisteredModel{Name: "m"}, mark("m"))
	require.NoError(t, err)
	var versions []catalog.Model
	for i, lr := range []string{"0.1", "0.2"} {
		uid := []string{"run-a", "run-b"}[i]
		_, err := b.Catalog.CreateRun(ctx, catalog.Run{UID: uid, ExperimentID: 0, Name: uid})
		require.NoError(t, err)
		require.NoError(t, b.Catalog.LogBatch(ctx, uid, catalog.RunBatch{
			Params:  []catalog.Pair{{Key: "lr", Value: lr}, {Key: "empty", Value: ""}},
			Metrics: []catalog.Metric{{Key: "loss", Value: float64(i)}, {Key: "odd", Value: math.NaN()}},
		}))
		v, err := b.Catalog.CreateVersion(ctx, catalog.Model{Name: "m", Source: "s3://m", Run: uid, Tags: map[string]string{"k": lr}}, mark(uid))
		require.NoError(t, err)
		versions = append(versions, v)
	}
	c, err := b.Compare(ctx, versions[0], versions[1])
	require.NoError(t, err)
	rows := map[string]registry.Row{}
	for _, s := range c.Sections {
		for _, r := range s.Rows {
			rows[s.Name+"/"+r.Key] = r
		}
	}
	one := 1.0
	require.Equal(t, registry.Row{Key: "loss", A: "0", B: "1", Delta: &one}, rows["metrics/loss"])
	require.Equal(t, registry.Row{Key: "odd", A: "NaN", B: "NaN", Same: true}, rows["metrics/odd"])
	require.Equal(t, registry.Row{Key: "lr", A: "0.1", B: "0.2"}, rows["params/lr"])
	require.Equal(t, `""`, rows["params/empty"].A)
	require.Equal(t, registry.Row{Key: "k", A: "0.1", B: "0.2"}, rows["tags/k"])
}

func TestLineage(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	m := b.released("1.0.0", report("1"), "a,b\n1,2\n", nil)
	l, err := b.Lineage(ctx, m)
	require.NoError(t, err)
	require.Equal(t, "release/m/1.0.0", l.Release.Workflow)
	require.Equal(t, "production", l.Release.Outcome)
	require.Equal(t, "rita", l.Release.RequestedBy)
	require.Nil(t, l.Run)
	require.Len(t, l.Data, 1)
	require.Equal(t, "rates@1", l.Data[0].Ref())
	require.Equal(t, "release", l.Data[0].Through)
	require.Len(t, l.Data[0].Files, 2, "the files of a tree, from its manifest")
	require.Equal(t, "train.csv", l.Data[0].Files[1].Path)
	require.Equal(t, int64(8), l.Data[0].Files[1].Size)

	// By a run that an MLflow client logged: one data set is a stored version, one is not.
	_, err = b.Catalog.CreateRun(ctx, catalog.Run{UID: "run-a", Name: "trained", User: "rita"})
	require.NoError(t, err)
	require.NoError(t, b.Catalog.LinkRun(ctx, "run-a", []catalog.RunDataset{
		{Name: "stored", Digest: "d1", DataDigest: m.DataDigest, Tags: map[string]string{catalog.TagDataContext: "training"}},
		{Name: "elsewhere", Digest: "d2", Source: "s3://raw", Tags: map[string]string{catalog.TagDataContext: "eval"}},
	}, nil))
	v, err := b.Catalog.CreateVersion(ctx, catalog.Model{Name: "m", Source: "s3://m", Run: "run-a"}, mark("v"))
	require.NoError(t, err)
	l, err = b.Lineage(ctx, v)
	require.NoError(t, err)
	require.Equal(t, "Default", l.Run.Experiment)
	require.True(t, l.Run.Known)
	require.Equal(t, []registry.DatasetNode{{Name: "elsewhere", Digest: "d2", Source: "s3://raw", Context: "eval"}}, l.Run.Datasets)
	require.Len(t, l.Data, 1)
	require.Equal(t, "run", l.Data[0].Through)
	require.Nil(t, l.Release)

	far, err := b.Catalog.CreateVersion(ctx, catalog.Model{Name: "m", Source: "s3://m", Run: "of-another-server"}, mark("far"))
	require.NoError(t, err)
	l, err = b.Lineage(ctx, far)
	require.NoError(t, err)
	require.Equal(t, &registry.RunNode{ID: "of-another-server"}, l.Run)
	require.Empty(t, l.Data)
}

func TestFind(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	_, err := b.Catalog.CreateRegisteredModel(ctx, catalog.RegisteredModel{Name: "m"}, mark("m"))
	require.NoError(t, err)
	for _, key := range []string{"1", "2", "3"} {
		_, err := b.Catalog.CreateVersion(ctx, catalog.Model{Name: "m", Source: "x"}, mark("v"+key))
		require.NoError(t, err)
	}
	_, err = b.Catalog.MoveAlias(ctx, catalog.AliasMove{Name: "m", Alias: "champion", Version: "2"}, mark("alias"))
	require.NoError(t, err)
	_, err = b.Find(ctx, "m")
	require.ErrorIs(t, err, catalog.ErrNotFound, "none is in production")
	_, err = b.Catalog.PromoteModel(ctx, catalog.Promotion{Name: "m", Version: "1"}, mark("p"))
	require.NoError(t, err)
	for ref, want := range map[string]string{"m": "1", "m@production": "1", "m@champion": "2", "m/3": "3", "m@latest": "3", "m@2": "2"} {
		m, err := b.Find(ctx, ref)
		require.NoError(t, err, ref)
		require.Equal(t, want, m.Version, ref)
	}
	for ref, want := range map[string]error{"m@9": catalog.ErrNotFound, "x@1": catalog.ErrNotFound, "": catalog.ErrInvalid, "m@1@2": catalog.ErrInvalid, "m/1/2": catalog.ErrInvalid} {
		_, err := b.Find(ctx, ref)
		require.ErrorIs(t, err, want, ref)
	}
}
