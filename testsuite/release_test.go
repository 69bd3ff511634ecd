package testsuite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
)

// TestReleasePaths takes releases down every path on real processes, steered
// from our CLI and from the plain temporal CLI.
func TestReleasePaths(t *testing.T) {
	t.Parallel()
	c := startClusterWith(t, "", "", "SLIPWAY_ENCRYPTION_KEY=base64key://smGbjm71Nxd1Ig5FS0wj9SlbzAIrnolCz9bQQ6uAhl4=")
	first := credit("1.0.0")
	first.Artifact = "models/1.0.0.onnx"
	status := c.promote(first)
	for _, g := range status.Gates {
		require.Equal(t, contract.GatePassed, g.State, "%s: %s", g.Gate, g.Summary)
	}
	c.record(contract.ReleaseID(model, "1.0.0"), "release", "promoted")
	l, stop := c.traffic(100)
	require.Eventually(t, func() bool { return l.Total().OK > 20 }, time.Minute, 100*time.Millisecond, l.LastError())

	c.testRejected(t)
	c.testExpired(t)
	c.testFailedTest(t)
	c.testAborted(t)
	c.testApprovedByTemporalCLI(t)
	c.testRolledBack(t)
	c.testMonitor(t)

	stop()
	cat := c.openCatalog()
	n, err := cat.VerifyEvents(t.Context())
	require.NoError(t, err)
	require.Positive(t, n)
	production, err := cat.Models(t.Context(), catalog.ModelFilter{Name: model, Stage: catalog.StageProduction})
	require.NoError(t, err)
	require.Len(t, production, 1)
	require.Equal(t, "2.0.0", production[0].Version)
	c.requireEncrypted(t)
	c.testRuns(t, cat)
}

// requireEncrypted looks for data, models, reports and the prediction log in the files of the store.
func (c *cluster) requireEncrypted(t *testing.T) {
	model, err := os.ReadFile(filepath.Join(examples, "models", "1.0.0.onnx"))
	require.NoError(t, err)
	data, err := os.ReadFile(filepath.Join(examples, "data", "train.csv"))
	require.NoError(t, err)
	files := 0
	require.NoError(t, filepath.WalkDir(filepath.Join(c.dir, "artifacts"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		for _, mark := range [][]byte{model[500:600], data[:100], data[5000:5100], []byte("request_id"), []byte("<html"), []byte("\"verdict\"")} {
			require.False(t, bytes.Contains(b, mark), "%s holds %q", path, mark)
		}
		return nil
	}))
	require.Greater(t, files, 20)
}

// testRuns looks for the tests of each release among the runs, where the stock MLflow client finds them.
func (c *cluster) testRuns(t *testing.T, cat *catalog.Catalog) {
	experiment, err := cat.ExperimentByName(t.Context(), model)
	require.NoError(t, err)
	runs, _, err := cat.SearchRuns(t.Context(), catalog.TrackedQuery{Experiments: []int64{experiment.ID}, Limit: 100})
	require.NoError(t, err)
	ended := map[string][]string{}
	for _, r := range runs {
		ended[r.Name] = append(ended[r.Name], r.Status)
		require.NotEmpty(t, r.Inputs)
		require.NotEmpty(t, r.Inputs[0].DataDigest, "linked to the stored data version")
		require.NotEmpty(t, r.Metrics)
	}
	require.Equal(t, []string{catalog.RunFinished}, ended["1.0.0"])
	require.Equal(t, []string{catalog.RunFinished}, ended["2.0.0"])
	require.Equal(t, []string{catalog.RunFailed, catalog.RunFailed}, ended["1.3.0"], "a run of each attempt")
}

func (c *cluster) testRejected(t *testing.T) {
	s := credit("1.1.0")
	s.Approvals = 1
	c.start(s)
	c.until(s.Version, "asked for approval", func(r contract.ReleaseStatus) bool { return r.Waiting != "" })
	_, errs, code := c.slipway("approve", model+"/"+s.Version, "--as", "alice", "--reason", "my own")
	require.Equal(t, 1, code, "the requester must not approve")
	require.Contains(t, errs, "somebody else")
	_, errs, code = c.slipway("approve", model+"/"+s.Version, "--as", "mallory", "--reason", "let me")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "not an approver")
	out, errs, code := c.slipway("reject", model+"/"+s.Version, "--as", "carol", "--reason", "not now")
	require.Zero(t, code, "%s%s", out, errs)
	status, code := c.watch(s.Version)
	require.Equal(t, 3, code)
	require.Equal(t, contract.OutcomeRejected, status.Outcome)
	require.Contains(t, status.Reason, "carol: not now")
	c.record(contract.ReleaseID(model, s.Version), "release", "rejected")
	c.record(contract.ComplianceID(model, s.Version), "compliance", "rejected")
}

