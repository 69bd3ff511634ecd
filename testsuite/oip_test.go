package testsuite

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/spec"
)

// Stock clients, unchanged, get the answers of POST /predict from a model that a
// release brought to the gateway: Triton's (HTTP, gRPC, asyncio) and KServe's (REST,
// gRPC). What Triton's examples of model control do works on a version that was only registered,
// and its client sees and changes the settings of traces and log.
func TestStockInferenceClients(t *testing.T) {
	t.Parallel()
	token := filepath.Join(t.TempDir(), "operator-token")
	require.NoError(t, os.WriteFile(token, []byte("the operator's own token"), 0o600))
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})) // takes all traces
	t.Cleanup(collector.Close)
	c := startClusterWith(t, "", "", "SLIPWAY_MODEL_CONTROL=explicit", "SLIPWAY_OPERATOR_TOKEN_FILE="+token, "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL)
	c.promote(credit("1.0.0"))
	c.registerAgain("spare")
	rows := filepath.Join("..", "examples", "credit-risk", "data", "test.csv")
	c.runClient("tritonclient_check.py", rows)
	c.runClient("kserve_check.py", rows)
	c.runClient("model_control_check.py", "spare", "the operator's own token")
	c.runClient("settings_check.py", model, "the operator's own token")
}

// registerAgain puts the content of credit-risk 1.0.0 into the registry under another name, without a release.
func (c *cluster) registerAgain(name string) {
	c.t.Helper()
	cat := c.openCatalog()
	m, err := cat.Model(c.t.Context(), model, "1.0.0")
	require.NoError(c.t, err)
	config, err := json.Marshal(spec.Model{Name: name, Version: "1", Task: spec.Classification})
	require.NoError(c.t, err)
	_, _, err = cat.RegisterModel(c.t.Context(), catalog.Model{Name: name, Version: "1", Digest: m.Digest, Config: config, CreatedBy: "test"}, nil,
		catalog.Mark{Key: "register-" + name, Actor: "test", Reason: "test"})
	require.NoError(c.t, err)
}

// runClient runs a client against the cluster's gateway.
func (c *cluster) runClient(script string, args ...string) {
	c.t.Helper()
	runClient(c.t, c.predict, c.grpc, script, args...)
}

// runClient runs a script with a client's Python; it gets the addresses of a server and args.
func runClient(t testing.TB, predict, grpc, script string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	args = append([]string{filepath.Join("testdata", "oip", script), strings.TrimPrefix(predict, "http://"), grpc}, args...)
	out, err := exec.CommandContext(ctx, need(t, "MLFLOW_PYTHON"), args...).CombinedOutput()
	require.NoError(t, err, "%s:\n%s", script, tail(out, 8000))
	require.Contains(t, string(out), "all clients ok")
}

// The same clients get their answers from a model that is served by itself, in a process of its own, and keeps its answers.
func TestModelServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	model := filepath.Join("..", "examples", "credit-risk", "models", "1.0.0.onnx")
	p := newProcess(t, filepath.Join(dir, "log"), filepath.Join(need(t, "SLIPWAY_BIN"), "slipwayd"),
		"model-server", "--model", model, "--name", "credit-risk", "--version", "1.0.0", "--listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--isolation", "process", "--response-cache-mb", "8")
	p.start()
	line, err := p.stdout.ReadBytes('\n')
	require.NoError(t, err)
	var at struct{ HTTP, GRPC string }
	require.NoError(t, json.Unmarshal(line, &at))
	require.Eventually(t, func() bool {
		resp, err := http.Get(at.HTTP + "/health") //nolint:noctx // a test
		if err != nil {
			return false
		}
		return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
	}, time.Minute, 10*time.Millisecond)
	runClient(t, at.HTTP, at.GRPC, "tritonclient_check.py", filepath.Join("..", "examples", "credit-risk", "data", "test.csv"))
	require.Zero(t, p.stop())
}
