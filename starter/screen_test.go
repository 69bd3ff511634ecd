package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vbauerster/mpb/v8"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/stack"
)

func at(second int64) *time.Time {
	t := time.Unix(second, 0).UTC()
	return &t
}

// steps are a release as one sees it, look after look.
func steps() []view {
	first := view{ReleaseStatus: contract.ReleaseStatus{Model: "credit", Version: "1.1.0", RequestedBy: "alice", Outcome: contract.OutcomeRunning, Candidate: "sha256:1234", Gates: []contract.GateReport{
		{Gate: contract.GateData, State: contract.GatePassed, Started: at(0), Ended: at(2), Summary: "900 rows"},
		{Gate: contract.GateTests, State: contract.GateRunning, Started: at(2)},
		{Gate: contract.GateCanary, State: contract.GatePending},
	}}}
	second := first
	second.Waiting = "Awaits 1 approval(s).\n\n    slipway approve credit/1.1.0 --as NAME --reason TEXT"
	second.Gates = []contract.GateReport{first.Gates[0], {Gate: contract.GateTests, State: contract.GatePassed, Started: at(2), Ended: at(65), Summary: "good \x1b[2J"}, first.Gates[2]}
	second.Compliance = &contract.ComplianceStatus{Messages: []contract.Message{{Name: "decide", ID: "1", By: "mallory", Decision: "approve", Why: "not an approver", At: *at(70)}}}
	third := second
	third.Waiting = ""
	third.Gates = []contract.GateReport{second.Gates[0], second.Gates[1], {Gate: contract.GateCanary, State: contract.GateRunning, Started: at(80)}}
	third.Canary = &contract.CanaryStatus{Phase: contract.CanaryStepping, Outcome: contract.OutcomeRunning, Step: 2, Steps: 4, Permille: 250,
		Last: &contract.Analysis{Verdict: contract.AnalysisPass, Reason: "as good", Look: 3}}
	fourth := third
	fourth.Outcome, fourth.Reason = contract.OutcomeRolledBack, "errors"
	fourth.Gates = []contract.GateReport{second.Gates[0], second.Gates[1], {Gate: contract.GateCanary, State: contract.GateStopped, Started: at(80), Ended: at(81), Summary: "errors"}}
	return []view{first, second, third, fourth}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	want := [][]string{
		{"data passed in 2s: 900 rows", "tests running"},
		{"tests passed in 1m3s: good �[2J", "Awaits 1 approval(s). slipway approve credit/1.1.0 --as NAME --reason TEXT", "approve by mallory ignored: not an approver"},
		{"canary running", "canary stepping: step 2 of 4, 25 % of the traffic; look 3: pass, as good"},
		{"canary failed in 1s: errors"},
	}
	var before view
	for i, now := range steps() {
		require.Equal(t, want[i], changes(before, now), "look %d", i)
		require.Empty(t, changes(now, now))
		before = now
	}
	paused := before
	paused.Outcome, paused.Paused = contract.OutcomeRunning, true
	require.Equal(t, []string{"paused"}, changes(before, paused))
}

// locked is a buffer that two goroutines may use.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *locked) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Reset()
}

func TestDrawing(t *testing.T) {
	t.Parallel()
	for _, color := range []bool{false, true} {
		var out locked
		d := newDrawing(&out, color, mpb.WithAutoRefresh(), mpb.WithWidth(120))
		for _, v := range steps() {
			d.update(v)
		}
		require.Eventually(t, func() bool { return strings.Contains(out.String(), "canary") }, 10*time.Second, 10*time.Millisecond)
		d.note("no worker answers")
		d.close()
		for _, text := range []string{"data", "900 rows", "monitor", "approve by mallory ignored", "no worker answers", "errors"} {
			require.Contains(t, out.String(), text)
		}
		require.Equal(t, color, strings.Contains(out.String(), green))
		require.NotContains(t, out.String(), "\x1b[2J")
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	want, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestShowIsGolden(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	a := &app{stdout: &out, getenv: func(string) string { return "" }}
	v := steps()[3]
	v.Compliance = nil
	a.printView(v)
	golden(t, "show.txt", out.String())
}

func TestTableIsGolden(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	a := &app{stdout: &out, getenv: func(string) string { return "" }}
	a.table([]string{"RELEASE", "OUTCOME", "WHY"}, [][]string{
		{"credit-risk/1.0.0", "production", "it serves"}, {"数字/1", "failed", "two\nlines \x1b]0;owned\x07"}, {"a/1", "", ""},
	})
	golden(t, "table.txt", out.String())
}

// Flags beat the environment, the environment beats the state folder.
func TestWhereSlipwayIs(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	require.NoError(t, stack.Stack{Control: "http://state:1", Temporal: "state:2", GatewayHTTP: "http://state:3"}.Write(state))
	env := map[string]string{}
	a := &app{getenv: func(name string) string { return env[name] }}
	addresses := func() (string, string, string) {
		c, err := a.control()
		require.NoError(t, err)
		o, err := a.temporalOptions()
		require.NoError(t, err)
		g, err := a.gateway()
		require.NoError(t, err)
		return c.URL(), o.HostPort, g
	}
	env["SLIPWAY_STATE"] = state
	c, temporal, g := addresses()
	require.Equal(t, []string{"http://state:1/", "state:2", "http://state:3"}, []string{c, temporal, g})
	env["SLIPWAY_CONTROL"], env["TEMPORAL_ADDRESS"], env["SLIPWAY_GATEWAY"] = "http://env:1", "env:2", "http://env:3"
	c, temporal, g = addresses()
	require.Equal(t, []string{"http://env:1/", "env:2", "http://env:3"}, []string{c, temporal, g})
	a.options = Options{Control: "http://flag:1", Temporal: "flag:2", Gateway: "http://flag:3", Namespace: "ns"}
	c, temporal, g = addresses()
	require.Equal(t, []string{"http://flag:1/", "flag:2", "http://flag:3"}, []string{c, temporal, g})
	o, err := a.temporalOptions()
	require.NoError(t, err)
	require.Equal(t, "ns", o.Namespace)

	env["SLIPWAY_USER"] = "carol"
	who, err := a.user()
	require.NoError(t, err)
	require.Equal(t, "carol", who)
	a.options.User = "dave"
	who, err = a.user()
	require.NoError(t, err)
	require.Equal(t, "dave", who)
}

func TestKeyErrorsSayWhatIsWanted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"empty": "", "public": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "broken": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
	} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, err := readKey(path)
		require.ErrorContains(t, err, "openssl genpkey -algorithm ed25519", name)
	}
}

func TestOutcomesHaveExitCodes(t *testing.T) {
	t.Parallel()
	for outcome, code := range map[contract.Outcome]int{
		contract.OutcomeFailed: codeStopped, contract.OutcomeRejected: codeStopped, contract.OutcomeExpired: codeStopped, contract.OutcomeRefused: codeStopped,
		contract.OutcomeAborted: codeStopped, contract.OutcomeRolledBack: codeRolledBack,
	} {
		var end exitError
		require.ErrorAs(t, outcomeError(outcome), &end)
		require.Equal(t, code, end.code)
	}
	require.NoError(t, outcomeError(contract.OutcomeProduction))
}
