package activities_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/modeltest"
	"github.com/slipway-ml/slipway/internal/spec"
)

// candidate is the test of an example release against 1.0.0 in production, its
// limits on time and memory out of the way: no test depends on the clock.
func (b *bench) candidate(version string) contract.TestModelInput {
	r, production := b.release(version), b.release("1.0.0")
	r.Tests.LatencyMS, r.Tests.MemoryMB = 1e6, 1e6
	return contract.TestModelInput{
		Key: key(version, "r1"), Model: r.Model, Data: r.Data, Tests: r.Tests,
		Production: "1.0.0", ProductionDigest: production.Model.Artifact.Digest,
	}
}

func (b *bench) report(v contract.Verdict) modeltest.Report {
	b.t.Helper()
	var r modeltest.Report
	require.NoError(b.t, json.Unmarshal(b.stored(v.Report.Digest), &r))
	return r
}

func TestModelTestsPass(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	in := b.candidate("1.1.0")
	found := do[contract.Verdict](b, contract.ActivityTestModel, in)
	require.True(t, found.Passed, found.Summary)
	require.Equal(t, "15 of 15 tests passed", found.Summary)
	report := b.report(found)
	require.Equal(t, in.Model.Artifact.Digest, report.Digest)
	require.Contains(t, report.Tests[10].Detail, "1.0.0", "compared with what is in production")
	require.Contains(t, string(b.stored(found.Report.Page)), "accuracy_against_production")
	require.Contains(t, string(b.stored(found.Report.Card)), "# Model card: credit-risk 1.1.0")
	b.beatSaid(0, 15, "parameter_count")
	b.beatSaid(10, 15, "accuracy_against_production")

	again := do[contract.Verdict](b, contract.ActivityTestModel, in)
	require.Equal(t, found.Passed, again.Passed)
	require.Equal(t, found.Summary, again.Summary)
	require.InDelta(t, found.Metrics["accuracy"], again.Metrics["accuracy"], 0, "only timings may differ between two runs")
	require.Empty(t, b.events())

	// Production decides nothing for a first release.
	in.Production, in.ProductionDigest = "", ""
	require.True(t, do[contract.Verdict](b, contract.ActivityTestModel, in).Passed)
}

// What could not be tested is skipped with a reason, and stops a release whose spec says so, on every side of the report.
func TestModelTestsSkip(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	in := b.candidate("1.1.0")
	in.Production, in.ProductionDigest = "", ""
	found := do[contract.Verdict](b, contract.ActivityTestModel, in)
	require.True(t, found.Passed, "by default a first release passes")
	require.Equal(t, "14 passed, 1 skipped", found.Summary)

	in.Key, in.Tests.Skipped = key("1.1.0", "r2"), spec.SkippedFails
	found = do[contract.Verdict](b, contract.ActivityTestModel, in)
	require.False(t, found.Passed)
	require.Equal(t, "accuracy_against_production: no version is in production (14 passed, 1 skipped)", found.Summary)
	report := b.report(found)
	require.False(t, report.Tests[10].Passed)
	require.Equal(t, modeltest.StatusSkipped, report.Tests[10].Status)
	require.Contains(t, string(b.stored(found.Report.Page)), "What could not be tested")
	require.Contains(t, string(b.stored(found.Report.JUnit)), `skipped="1"`)
	require.Contains(t, string(b.stored(found.Report.Card)), "| skipped |")
}

// 1.2.0 was trained on shuffled labels.
func TestModelTestsStopABadModel(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	found := do[contract.Verdict](b, contract.ActivityTestModel, b.candidate("1.2.0"))
	require.False(t, found.Passed)
	require.Contains(t, found.Summary, "accuracy")
	failed := []string{}
	for _, test := range b.report(found).Tests {
		if test.Status == modeltest.StatusFailed {
			failed = append(failed, test.Name)
		}
	}
	require.Equal(t, []string{"accuracy", "accuracy_against_production", "simple_baseline"}, failed, "the graph is fine, what it answers is not")
}

// A file that is no model is the candidate's failure, not an error to try again.
func TestModelTestsOfACorruptModel(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	in := b.candidate("1.1.0")
	in.Model.Artifact = b.put("broken.onnx", []byte("no graph"))
	found := do[contract.Verdict](b, contract.ActivityTestModel, in)
	require.False(t, found.Passed)
	require.NotEmpty(t, found.Report.Page)
}

func TestModelTestsWithoutTheBytes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	missing := string(artifacts.DigestOf([]byte("never uploaded")))
	in := b.candidate("1.1.0")
	in.ProductionDigest = missing
	_, err := try[contract.Verdict](b, contract.ActivityTestModel, in)
	final(t, err, contract.ErrDigestMismatch, "production 1.0.0")
	in.Model.Artifact.Digest = missing
	_, err = try[contract.Verdict](b, contract.ActivityTestModel, in)
	final(t, err, contract.ErrDigestMismatch, "model.artifact")
}

// Test rows must fit into memory; what is too large says so, and what to do.
func TestModelTestsOfTooManyRows(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.set.ModelTests.MaxTestBytes = 1000
	_, err := try[contract.Verdict](b, contract.ActivityTestModel, b.candidate("1.1.0"))
	final(t, err, contract.ErrInvalidInput, "data.test", "data/test.csv", "over 1000 bytes", "name fewer rows", "--max-test-mb")
}

func TestWarm(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.release("1.1.0")
	in := contract.WarmInput{Key: key("1.1.0", "r1"), Model: r.Model, Data: r.Data}
	for range 2 {
		found := do[contract.WarmOutput](b, contract.ActivityWarm, in)
		require.Equal(t, "cpu", found.Device)
		require.Equal(t, 50, found.Rows)
		require.NotEmpty(t, found.Host)
		require.Positive(t, found.P50MS)
	}
	require.NotEmpty(t, b.progress(), "the first heartbeat goes out at once")
	require.Empty(t, b.events())
}

func TestWarmRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.release("1.1.0")
	good := contract.WarmInput{Key: key("1.1.0", "r1"), Model: r.Model, Data: r.Data}
	for name, c := range map[string]struct {
		breaks func(*contract.WarmInput)
		kind   string
		words  string
	}{
		"corrupt model": {func(in *contract.WarmInput) { in.Model.Artifact = b.put("broken.onnx", []byte("no graph")) }, contract.ErrInvalidInput, ""},
		"missing model": {func(in *contract.WarmInput) {
			in.Model.Artifact.Digest = string(artifacts.DigestOf([]byte("never uploaded")))
		}, contract.ErrDigestMismatch, "model.artifact"},
		"wrong columns": {func(in *contract.WarmInput) { in.Data.Exclude = []string{"credit_amount"} }, contract.ErrInvalidInput, "credit_amount"},
		"no rows": {func(in *contract.WarmInput) {
			header, _, _ := cutLine(b.content(r.Data.Test))
			in.Data.Test = b.file("header.csv", header)
		}, contract.ErrInvalidInput, "no rows"},
	} {
		in := good
		c.breaks(&in)
		_, err := try[contract.WarmOutput](b, contract.ActivityWarm, in)
		t.Log(name)
		final(t, err, c.kind, c.words)
	}
}
