package testsuite

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/control/controlclient"
)

// TestMirrorToRealMLflow mirrors the run of a release and runs of the stock client to a real MLflow server, while the
// daemon is killed -9 and the server is gone for a while: by the stock client both servers show the same in the end.
func TestMirrorToRealMLflow(t *testing.T) {
	t.Parallel()
	server, mlflow := startMLflow(t)
	c := startClusterWith(t, "", "", "SLIPWAY_MIRROR="+server, "SLIPWAY_MIRROR_RUNS=all", "SLIPWAY_MIRROR_TOKEN=a-secret-token")
	script := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), need(t, "MLFLOW_PYTHON"), append([]string{filepath.Join("testdata", "mlflow", "mirror.py")}, args...)...)
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "GIT_PYTHON_REFRESH=quiet", "PYTHONWARNINGS=ignore", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR=false")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", tail(out, 4000))
		return string(out)
	}
	cat := c.openCatalog()
	delivered := func(n int) {
		t.Helper()
		require.Eventually(t, func() bool {
			s, err := cat.MirrorStatus(t.Context(), 0)
			return err == nil && s.Runs-s.Pending >= int64(n)
		}, 2*time.Minute, 50*time.Millisecond, "the mirror stands still")
	}
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)

	// The daemon dies while it sends.
	c.start(credit("1.0.0"))
	script("log", c.control, "first", "4")
	for range 2 {
		waitFor(func() bool { return false }, time.Duration(random.IntN(300))*time.Millisecond)
		c.daemon.kill()
		c.daemon.start()
		_ = c.daemon.ready()
	}
	delivered(1)
	// The server is gone while runs are logged and a release goes its way.
	mlflow.kill()
	script("log", c.control, "second", "2")
	c.until("1.0.0", "passed its tests", func(s contract.ReleaseStatus) bool {
		for _, g := range s.Gates {
			if g.Gate == contract.GateTests && g.State == contract.GatePassed {
				return true
			}
		}
		return false
	})
	var shown controlclient.Mirror
	require.Eventually(t, func() bool {
		out, errs, code := c.slipway("mirror", "show", "-o", "json")
		require.Zero(t, code, errs)
		require.NoError(t, json.Unmarshal([]byte(out), &shown))
		return shown.Pending > 0 && shown.Failing > 0
	}, time.Minute, 200*time.Millisecond, "nobody sees that the server is gone")
	require.NotEmpty(t, shown.Troubles[0].Error)
	mlflow.start()
	var last catalog.MirrorStatus
	if !waitFor(func() bool {
		s, err := cat.MirrorStatus(t.Context(), 10)
		if err == nil {
			last = s
		}
		return err == nil && s.Runs == 7 && s.Pending == 0 && s.Aside == 0 && s.Refused == 0
	}, 3*time.Minute) {
		said, err := json.Marshal(last)
		require.NoError(t, err)
		t.Fatalf("runs are not all mirrored: %s", said)
	}
	require.Contains(t, script("compare", c.control, server), "7 runs are the same, 1 of a release")

	// One workflow did it, whoever was started when; it ends once the mirror is given up.
	tc := c.client()
	id := contract.DeliverID(contract.ConsumerMirror)
	out, errs, code := c.slipway("mirror", "stop", "--reason", "the test is over")
	require.Zero(t, code, "%s%s", out, errs)
	c.daemon.kill()
	c.daemon.env = []string{"SLIPWAY_MIRROR="}
	c.daemon.start()
	_ = c.daemon.ready()
	require.NoError(t, tc.GetWorkflow(t.Context(), id, "").Get(t.Context(), nil))
	c.record(id, "deliver", "mirror-ended")
	_, errs, code = c.slipway("mirror", "show")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "--mirror")

	// The token is nowhere but in requests.
	for _, e := range history(t, tc, id) {
		require.NotContains(t, e.String(), "a-secret-token")
	}
	log, err := os.ReadFile(filepath.Join(c.dir, "daemon.log"))
	require.NoError(t, err)
	require.NotContains(t, string(log), "a-secret-token")
	require.True(t, strings.Contains(string(log), "run not mirrored"), "an outage is logged")
}