func (c *cluster) testExpired(t *testing.T) {
	s := credit("1.2.0")
	s.Approvals, s.Deadline = 1, "2s"
	c.start(s)
	status, code := c.watch(s.Version)
	require.Equal(t, 3, code)
	require.Equal(t, contract.OutcomeExpired, status.Outcome, status.Reason)
	c.record(contract.ReleaseID(model, s.Version), "release", "expired")
	c.record(contract.ComplianceID(model, s.Version), "compliance", "expired")
}

func (c *cluster) testFailedTest(t *testing.T) {
	s := credit("1.3.0")
	s.Artifact = "models/1.2.0.onnx" // trained on shuffled labels
	c.start(s)
	status, code := c.watch(s.Version)
	require.Equal(t, 3, code)
	require.Equal(t, contract.OutcomeFailed, status.Outcome)
	require.Contains(t, status.Reason, "accuracy")
	c.record(contract.ReleaseID(model, s.Version), "release", "failed-test")
	// A failed release can be started again, and fails again.
	c.start(s)
	_, code = c.watch(s.Version)
	require.Equal(t, 3, code)
}

func (c *cluster) testAborted(t *testing.T) {
	s := credit("1.4.0")
	s.Step = "1h"
	c.start(s)
	c.canary(s.Version, "took traffic", func(k contract.CanaryStatus) bool { return k.Permille == 200 })
	// Two releases of one model are never interleaved.
	other := credit("1.5.0")
	out, errs, code := c.slipway("release", "start", "-f", other.write(t), "--as", "alice")
	require.Equal(t, 3, code, out)
	require.Contains(t, errs, "release/credit-risk/1.4.0")
	// The same release twice.
	_, errs, code = c.slipway("release", "start", "-f", s.write(t), "--as", "alice")
	require.NotZero(t, code)
	require.Contains(t, errs, "already running")
	// Even one that gets past the CLI is refused by the workflow.
	c.testRefused(t, other)
	out, errs, code = c.slipway("release", "abort", model+"/"+s.Version, "--as", "alice", "--reason", "wrong day")
	require.Zero(t, code, "%s%s", out, errs)
	status, code := c.watch(s.Version)
	require.Equal(t, 3, code)
	require.Equal(t, contract.OutcomeAborted, status.Outcome)
	require.Contains(t, status.Reason, "alice: wrong day")
	c.record(contract.ReleaseID(model, s.Version), "release", "aborted")
	c.record(contract.CanaryID(model, s.Version), "canary", "aborted")
}

// testRefused starts a release by the plain temporal CLI while another holds the model.
func (c *cluster) testRefused(t *testing.T, s release) {
	input, errs, code := c.slipway("release", "start", "-f", s.write(t), "--as", "alice", "--dry-run", "-o", "json")
	require.Zero(t, code, errs)
	id := contract.ReleaseID(model, s.Version)
	out, errs, _ := c.cli("workflow", "execute", "--type", contract.WorkflowRelease, "--task-queue", contract.QueueControl, "--workflow-id", id, "--input", input)
	require.Contains(t, out+errs, "release/credit-risk/1.4.0 is under way")
	c.record(id, "release", "refused")
}

