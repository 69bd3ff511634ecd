package testsuite

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
)

// flood sends a release n signals that do not count.
func (c *cluster) flood(version string, n int) {
	c.t.Helper()
	tc := c.client()
	group, ctx := errgroup.WithContext(c.t.Context())
	group.SetLimit(16)
	for range n {
		group.Go(func() error {
			return tc.SignalWorkflow(ctx, contract.ReleaseID(model, version), "", contract.SignalDecide, map[string]string{"desicion": "approve"})
		})
	}
	require.NoError(c.t, group.Wait())
}

// TestFlood sends releases more messages than a history may hold if each is
// recorded, on a real server. The release stays open for what counts.
func TestFlood(t *testing.T) {
	t.Parallel()
	c := startCluster(t, "", "")
	for version, n := range map[string]int{"1.0.0": 130, "1.1.0": 1000} {
		s := credit(version)
		s.Approvals = 1
		c.start(s)
		c.until(version, "asked for approval", func(r contract.ReleaseStatus) bool { return r.Waiting != "" })
		c.flood(version, n)
		c.slipway("reject", model+"/"+version, "--as", "carol", "--reason", "too loud") // judged after the others, which may take longer than it waits
		status, code := c.watch(version)
		require.Equal(t, 3, code)
		require.Equal(t, contract.OutcomeRejected, status.Outcome, status.Reason)
		if n < 1000 {
			c.record(contract.ReleaseID(model, version), "release", "flooded")
		}
		events := history(t, c.client(), contract.ReleaseID(model, version))
		signals := 0
		for _, e := range events {
			if e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED {
				signals++
			}
		}
		require.Equal(t, n+1, signals)
		require.Less(t, len(events), 4*n+1500, "a signal and its workflow task: four events at most")
		log, err := c.openCatalog().Events(t.Context(), catalog.EventFilter{Subject: contract.ReleaseID(model, version), Limit: 10_000})
		require.NoError(t, err)
		told, ignored := 0, 0
		for _, e := range log {
			if e.Action == "message.ignored" {
				ignored++
				if strings.Contains(string(e.Detail), "leave no record") {
					told++
				}
			}
		}
		require.Positive(t, told)
		require.LessOrEqual(t, told, 2, "the release tells, and its child may")
		require.LessOrEqual(t, ignored, 210)
		t.Logf("%d signals: %d events", n, len(events))
	}
}
