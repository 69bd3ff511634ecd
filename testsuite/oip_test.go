package testsuite

import (
	"context"
	"encoding/json"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The stock Triton clients (HTTP, gRPC, asyncio), unchanged, get the answers of
// POST /predict from a model that a release brought to the gateway.
func TestStockTritonClient(t *testing.T) {
	t.Parallel()
	c := startCluster(t, "", "")
	c.promote(credit("1.0.0"))
	checkWithTritonClient(t, c.predict, c.grpc)
}

func checkWithTritonClient(t *testing.T, predict, grpc string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	script := filepath.Join("testdata", "oip", "tritonclient_check.py")
	cmd := exec.CommandContext(ctx, need(t, "MLFLOW_PYTHON"), script, strings.TrimPrefix(predict, "http://"), grpc, filepath.Join("..", "examples", "credit-risk", "data", "test.csv"))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", tail(out, 8000))
	require.Contains(t, string(out), "all clients ok")
}

// The same clients get their answers from a model that is served by itself.
func TestModelServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	model := filepath.Join("..", "examples", "credit-risk", "models", "1.0.0.onnx")
	p := newProcess(t, filepath.Join(dir, "log"), filepath.Join(need(t, "SLIPWAY_BIN"), "slipwayd"),
		"model-server", "--model", model, "--name", "credit-risk", "--version", "1.0.0", "--listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--isolation", "process")
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
	checkWithTritonClient(t, at.HTTP, at.GRPC)
	require.Zero(t, p.stop())
}
