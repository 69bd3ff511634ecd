package testsuite

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
)

// startMLflow starts a real MLflow server on SQLite and a folder, both beside its log, and waits until it answers.
func startMLflow(t *testing.T) (uri string, server *process) {
	t.Helper()
	dir, port := t.TempDir(), itoa(freePort(t))
	uri = "http://127.0.0.1:" + port
	server = newProcess(t, filepath.Join(dir, "mlflow.log"), need(t, "MLFLOW_PYTHON"), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port,
		"--workers", "1", "--backend-store-uri", "sqlite:///"+filepath.Join(dir, "mlflow.db"), "--artifacts-destination", filepath.Join(dir, "artifacts"))
	server.env = []string{"HOME=" + dir, "GIT_PYTHON_REFRESH=quiet"}
	server.start()
	require.Eventually(t, func() bool {
		answer, err := http.Get(uri + "/health")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}, 3*time.Minute, 200*time.Millisecond, "MLflow's server does not come up")
	return uri, server
}

// TestReleaseFromMLflow releases models out of the registry and a run of a real MLflow server, and of Slipway's own.
func TestReleaseFromMLflow(t *testing.T) {
	t.Parallel()
	python := need(t, "MLFLOW_PYTHON")
	c := startCluster(t, "", "")
	server, mlflow := startMLflow(t)
	dir := filepath.Dir(mlflow.log)

	log := func(uri, name string, options ...string) (run string) {
		t.Helper()
		file, err := filepath.Abs(filepath.Join(examples, "models", "1.1.0.onnx"))
		require.NoError(t, err)
		cmd := exec.CommandContext(t.Context(), python, append([]string{filepath.Join("testdata", "mlflow", "source.py"), uri, file, name}, options...)...)
		cmd.Env = append(os.Environ(), "HOME="+dir, "GIT_PYTHON_REFRESH=quiet", "PYTHONWARNINGS=ignore", "MLFLOW_HTTP_REQUEST_MAX_RETRIES=1", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR=false")
		var errs lockedBuffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		require.NoError(t, err, errs.String())
		lines := strings.Fields(string(out))
		return lines[len(lines)-1]
	}
	start := func(uri, version, artifact string) (string, int) {
		t.Helper()
		s := credit(version)
		s.Artifact = artifact
		cmd := exec.CommandContext(t.Context(), filepath.Join(need(t, "SLIPWAY_BIN"), "slipway"), "release", "start", "-f", s.write(t), "--as", "alice",
			"--control", c.control, "--temporal", c.address, "--gateway", c.predict)
		cmd.Env = append(os.Environ(), "MLFLOW_TRACKING_URI="+uri)
		out, _ := cmd.CombinedOutput() // the exit code says enough
		return string(out), cmd.ProcessState.ExitCode()
	}
	run := log(server, "exported-model")
	log(c.control, "kept-here")

	out, code := start(server, "1.0.0", "mlflow://exported-model@champion")
	require.Zero(t, code, out)
	c.watch("1.0.0")
	c.traffic(50) // a canary needs requests; it ends with the test
	for version, from := range map[string][2]string{"1.1.0": {server, "mlflow://exported-model/1"}, "1.2.0": {server, "runs:/" + run + "/exported"}, "1.3.0": {c.control, "mlflow://kept-here@champion"}} {
		out, code := start(from[0], version, from[1])
		require.Zero(t, code, out)
		_, code = c.watch(version)
		require.Zero(t, code, version)
	}
	all, err := c.openCatalog().Models(t.Context(), catalog.ModelFilter{Name: model})
	require.NoError(t, err)
	require.Len(t, all, 4)
	for _, m := range all {
		require.Equal(t, all[0].Digest, m.Digest, "the same model, by whatever way: %s", m.Version)
	}
	stored, err := filepath.Glob(filepath.Join(dir, "artifacts", "*", "models", "*", "artifacts", "model.onnx"))
	require.NoError(t, err)
	require.Len(t, stored, 1)
	stdout, _, code := command(t, "sha256sum", stored[0])
	require.Zero(t, code)
	require.Equal(t, "sha256:"+strings.Fields(stdout)[0], all[0].Digest)

	// Large weights stored as bytes are a file of their own on the server, and part of the artifact here.
	log(server, "with-weights", "raw")
	weights, err := filepath.Glob(filepath.Join(dir, "artifacts", "*", "models", "*", "artifacts", "*.data"))
	require.NoError(t, err)
	require.Len(t, weights, 1)
	out, code = start(server, "1.4.0", "mlflow://with-weights@champion")
	require.Zero(t, code, out)
	_, code = c.watch("1.4.0")
	require.Zero(t, code)

	for artifact, message := range map[string]string{
		"mlflow://nobody@champion": "nobody", "mlflow://exported-model@none": "none", "runs:/" + run + "/nothing": "no model that MLflow logged", "mlflow://exported-model": "write mlflow://NAME@ALIAS",
	} {
		out, code := start(server, "9.0.0", artifact)
		require.Equal(t, 1, code, out)
		require.Contains(t, out, message)
	}
	out, code = start("", "9.0.0", "mlflow://exported-model/1")
	require.Equal(t, 1, code)
	require.Contains(t, out, "MLFLOW_TRACKING_URI")
}
