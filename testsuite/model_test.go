package testsuite

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/examples/live"
	"github.com/slipway-ml/slipway/internal/control/controlclient"
)

// TestModelCommands releases two versions and asks the registry about them, as its users do.
func TestModelCommands(t *testing.T) {
	t.Parallel()
	c := startCluster(t, "", "")
	first := credit("1.0.0")
	first.Artifact = "models/1.0.0.onnx"
	c.promote(first)
	between := time.Now().UTC()
	c.traffic(50) // a canary needs requests; it ends with the test
	c.promote(credit("1.1.0"))
	run := func(args ...string) string {
		t.Helper()
		out, errs, code := c.slipway(args...)
		require.Zero(t, code, "%v: %s%s", args, out, errs)
		return out
	}

	require.Contains(t, run("model", "list", "--stage", "production"), model+"/1.1.0")
	require.Contains(t, run("model", "show", model+"@production"), "1.1.0")
	history := run("model", "history", model)
	require.Contains(t, history, "model.promoted")
	require.Contains(t, history, "in place of 1.0.0")
	require.Contains(t, run("model", "history", model, "--at", between.Format(time.RFC3339Nano)), model+"@1.0.0 was in production")
	_, errs, code := c.slipway("model", "history", model, "--at", "2020-01-02")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "not found")

	compared := run("model", "compare", model+"@1.0.0", "production")
	require.Contains(t, compared, "accuracy")
	require.Contains(t, compared, "are the same")
	var comparison controlclient.Comparison
	require.NoError(t, json.Unmarshal([]byte(run("model", "compare", model+"@1.0.0", model+"@1.1.0", "-o", "json")), &comparison))
	seen := map[string]int{}
	for _, s := range comparison.Sections {
		seen[s.Name] = s.Different
	}
	require.Positive(t, seen["metrics"])
	require.Positive(t, seen["tests"], "%v", seen)
	require.Zero(t, seen["data"], "both were trained on the same rows")

	// From the version that a prediction names back to the rows.
	require.Contains(t, run("model", "lineage", model+"@1.1.0"), "train.csv")
	var lineage controlclient.Lineage
	require.NoError(t, json.Unmarshal([]byte(run("model", "lineage", model+"@1.1.0", "-o", "json")), &lineage))
	require.Equal(t, "production", lineage.Release.Outcome)
	require.Equal(t, "alice", lineage.Release.RequestedBy)
	require.Len(t, lineage.Data, 1)
	rows, err := os.ReadFile(filepath.Join("..", "examples", "credit-risk", "data", "train.csv"))
	require.NoError(t, err)
	sum := sha256.Sum256(rows)
	found := false
	for _, f := range lineage.Data[0].Files {
		found = found || f.Digest == "sha256:"+hex.EncodeToString(sum[:]) && f.Role == "train"
	}
	require.True(t, found, "%+v", lineage.Data[0].Files)

	to := filepath.Join(t.TempDir(), "got")
	require.Contains(t, run("model", "get", model+"@production", to), "verified")
	got, err := os.ReadFile(filepath.Join(to, model+"-1.1.0.onnx"))
	require.NoError(t, err)
	want, err := os.ReadFile(filepath.Join("..", "examples", "credit-risk", "models", "1.1.0.onnx"))
	require.NoError(t, err)
	require.Equal(t, want, got)
	_, errs, code = c.slipway("model", "get", model+"@production", to)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "not empty")

	run("model", "alias", model+"@1.0.0", "golden", "--protect", "--as", "bob", "--reason", "reviewed")
	_, errs, code = c.slipway("model", "alias", model+"@1.1.0", "golden", "--as", "bob")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "protected")
	run("model", "alias", model+"@1.1.0", "golden", "--override", "--as", "bob", "--reason", "the board")
	require.Contains(t, run("model", "show", model+"@golden"), "1.1.0")
	run("model", "unalias", model+"@golden", "--override", "--as", "bob", "--reason", "done")
	_, errs, code = c.slipway("model", "promote", model+"@1.0.0", "--as", "bob", "--reason", "back")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "slipway release start")
	_, errs, code = c.slipway("model", "rollback", model)
	require.Equal(t, 2, code)
	require.Contains(t, errs, "--reason is missing")
	require.Contains(t, run("model", "rollback", model, "--as", "bob", "--reason", "complaints"), model+"@1.0.0 is in production again, in place of 1.1.0")
	c.serves("1.0.0")
	require.Contains(t, run("model", "history", model), "roll back: complaints")
	_, errs, code = c.slipway("model", "rollback", model, "--as", "bob", "--reason", "once more")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "keeps no version before 1.0.0")
	run("model", "rollback", model, "--to", "1.1.0", "--as", "bob", "--reason", "it was not the model")
	c.serves("1.1.0")
	for _, args := range [][]string{{"show", "x"}, {"show", "a@b@c"}, {"compare", "a@1", "b@2"}, {"promote", "a@1", "--any", "--expect", "2"}, {"history", "a", "--at", "yesterday"}, {"alias", "a@1", "x", "--protect", "--unprotect"}} {
		_, errs, code := c.slipway(append([]string{"model"}, args...)...)
		require.Equal(t, 2, code, "%v: %s", args, errs)
	}
	t.Log("\n" + strings.Join([]string{history, compared, run("model", "lineage", model+"@1.1.0")}, "\n"))
}

// serves waits until the gateway answers with a version.
func (c *cluster) serves(version string) {
	c.t.Helper()
	rows, err := live.ReadRows(filepath.Join("..", "examples", "credit-risk", "data", "live.csv"), "risk")
	require.NoError(c.t, err)
	row, err := json.Marshal(rows[0])
	require.NoError(c.t, err)
	var answer struct{ Version string }
	require.Eventually(c.t, func() bool {
		out, errs, code := c.slipway("predict", "--model", model, "--input", string(row), "-o", "json")
		require.Zero(c.t, code, errs)
		require.NoError(c.t, json.Unmarshal([]byte(out), &answer))
		return answer.Version == version
	}, time.Minute, 100*time.Millisecond)
}
