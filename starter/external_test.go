package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/modeltest"
	"github.com/slipway-ml/slipway/internal/onnx"
)

const onnxModels = "../internal/onnx/testdata/"

// copied is a folder of a test's own with a model that keeps its weights in weights/all.bin.
func copied(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(onnxModels+"external/folder")))
	return dir
}

func TestModelTestWithExternalData(t *testing.T) {
	t.Parallel()
	model, weights := onnxModels+"external/folder/model.onnx", onnxModels+"external/folder/weights/all.bin"
	args := []string{"model", "test", model, "--data", onnxModels + "rows.csv", "--label", "label", "--device", "cpu", "-o", "json"}
	out, errs, code := cli(t, append(args, "--external-data", weights)...)
	require.Equal(t, codeOK, code, errs)
	var report modeltest.Report
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	require.InDelta(t, 0.9, report.Metrics["accuracy"], 1e-12)

	out, _, code = cli(t, args...)
	require.Equal(t, codeStopped, code, "weights that nobody allowed are a failed test")
	require.Contains(t, out, "name the files in model.external_data (--external-data)")

	_, errs, code = cli(t, append(args, "--external-data", onnxModels+"good.onnx")...)
	require.Equal(t, codeError, code)
	require.Contains(t, errs, "weights/all.bin: not among the files that the model may read")
}

// The start of a release stores one file with all weights, and the digests of what it was made of.
func TestReleaseWithExternalData(t *testing.T) {
	t.Parallel()
	w := running(t)
	file := specFile(t, "external", "1.0.0", "")
	dir := filepath.Dir(file)
	require.NoError(t, os.CopyFS(filepath.Join(dir, "net"), os.DirFS(onnxModels+"external/folder")))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	listed := strings.Replace(string(text), "artifact: model.onnx", "artifact: net/model.onnx, external_data: [net/weights/all.bin]", 1)
	require.NoError(t, os.WriteFile(file, []byte(listed), 0o600))

	out, errs, code := w.cli(t, "release", "start", "-f", file, "--as", "alice", "--dry-run", "-o", "json")
	require.Zero(t, code, errs)
	var in contract.ReleaseInput
	require.NoError(t, json.Unmarshal([]byte(out), &in))
	m := in.Spec.Model
	whole, err := w.store.Read(t.Context(), artifacts.Digest(m.Artifact.Digest), 1<<20)
	require.NoError(t, err)
	g, err := onnx.ReadGraph(whole)
	require.NoError(t, err)
	require.Equal(t, int64(23), g.ParameterCount())
	require.Equal(t, int64(len(whole)), m.Artifact.Size)
	weights, err := os.ReadFile(filepath.Join(dir, "net", "weights", "all.bin"))
	require.NoError(t, err)
	require.Equal(t, digest(string(weights)), m.ExternalData[0].Digest)

	// It is told for what it is where it does not fit.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "net", "weights", "all.bin"), weights[:40], 0o600))
	_, errs, code = w.cli(t, "release", "start", "-f", file, "--as", "alice")
	require.Equal(t, codeError, code)
	require.Contains(t, errs, "model.artifact: net/model.onnx: not a usable ONNX model: weights in another file: tensor")
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(listed, "[net/weights/all.bin]", "[train.csv]", 1)), 0o600))
	_, errs, code = w.cli(t, "release", "start", "-f", file, "--as", "alice")
	require.Equal(t, codeError, code)
	require.Contains(t, errs, "not among the files that the model may read")
}

// A model that MLflow logged with weights in another file, as it does with large tensors.
func TestReleaseOfAnMLflowModelWithExternalData(t *testing.T) {
	w := running(t)
	folder := copied(t)
	name := "model.onnx"
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		at, inside := strings.CutPrefix(r.URL.Path, "/api/2.0/mlflow-artifacts/artifacts/1/m/")
		switch {
		case strings.HasSuffix(r.URL.Path, "/get-download-uri"):
			_, _ = out.Write([]byte(`{"artifact_uri": "mlflow-artifacts:/1/m"}`))
		case at == "MLmodel":
			_, _ = out.Write([]byte("flavors: {onnx: {data: " + name + "}}"))
		case inside:
			b, err := os.ReadFile(filepath.Join(folder, at))
			if err != nil {
				out.WriteHeader(http.StatusNotFound)
			}
			_, _ = out.Write(b)
		default:
			out.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	t.Setenv("MLFLOW_TRACKING_URI", server.URL)
	file := specFile(t, "external-mlflow", "1.0.0", "")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), "model.onnx", "mlflow://m/1", 1)), 0o600))
	start := func() (in contract.ReleaseInput, errs string) {
		out, errs, code := w.cli(t, "release", "start", "-f", file, "--as", "alice", "--dry-run", "-o", "json")
		if code == codeOK {
			require.NoError(t, json.Unmarshal([]byte(out), &in))
		}
		return in, errs
	}
	in, errs := start()
	require.Empty(t, errs)
	whole, err := w.store.Read(t.Context(), artifacts.Digest(in.Spec.Model.Artifact.Digest), 1<<20)
	require.NoError(t, err)
	g, err := onnx.ReadGraph(whole)
	require.NoError(t, err)
	require.Equal(t, int64(23), g.ParameterCount())

	// A name that leads elsewhere is never asked for.
	b, err := os.ReadFile(filepath.Join(folder, "model.onnx"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "evil.onnx"), bytes.ReplaceAll(b, []byte("weights/all.bin"), []byte("../../1/all.bin")), 0o600))
	name = "evil.onnx"
	_, errs = start()
	require.Contains(t, errs, `"../../1/all.bin", which is no name of a file beside it`)
}
