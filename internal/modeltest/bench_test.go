package modeltest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/modeltest"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/spec"
)

// BenchmarkGate is the whole second gate of a release of the credit-risk
// example: child process, all tests, page and model card.
func BenchmarkGate(b *testing.B) {
	base := filepath.Join("..", "..", "examples", "credit-risk")
	r, err := spec.Load(filepath.Join(base, "release-1.1.0.yaml"))
	require.NoError(b, err)
	read := func(path string) []byte {
		content, err := os.ReadFile(filepath.Join(base, path))
		require.NoError(b, err)
		return content
	}
	src, err := dataset.OpenSource(filepath.Join(base, r.Data.Test.Path), dataset.SourceOptions{})
	require.NoError(b, err)
	defer src.Close()
	in := modeltest.Input{
		Model: read("models/1.1.0.onnx"), Production: read("models/1.0.0.onnx"), ProductionVersion: "1.0.0",
		Spec: r.Model, Data: r.Data, Tests: r.Tests, Device: onnx.DeviceCPU,
	}
	in.Test, err = dataset.ReadTable(b.Context(), src, dataset.TableOptions{})
	require.NoError(b, err)
	train := &modeltest.File{Name: "train.csv", Content: read(r.Data.Train.Path)}
	for b.Loop() {
		report, err := modeltest.Isolated(b.Context(), in, train, nil)
		require.NoError(b, err)
		require.True(b, report.Passed, report.Summary())
		_, err = report.HTML()
		require.NoError(b, err)
		_, err = report.Card(in.Spec, in.Data)
		require.NoError(b, err)
	}
}