func (c *cluster) testApprovedByTemporalCLI(t *testing.T) {
	s := credit("2.0.0")
	s.Approvals = 1
	s.Step = "4s"
	c.start(s)
	id := contract.ReleaseID(model, s.Version)
	waiting := c.until(s.Version, "asked for approval", func(r contract.ReleaseStatus) bool { return r.Waiting != "" })
	signal := func(name, input string) {
		t.Helper()
		_, errs, code := c.cli("workflow", "signal", "--workflow-id", id, "--name", name, "--input", input)
		require.Zero(t, code, errs)
	}
	// Malformed and unauthorised messages are put on record and ignored.
	signal("decide", `{"desicion": "approve"}`)
	signal("decide", `"approve"`)
	signal("pause", `{"id": "p0", "release_id": "`+id+`", "by": "mallory"}`)
	_, _, code := c.cli("workflow", "signal", "--workflow-id", id, "--name", "abort")
	require.Zero(t, code)
	decision, err := json.Marshal(contract.Decision{
		ID: "d1", Release: id, Candidate: waiting.Candidate, Decision: contract.Approve, Approver: "bob", Reason: "looks good", IssuedAt: time.Now(),
	})
	require.NoError(t, err)
	signal("decide", string(decision))

	control := func(by string) string {
		return fmt.Sprintf(`{"id": "c-%s", "release_id": "%s", "by": "%s"}`, by, id, by)
	}
	c.canary(s.Version, "took traffic", func(k contract.CanaryStatus) bool { return k.Permille == 200 })
	signal("pause", control("bob"))
	c.canary(s.Version, "paused", func(k contract.CanaryStatus) bool { return k.Phase == contract.CanaryPaused })
	signal("resume", control("carol"))
	c.canary(s.Version, "resumed", func(k contract.CanaryStatus) bool { return k.Phase != contract.CanaryPaused })
	signal("promote", control("alice"))
	status, exit := c.watch(s.Version)
	require.Zero(t, exit, status.Reason)
	require.Equal(t, contract.OutcomeProduction, status.Outcome)
	out, errs, code := c.cli("workflow", "query", "--workflow-id", id, "--type", contract.QueryStatus)
	require.Zero(t, code, errs)
	require.Contains(t, out, "is in production")
	c.record(id, "release", "approved")
	c.record(contract.ComplianceID(model, s.Version), "compliance", "approved")
	c.record(contract.CanaryID(model, s.Version), "canary", "promoted")

	events, err := c.openCatalog().Events(t.Context(), catalog.EventFilter{Subject: id, Limit: 1000})
	require.NoError(t, err)
	ignored, accepted := 0, map[string]int{}
	for _, e := range events {
		if e.Action == "message.ignored" {
			ignored++
		} else if name, ok := strings.CutPrefix(e.Action, "message."); ok {
			accepted[name]++
		}
	}
	require.Equal(t, 4, ignored)
	require.Equal(t, map[string]int{"decide": 1, "pause": 1, "resume": 1, "promote": 1}, accepted)
}

func (c *cluster) testRolledBack(t *testing.T) {
	s := credit("2.1.0")
	s.Artifact, s.Train, s.Test = "models/1.3.0.onnx", "data/train-short.csv", "data/test-short.csv"
	s.Step = "30s"
	c.start(s)
	status, code := c.watch(s.Version)
	require.Equal(t, 4, code, status.Reason)
	require.Equal(t, contract.OutcomeRolledBack, status.Outcome)
	require.Contains(t, status.Reason, "errors")
	c.record(contract.ReleaseID(model, s.Version), "release", "rolled-back")
	c.record(contract.CanaryID(model, s.Version), "canary", "rolled-back")
	m, err := c.openCatalog().Model(t.Context(), model, s.Version)
	require.NoError(t, err)
	require.Equal(t, catalog.StageRejected, m.Stage)
}

func (c *cluster) testMonitor(t *testing.T) {
	_, errs, code := c.cli("schedule", "trigger", "--schedule-id", contract.MonitorID(model))
	require.Zero(t, code, errs)
	cat := c.openCatalog()
	var found []catalog.MonitorReport
	require.Eventually(t, func() bool {
		var err error
		found, err = cat.MonitorReports(t.Context(), model, 10)
		return err == nil && len(found) > 0 && found[0].State != contract.MonitorTooFew
	}, 2*time.Minute, 500*time.Millisecond, "no monitor report with enough predictions")
	require.NotEmpty(t, found[0].Page)
	runs, _, code := c.cli("workflow", "list", "--query", fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus = 'Completed'", contract.WorkflowMonitor), "-o", "jsonl")
	require.Zero(t, code)
	var run struct {
		Execution struct {
			WorkflowID string `json:"workflowId"`
		} `json:"execution"`
	}
	require.NoError(t, json.NewDecoder(strings.NewReader(runs)).Decode(&run), runs)
	c.record(run.Execution.WorkflowID, "monitor", "checked")
}
