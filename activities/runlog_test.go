package activities_test

import (
	"encoding/json"
	"io"
	"path"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/activities"
	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/mlflow"
)

// tracked is a bench whose model tests are kept as runs.
func tracked(t *testing.T) (*bench, *artifacts.Repository) {
	t.Helper()
	b := newBench(t)
	repository, err := artifacts.NewRepository(b.store, b.catalog, artifacts.Options{})
	require.NoError(t, err)
	b.set.ModelTests.Runs = &activities.RunLog{Store: b.store, Files: &mlflow.Files{Catalog: b.catalog, Repository: repository, Spool: t.TempDir()}}
	return b, repository
}

// runs lists the runs of the experiment named as the model.
func (b *bench) runs(name string) []catalog.Run {
	b.t.Helper()
	e, err := b.catalog.ExperimentByName(b.t.Context(), name)
	require.NoError(b.t, err)
	found, _, err := b.catalog.SearchRuns(b.t.Context(), catalog.TrackedQuery{Experiments: []int64{e.ID}, Existence: catalog.All, Limit: 100})
	require.NoError(b.t, err)
	return found
}

func pairs(list []catalog.Pair) map[string]string {
	out := map[string]string{}
	for _, p := range list {
		out[p.Key] = p.Value
	}
	return out
}

func TestTestsOfAReleaseAreARun(t *testing.T) {
	t.Parallel()
	b, repository := tracked(t)
	in := b.candidate("1.1.0")
	version := do[contract.DataVersion](b, contract.ActivityFixData, contract.FixDataInput{Key: in.Key, Data: in.Data, By: "alice"})
	in.DataDigest = version.Digest
	found := do[contract.Verdict](b, contract.ActivityTestModel, in)
	// Twice, as an activity may: one run, and the first report.
	do[contract.Verdict](b, contract.ActivityTestModel, in)
	all := b.runs(in.Model.Name)
	require.Len(t, all, 1)
	run := all[0]
	require.Equal(t, catalog.RunFinished, run.Status)
	require.Equal(t, in.Model.Version, run.Name)
	require.Regexp(t, "^[0-9a-f]{32}$", run.UID)
	require.NotNil(t, run.EndedAt)
	tags := pairs(run.Tags)
	require.Equal(t, in.Key.String(), tags["slipway.release"])
	require.Equal(t, in.Model.Artifact.Digest, tags["slipway.model.digest"])
	require.Equal(t, version.Digest, tags["slipway.data.digest"])
	require.Equal(t, "true", tags["slipway.tests.passed"])
	require.Equal(t, found.Report.Digest, tags["slipway.report.digest"])
	require.Equal(t, string(in.Model.Task), pairs(run.Params)["task"])
	metrics := map[string]float64{}
	for _, m := range run.Metrics {
		metrics[m.Key] = m.Value
	}
	require.Equal(t, found.Metrics, metrics)

	require.Len(t, run.Inputs, 2)
	for _, input := range run.Inputs {
		require.Equal(t, version.Digest, input.DataDigest)
	}
	using, err := b.catalog.RunsOfData(t.Context(), version.Digest)
	require.NoError(t, err)
	require.Equal(t, []string{run.UID}, using)

	files, err := b.catalog.TrackedFiles(t.Context(), run.ArtifactURI[len(catalog.ArtifactAddress):])
	require.NoError(t, err)
	var names []string
	for _, f := range files {
		names = append(names, path.Base(f.Path))
	}
	require.Equal(t, []string{"model_card.md", "tests.html", "tests.json"}, names)
	page, err := repository.Open(t.Context(), artifacts.Digest(files[1].Digest))
	require.NoError(t, err)
	defer page.Close()
	html, err := io.ReadAll(page)
	require.NoError(t, err)
	require.Contains(t, string(html), "<!doctype html>")
}

func TestTestsThatDidNotPassAreAFailedRun(t *testing.T) {
	t.Parallel()
	b, _ := tracked(t)
	in := b.candidate("1.2.0")
	require.False(t, do[contract.Verdict](b, contract.ActivityTestModel, in).Passed)
	run := b.runs(in.Model.Name)[0]
	require.Equal(t, catalog.RunFailed, run.Status)
	require.Equal(t, "false", pairs(run.Tags)["slipway.tests.passed"])
}

// What people deleted is not made again, and does not stop a release.
func TestDeletedExperimentStaysDeleted(t *testing.T) {
	t.Parallel()
	b, _ := tracked(t)
	in := b.candidate("1.1.0")
	e, err := b.catalog.CreateExperiment(t.Context(), catalog.Experiment{Name: in.Model.Name}, catalog.Mark{Key: "create", Actor: "ann"})
	require.NoError(t, err)
	require.NoError(t, b.catalog.DeleteExperiment(t.Context(), e.ID, catalog.Mark{Key: "delete", Actor: "ann"}))
	require.True(t, do[contract.Verdict](b, contract.ActivityTestModel, in).Passed)
	require.Empty(t, b.runs(in.Model.Name))
}

// Params keep what the spec says: text as it is, other values as JSON.
func TestHyperparametersAreParams(t *testing.T) {
	t.Parallel()
	b, _ := tracked(t)
	in := b.candidate("1.1.0")
	require.NoError(t, json.Unmarshal([]byte(`{"depth": 3, "rate": 0.10, "kind": "tree", "layers": [1, 2], "odd key!": true}`), &in.Model.Hyperparameters))
	require.NoError(t, json.Unmarshal([]byte(`{"depth": 5}`), &in.Model.Training))
	do[contract.Verdict](b, contract.ActivityTestModel, in)
	params := pairs(b.runs(in.Model.Name)[0].Params)
	require.Equal(t, "3", params["depth"])
	require.Equal(t, "5", params["training.depth"])
	require.Equal(t, "tree", params["kind"])
	require.JSONEq(t, "[1,2]", params["layers"])
	require.Equal(t, "true", params["odd key_"])
	require.Contains(t, []string{"0.1", "0.10"}, params["rate"])
}
