package testsuite

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
)

// kills is how often each crash test kills its process.
const kills = 20

// TestKillDaemon kills -9 the daemon of the roles control, compute and gpu at
// random moments of releases, while the gateway runs as a process of its own.
func TestKillDaemon(t *testing.T) {
	t.Parallel()
	testKill(t, func(c *cluster) (*process, func()) {
		return c.daemon, func() { c.daemon.start(); _ = c.daemon.ready() }
	})
}

// TestKillTemporal does the same to the Temporal server.
func TestKillTemporal(t *testing.T) {
	t.Parallel()
	testKill(t, func(c *cluster) (*process, func()) {
		return c.temporal, func() { c.temporal.start(); c.client().Close() }
	})
}

func testKill(t *testing.T, choose func(*cluster) (victim *process, restart func())) {
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	c := startCluster(t, "", "")
	first := credit("1.0.0")
	first.Artifact = "models/1.0.0.onnx"
	c.promote(first)
	cat := c.openCatalog()
	l, stop := c.traffic(50)
	victim, restart := choose(c)

	versions := []string{"1.0.0"}
	moments := map[string]int{}
	for killed := 0; killed < kills; {
		s := credit(fmt.Sprintf("2.%d.0", len(versions)))
		s.Step = "3s"
		c.start(s)
		ended := func() bool {
			r, err := cat.Release(t.Context(), model, s.Version)
			return err == nil && r.Outcome != string(contract.OutcomeRunning)
		}
		// Each kill waits for the release to have moved since the last one, so that the moments spread over all of it.
		for killed < kills {
			seen := c.steps(cat, s.Version)
			require.Eventually(t, func() bool { return ended() || len(c.steps(cat, s.Version)) > len(seen) }, 5*time.Minute, 50*time.Millisecond, "%s does not move", s.Version)
			if waitFor(ended, time.Duration(random.IntN(1200))*time.Millisecond) {
				break
			}
			answered := l.Total().OK
			done := c.steps(cat, s.Version)
			victim.kill()
			killed++
			moments["after "+done[len(done)-1]]++
			require.Eventually(t, func() bool { return l.Total().OK > answered }, 30*time.Second, 20*time.Millisecond, "predictions stopped: %s", l.LastError())
			restart()
		}
		require.Eventually(t, ended, 5*time.Minute, 200*time.Millisecond, "%s never ended", s.Version)
		r, err := cat.Release(t.Context(), model, s.Version)
		require.NoError(t, err)
		require.Equal(t, string(contract.OutcomeProduction), r.Outcome, "%s: %s", s.Version, r.Reason)
		versions = append(versions, s.Version)
	}
	stop()
	total := l.Total()
	t.Logf("%d kills over %d releases (%v); %d predictions, %d errors", kills, len(versions)-1, moments, total.OK, total.Failed)
	require.Zero(t, total.Failed, "the client saw an error: %s", l.LastError())
	c.checkRecord(versions)
}

// waitFor polls until ok or until the time is over.
func waitFor(ok func() bool, limit time.Duration) bool {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-deadline.C:
			return ok()
		case <-tick.C:
			if ok() {
				return true
			}
		}
	}
}

// steps lists the audit entries of a release's attempts by step, in order.
func (c *cluster) steps(cat *catalog.Catalog, version string) []string {
	c.t.Helper()
	events, err := cat.Events(c.t.Context(), catalog.EventFilter{Limit: 10000})
	require.NoError(c.t, err)
	var steps []string
	for _, e := range events {
		if rest, ok := strings.CutPrefix(e.Key, contract.ReleaseID(model, version)+"@"); ok {
			_, step, _ := strings.Cut(rest, "/")
			steps = append(steps, step)
		}
	}
	return steps
}

// checkRecord makes sure that a crash doubled nothing and lost nothing: one data
// version in all (the content is the same), one model version and one audit entry per step of each release.
func (c *cluster) checkRecord(versions []string) {
	t := c.t
	cat := c.openCatalog()
	data, err := cat.DataVersions(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, data, 1)
	models, err := cat.Models(t.Context(), catalog.ModelFilter{Name: model, Limit: 1000})
	require.NoError(t, err)
	require.Len(t, models, len(versions))
	_, err = cat.VerifyEvents(t.Context())
	require.NoError(t, err)
	for _, v := range versions {
		steps := map[string]int{}
		for _, step := range c.steps(cat, v) {
			steps[step]++
		}
		want := []string{"begin", "register", "stage", "shift/1", "promote", "finish"}
		for _, g := range contract.Gates() {
			want = append(want, "gate/"+string(g))
		}
		for _, step := range want {
			require.Equal(t, 1, steps[step], "%s: audit entries of step %s (all: %v)", v, step, steps)
		}
	}
}

// TestDevStopsAndStartsAgain kills -9 the all-in-one daemon, starts it on the
// same state folder, where clients find it under the same addresses, and stops it cleanly.
func TestDevStopsAndStartsAgain(t *testing.T) {
	t.Parallel()
	d := startDev(t)
	before := d.ready()
	for name, address := range map[string]string{"gateway_http": before.GatewayHTTP, "gateway_grpc": before.GatewayGRPC, "control": before.Control, "temporal": before.Temporal, "ui": before.UI} {
		require.Contains(t, address, "127.0.0.1:", name)
	}
	d.kill()
	require.Eventually(t, func() bool {
		_, _, code := command(t, need(t, "TEMPORAL_CLI"), "operator", "cluster", "health", "--address", before.Temporal)
		return code != 0
	}, 30*time.Second, 200*time.Millisecond, "the Temporal child outlived its parent")
	d.start()
	after := d.ready()
	before.PID, after.PID = 0, 0
	require.Equal(t, before, after)
	require.Zero(t, d.stop())
}

func startDev(t *testing.T) *process {
	dir := t.TempDir()
	d := newProcess(t, dir+"/dev.log", need(t, "SLIPWAY_BIN")+"/slipwayd", "dev", "--state", dir+"/state", "--ports", "auto", "-o", "json", "--temporal-cli", need(t, "TEMPORAL_CLI"), "--device", "cpu")
	d.start()
	return d
}
