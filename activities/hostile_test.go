package activities_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/modeltest"
	"github.com/slipway-ml/slipway/internal/onnx/brokenmodel"
	"github.com/slipway-ml/slipway/internal/spec"
)

// toy is the test of a model of internal/onnx/testdata on the rows that go with it.
func (b *bench) toy(name string) contract.TestModelInput {
	b.t.Helper()
	return b.toyOf(name+".onnx", b.testdata(name+".onnx"))
}

// testdata reads a file of internal/onnx/testdata.
func (b *bench) testdata(file string) []byte {
	b.t.Helper()
	body, err := os.ReadFile(filepath.Join("..", "internal", "onnx", "testdata", file))
	require.NoError(b.t, err)
	return body
}

// toyOf is the test of a model that takes the rows of internal/onnx/testdata.
func (b *bench) toyOf(name string, model []byte) contract.TestModelInput {
	b.t.Helper()
	rows := b.put("rows.csv", b.testdata("rows.csv"))
	r := b.release("1.1.0")
	in := contract.TestModelInput{
		Key:   key("1", "r1"),
		Model: spec.Model{Name: "toy", Version: "1", Task: spec.Classification, Artifact: b.put(name, model), Deployment: r.Model.Deployment},
		Data: spec.Data{Train: rows, Test: rows, Label: "label", Schema: b.put("schema.yaml", []byte(`columns:
  - {name: a, type: number}
  - {name: b, type: number}
  - {name: c, type: number}
  - {name: d, type: number}
  - {name: label, type: integer}
`))},
		Tests: r.Tests,
	}
	all := 1.0 // the training rows are the test rows
	in.Tests.LatencyMS, in.Tests.MemoryMB, in.Tests.MinAccuracy, in.Tests.Leakage.MaxOverlap = 1e6, 1e6, 0, &all
	return in
}

// A model that hangs, or eats memory, fails its test; the worker beats on and takes the next one.
func TestModelTestsOfHostileModels(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	in := b.toy("hanging")
	in.Tests.Process.Time = spec.Duration(2 * time.Second)
	found := do[contract.Verdict](b, contract.ActivityTestModel, in)
	require.False(t, found.Passed)
	require.Contains(t, found.Summary, "forward_pass: the model broke its process: it was not done after 2s")
	b.beatSaid(2, 15, "forward_pass")

	in = b.toy("hungry")
	in.Tests.Process.MemoryMB = 512
	found = do[contract.Verdict](b, contract.ActivityTestModel, in)
	require.False(t, found.Passed)
	require.Contains(t, found.Summary, "forward_pass: ")

	require.True(t, do[contract.Verdict](b, contract.ActivityTestModel, b.toy("good")).Passed)
}

// Cancelling the activity ends the model's process.
func TestModelTestsCancelled(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	in := b.toy("hanging")
	go func() {
		_, err := tryIn[contract.Verdict](ctx, b, contract.ActivityTestModel, in)
		ended <- err
	}()
	b.beatSaid(2, 15, "forward_pass")
	cancel()
	select {
	case err := <-ended:
		require.ErrorContains(t, err, "canceled")
	case <-time.After(patience):
		t.Fatal("the activity goes on")
	}
}

// Every broken file is a failed test with a reason, and none takes the worker along.
func TestModelTestsOfBrokenFiles(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	models := brokenmodel.All()
	require.GreaterOrEqual(t, len(models), 200)
	names := map[string]bool{}
	for _, m := range models {
		require.False(t, names[m.Name], "two files are called %s", m.Name)
		names[m.Name] = true
	}
	t.Run("files", func(t *testing.T) {
		for _, m := range models {
			t.Run(m.Name, func(t *testing.T) {
				t.Parallel()
				in := b.toyOf(m.Name+".onnx", m.Bytes)
				in.Tests.Process.MemoryMB, in.Tests.Process.Time = 1024, spec.Duration(3*time.Second)
				value, err := b.environment(t.Context()).ExecuteActivity(contract.ActivityTestModel, in)
				require.NoError(t, err)
				var found contract.Verdict
				require.NoError(t, value.Get(&found))
				require.False(t, found.Passed)
				require.Less(t, len(found.Summary), 4000)
				var r modeltest.Report
				require.NoError(t, json.Unmarshal(b.stored(found.Report.Digest), &r))
				for _, test := range r.Tests {
					require.Equal(t, test.Status == modeltest.StatusPassed, test.Error == "", test.Name)
				}
			})
		}
	})
	sound := b.toyOf("sound.onnx", brokenmodel.Sound())
	found := do[contract.Verdict](b, contract.ActivityTestModel, sound)
	require.NotContains(t, found.Summary, "process", "the worker lives")
	for _, test := range b.report(found).Tests {
		if test.ID != "C4" { // nobody trained it
			require.Equal(t, modeltest.StatusPassed, test.Status, "%s: %s", test.Name, test.Error)
		}
	}
}
