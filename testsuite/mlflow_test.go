package testsuite

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
)

// The stock MLflow client, unchanged, against slipwayd: what it logs comes back, on
// both databases.
func TestStockMLflowClient(t *testing.T) {
	t.Parallel()
	for name, dsn := range map[string]func(*testing.T) string{"sqlite": func(*testing.T) string { return "" }, "postgres": catalogtest.Postgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := startCluster(t, dsn(t), "")
			runPython(t, c, "tracking.py")
		})
	}
}

// runPython runs a script with the stock client installed; it gets the address of the control API and args.
func runPython(t *testing.T, c *cluster, script string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, need(t, "MLFLOW_PYTHON"), append([]string{filepath.Join("testdata", "mlflow", script), c.control}, args...)...)
	// A failure is a failure: the client would try again for minutes.
	cmd.Env = append(cmd.Environ(), "MLFLOW_HTTP_REQUEST_MAX_RETRIES=1", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR=false", "GIT_PYTHON_REFRESH=quiet", "PYTHONWARNINGS=ignore", "HOME="+t.TempDir())
	cmd.Dir, _ = filepath.Abs(".")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s:\n%s", script, tail(out, 8000))
	require.Contains(t, string(out), "all areas ok")
}
