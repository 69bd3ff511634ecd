package testsuite

import (
	"context"
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
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	script := filepath.Join("testdata", "oip", "tritonclient_check.py")
	cmd := exec.CommandContext(ctx, need(t, "MLFLOW_PYTHON"), script, strings.TrimPrefix(c.predict, "http://"), c.grpc, filepath.Join("..", "examples", "credit-risk", "data", "test.csv"))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", tail(out, 8000))
	require.Contains(t, string(out), "all clients ok")
}
