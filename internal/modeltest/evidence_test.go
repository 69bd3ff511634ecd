package modeltest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/modeltest"
	"github.com/slipway-ml/slipway/internal/spec"
)

// example is an example's release with its training rows, tested against a
// version in production.
func example(t testing.TB, folder, version, production string) modeltest.Input {
	t.Helper()
	base := filepath.Join("..", "..", "examples", folder)
	release, err := spec.Load(filepath.Join(base, "release-"+version+".yaml"))
	require.NoError(t, err)
	in := input(t, "good")
	in.Spec, in.Data, in.Tests = release.Model, release.Data, release.Tests
	in.Tests.LatencyMS, in.Tests.MemoryMB = 1e6, 1e6
	in.Test = table(t, filepath.Join(base, release.Data.Test.Path))
	in.Model, err = os.ReadFile(filepath.Join(base, release.Model.Artifact.Path))
	require.NoError(t, err)
	if production != "" {
		in.Production, err = os.ReadFile(filepath.Join(base, "models", production+".onnx"))
		require.NoError(t, err)
		in.ProductionVersion = production
	}
	in.Train = source(t, filepath.Join(base, release.Data.Train.Path))
	return in
}

func source(t testing.TB, path string) dataset.Source {
	t.Helper()
	src, err := dataset.OpenSource(path, dataset.SourceOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, src.Close()) })
	return src
}

// The releases of the example end as its README says, with all evidence at hand.
func TestEvidenceOfTheExample(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		version, production string
		passed              bool
	}{{"1.0.0", "", true}, {"1.1.0", "1.0.0", true}, {"1.2.0", "1.1.0", false}, {"1.3.0", "1.1.0", true}} {
		t.Run(c.version, func(t *testing.T) {
			t.Parallel()
			r, err := modeltest.Run(t.Context(), start(t), example(t, "credit-risk", c.version, c.production), nil)
			require.NoError(t, err)
			require.Equal(t, c.passed, r.Passed, r.Summary())
			require.Equal(t, c.production != "", r.Comparison != nil)
			require.Equal(t, "class 1", r.Calibration.Of)
			require.Zero(t, r.Leakage.Overlap)
			require.Len(t, r.Baselines, 3)
			require.Equal(t, "logistic regression", r.Baselines[2].Name)
			require.Contains(t, r.Intervals, "pr_auc")
			for _, slice := range r.Slices {
				require.NotContains(t, slice.Name, "male", "the sex is personal")
			}
		})
	}
}
