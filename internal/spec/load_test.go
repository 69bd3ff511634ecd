package spec_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/spec"
)

// folder writes valid with its files and gives the path of the spec.
func folder(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"model.onnx", "train.csv", "test.csv", "schema.yaml"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600))
	}
	path := filepath.Join(dir, "release.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestLoadFillsDefaults(t *testing.T) {
	t.Parallel()
	r, err := spec.Load(folder(t, valid))
	require.NoError(t, err)
	require.Equal(t, "credit/1.0.0", r.ID())
	require.Equal(t, "credit", r.Data.Name)
	require.Equal(t, r.Data.Train, r.Data.Reference)
	require.Equal(t, 32, r.Model.Deployment.BatchSize)
	require.True(t, *r.Model.Deployment.AutoScaling)
	require.Len(t, r.Canary.Steps, 4)
	require.Equal(t, 50, r.Canary.Steps[0].Permille())
	before := r
	r.SetDefaults()
	require.Equal(t, before, r, "defaults change nothing in a complete spec")
}

func TestLoadChecksFiles(t *testing.T) {
	t.Parallel()
	path := folder(t, valid)
	dir := filepath.Dir(path)
	require.NoError(t, os.Remove(filepath.Join(dir, "model.onnx")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "train.csv"), nil, 0o600))
	require.NoError(t, os.Remove(filepath.Join(dir, "test.csv")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "test.csv"), 0o700))
	_, err := spec.Load(path)
	require.EqualError(t, err, strings.NewReplacer("SPEC", path, "DIR", dir).Replace(
		`SPEC:5: model.artifact: file "DIR/model.onnx" does not exist; want a file beside the spec, or a path relative to it
SPEC:8: data.train: file "DIR/train.csv" is empty; want a file with content
SPEC:9: data.test: "DIR/test.csv" is a folder; want a file`))

	absolute := strings.Replace(valid, "train.csv", "/no/such/train.csv", 1)
	_, err = spec.Load(folder(t, absolute))
	require.ErrorContains(t, err, `:8: data.train: file "/no/such/train.csv" does not exist`)

	elsewhere := filepath.Join(dir, "schema.yaml")
	r, err := spec.Load(folder(t, strings.Replace(valid, "train.csv", elsewhere, 1)))
	require.NoError(t, err, "an absolute path of a file is fine")
	require.Equal(t, elsewhere, r.Data.Train.At(path))

	_, err = spec.Load(filepath.Join(dir, "none.yaml"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = spec.Load(dir)
	require.ErrorContains(t, err, "read release spec "+dir)
}

// A huge file costs one clear error and no memory to speak of.
func TestLoadRefusesHugeFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "release.yaml")
	f, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, f.Truncate(2<<30))
	require.NoError(t, f.Close())
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = spec.Load(path)
	runtime.ReadMemStats(&after)
	require.EqualError(t, err, path+": the text is larger than 1048576 bytes; want a release spec; data and models are files of their own that the spec names")
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20))
}

func TestExamplesLoad(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("../../examples/*/release*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		_, err := spec.Load(path)
		require.NoError(t, err)
	}
}

func TestProblemsUnwrap(t *testing.T) {
	t.Parallel()
	_, err := spec.Parse("r.yaml", []byte(strings.Replace(valid, "  label: risk\n", "  lable: risk\n", 1)))
	var p spec.Problem
	require.ErrorAs(t, err, &p)
	require.Equal(t, "r.yaml", p.File)
	require.Equal(t, "data.label", p.Field)
	require.Empty(t, p.Found)
	require.Equal(t, 7, p.Line)
}

func TestProblemsAreBounded(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 5000 {
		b.WriteString("x" + strings.Repeat("y", i%50) + string(rune('a'+i%26)) + ": 1\n")
	}
	_, err := spec.Parse("r.yaml", []byte(b.String()))
	require.Less(t, strings.Count(err.Error(), "\n"), 110)
}

// A model may lie on an MLflow server; data may not.
func TestLoadTakesModelFromMLflow(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"mlflow://churn@champion", "mlflow://churn/3", "runs:/0af1/model"} {
		r, err := spec.Load(folder(t, strings.Replace(valid, "model.onnx", address, 1)))
		require.NoError(t, err, address)
		require.True(t, r.Model.Artifact.Remote())
		require.False(t, r.Data.Train.Remote())
	}
	_, err := spec.Load(folder(t, strings.Replace(valid, "train.csv", "runs:/0af1/train.csv", 1)))
	require.ErrorContains(t, err, "data.train")
	require.ErrorContains(t, err, "only model.artifact may be taken from there")

	// What MLflow logged comes along; files beside the spec are none of it.
	_, err = spec.Load(folder(t, strings.Replace(valid, "model.onnx", "mlflow://churn/3\n  external_data: [train.csv]", 1)))
	require.ErrorContains(t, err, "model.external_data: it is not allowed beside an artifact on an MLflow server")
	_, err = spec.Load(folder(t, strings.Replace(valid, "model.onnx", "model.onnx\n  external_data: [missing.bin]", 1)))
	require.ErrorContains(t, err, "model.external_data[0]: file")
	many := strings.Repeat("train.csv, ", 1001)
	_, err = spec.Load(folder(t, strings.Replace(valid, "model.onnx", "model.onnx\n  external_data: ["+many+"]", 1)))
	require.ErrorContains(t, err, "1001 files are not allowed; want up to 1000 files")
}
