package activities_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/canary"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/spec"
)

// produce takes a version to production and ends its release.
func (b *bench) produce(version, run string) contract.RouteOutput {
	b.t.Helper()
	return b.produceWatched(version, run, nil)
}

// produceWatched is produce of a release that says what its version's predictions are compared with.
func (b *bench) produceWatched(version, run string, watched *spec.Data) contract.RouteOutput {
	b.t.Helper()
	b.registerWatched(version, run, watched)
	route := do[contract.RouteOutput](b, contract.ActivityStage, contract.StageInput{Key: key(version, run), Digest: digestOf(version), By: requester})
	route = do[contract.RouteOutput](b, contract.ActivityPromote, contract.PromoteInput{Key: key(version, run), Rev: route.Rev, By: requester, Reason: "passed"})
	do[contract.Empty](b, contract.ActivityFinish, contract.FinishInput{Key: key(version, run), Outcome: contract.OutcomeProduction, By: requester})
	return route
}

// canary puts a version beside production.
func (b *bench) canary(version, run string) contract.RouteOutput {
	b.t.Helper()
	b.register(version, run)
	return do[contract.RouteOutput](b, contract.ActivityStage, contract.StageInput{Key: key(version, run), Digest: digestOf(version), By: requester})
}

func (b *bench) route() catalog.Route {
	b.t.Helper()
	r, err := b.catalog.Route(b.t.Context(), model)
	require.NoError(b.t, err)
	return r
}

// Every move, repeated after a crash, is the first one's, even once the route has gone on.
func TestMovesAreIdempotent(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.produce("1.0.0", "r0")
	b.register("1.1.0", "r1")
	k := key("1.1.0", "r1")
	stage := contract.StageInput{Key: k, Digest: digestOf("1.1.0"), By: requester}
	staged := twice[contract.RouteOutput](b, contract.ActivityStage, stage)
	require.Equal(t, "1.0.0", staged.Stable)
	require.Equal(t, catalog.ActionCanaryStaged, b.last().Action)
	require.Zero(t, b.route().CanaryPermille)

	shift := contract.ShiftInput{Key: k, Step: 1, Permille: 50, Rev: staged.Rev, By: requester}
	shifted := twice[contract.RouteOutput](b, contract.ActivityShift, shift)
	require.Equal(t, staged.Rev+1, shifted.Rev)
	require.Equal(t, "step 1: 5 %", b.last().Reason)
	require.Equal(t, 50, b.route().CanaryPermille)
	next := twice[contract.RouteOutput](b, contract.ActivityShift, contract.ShiftInput{Key: k, Step: 2, Permille: 1000, Rev: shifted.Rev, By: requester})
	require.Equal(t, shifted, do[contract.RouteOutput](b, contract.ActivityShift, shift), "a late second run of step 1 must not take step 2 back")
	require.Equal(t, 1000, b.route().CanaryPermille)

	promoted := twice[contract.RouteOutput](b, contract.ActivityPromote, contract.PromoteInput{Key: k, Rev: next.Rev, By: "slipway", Reason: "passed all steps"})
	require.Equal(t, contract.RouteOutput{Rev: next.Rev + 1, Stable: "1.1.0"}, promoted)
	require.Equal(t, catalog.StageProduction, b.stage("1.1.0"))
	require.Equal(t, catalog.StageArchived, b.stage("1.0.0"))

	before := b.events()
	back := do[contract.RouteOutput](b, contract.ActivityRollBack, contract.RollBackInput{Key: k, By: "slipway", Reason: "late"})
	require.Equal(t, promoted, back, "what is in production is no canary any more: nothing to roll back")
	require.Equal(t, before, b.events())
	_, err := b.catalog.VerifyEvents(t.Context())
	require.NoError(t, err)
}

func TestMovesAreFenced(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.produce("1.0.0", "r0")
	staged := b.canary("1.1.0", "r1")
	k := key("1.1.0", "r1")
	before := b.events()

	_, err := try[contract.RouteOutput](b, contract.ActivityShift, contract.ShiftInput{Key: k, Step: 1, Permille: 50, Rev: staged.Rev + 1, By: requester})
	final(t, err, contract.ErrConflict, "look again")
	_, err = try[contract.RouteOutput](b, contract.ActivityPromote, contract.PromoteInput{Key: k, Rev: staged.Rev - 1, By: requester})
	final(t, err, contract.ErrConflict, "look again")
	_, err = try[contract.RouteOutput](b, contract.ActivityShift, contract.ShiftInput{Key: k, Step: 1, Permille: 1001, Rev: staged.Rev, By: requester})
	final(t, err, contract.ErrInvalidInput, "1001")
	_, err = try[contract.RouteOutput](b, contract.ActivityShift, contract.ShiftInput{Key: key("1.1.0", "other"), Step: 1, Permille: 50, Rev: staged.Rev, By: requester})
	final(t, err, contract.ErrConflict, "not")
	_, err = try[contract.RouteOutput](b, contract.ActivityStage, contract.StageInput{Key: key("9.9.9", "r9"), Digest: digestOf("9.9.9"), By: requester})
	final(t, err, contract.ErrNotFound, "9.9.9")
	require.Equal(t, before, b.events())
}

func TestRollBack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	in := contract.RollBackInput{Key: key("1.1.0", "r1"), By: "slipway", Reason: "slow"}
	require.Equal(t, contract.RouteOutput{}, twice[contract.RouteOutput](b, contract.ActivityRollBack, in), "nothing was staged: nothing to undo")
	require.Empty(t, b.events())

	b.produce("1.0.0", "r0")
	staged := b.canary("1.1.0", "r1")
	in.Key.Run = "r1"
	back := twice[contract.RouteOutput](b, contract.ActivityRollBack, in)
	require.Equal(t, contract.RouteOutput{Rev: staged.Rev + 1, Stable: "1.0.0"}, back)
	require.Empty(t, b.route().Canary)
	require.Equal(t, catalog.ActionCanaryCleared, b.last().Action)
	require.Equal(t, "slow", b.last().Reason)
}

// beat says what a gateway has.
func (b *bench) beat(gateway, state, why string) {
	b.t.Helper()
	var instances []catalog.Instance
	if state != "" {
		instances = []catalog.Instance{{Model: model, Version: "1.1.0", Digest: digestOf("1.1.0"), State: state, Error: why}}
	}
	require.NoError(b.t, b.catalog.Beat(b.t.Context(), catalog.Gateway{ID: gateway, Host: "h", HTTP: "h:1", GRPC: "h:2"}, instances))
}

var awaited = contract.AwaitReadyInput{Key: key("1.1.0", "r1"), Digest: digestOf("1.1.0")}

func TestAwaitReady(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.beat("gw-a", catalog.InstanceReady, "")
	b.beat("gw-b", catalog.InstanceReady, "")
	require.NoError(t, b.catalog.Beat(t.Context(), catalog.Gateway{ID: "gw-dead", SeenAt: time.Now().Add(-2 * time.Hour)}, nil))
	require.Equal(t, []string{"gw-a", "gw-b"}, twice[contract.AwaitReadyOutput](b, contract.ActivityAwaitReady, awaited).Gateways, "a gateway not seen for long counts for nothing")
	require.Empty(t, b.events())
}

func TestAwaitReadyWaitsForEveryGateway(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.beat("gw-a", catalog.InstanceReady, "")
	b.beat("gw-b", catalog.InstanceLoading, "")
	b.beat("gw-c", "", "")
	type answer struct {
		out contract.AwaitReadyOutput
		err error
	}
	done := make(chan answer, 1)
	go func() {
		out, err := try[contract.AwaitReadyOutput](b, contract.ActivityAwaitReady, awaited)
		done <- answer{out, err}
	}()
	b.beatSaid(1, 3, "waiting for gw-b, gw-c")
	b.beat("gw-b", catalog.InstanceReady, "")
	b.beatSaid(2, 3, "waiting for gw-c")
	b.beat("gw-c", catalog.InstanceReady, "")
	got := <-done
	require.NoError(t, got.err)
	require.Equal(t, []string{"gw-a", "gw-b", "gw-c"}, got.out.Gateways)
}

func TestAwaitReadyOfAFailedInstance(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.beat("gw-a", catalog.InstanceReady, "")
	b.beat("gw-b", catalog.InstanceFailed, "opset 99 is not known")
	_, err := try[contract.AwaitReadyOutput](b, contract.ActivityAwaitReady, awaited)
	final(t, err, contract.ErrInvalidInput, "gw-b", "opset 99 is not known")
}

// The end of the time given comes with what was missing and what to do.
func TestAwaitReadyWithoutAGateway(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := tryIn[contract.AwaitReadyOutput](ctx, b, contract.ActivityAwaitReady, awaited)
	retried(t, err, "slipwayd run --roles gateway", "deadline exceeded")
	b.beatSaid(0, 0, "no live gateway: start `slipwayd run --roles gateway`")
}

func TestAwaitReadyIsCancelled(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.beat("gw-a", catalog.InstanceLoading, "")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		b.beatSaid(0, 1, "waiting for gw-a")
		cancel()
	}()
	_, err := tryIn[contract.AwaitReadyOutput](ctx, b, contract.ActivityAwaitReady, awaited)
	require.ErrorContains(t, err, "cancel")
	require.NotErrorIs(t, err, context.DeadlineExceeded)
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.produce("1.0.0", "r0")
	b.produce("1.1.0", "r1")
	b.beat("gw-a", catalog.InstanceReady, "")
	in := contract.ConfirmInput{Key: key("1.1.0", "r1"), Digest: digestOf("1.1.0"), Previous: "1.0.0"}
	require.Equal(t, "1.1.0 serves on 1 gateway(s); 1.0.0 is archived and kept warm", twice[contract.ConfirmOutput](b, contract.ActivityConfirm, in).Summary)
	in.Previous = ""
	require.Equal(t, "1.1.0 serves on 1 gateway(s)", do[contract.ConfirmOutput](b, contract.ActivityConfirm, in).Summary)

	b.produce("1.2.0", "r2")
	_, err := try[contract.ConfirmOutput](b, contract.ActivityConfirm, in)
	final(t, err, contract.ErrConflict, `"1.2.0"`, "archived")
	in.Key.Version = "9.9.9"
	_, err = try[contract.ConfirmOutput](b, contract.ActivityConfirm, in)
	final(t, err, contract.ErrNotFound, "9.9.9")
}

// flush is what one gateway counted: ok answers of ms each, and errors.
func (b *bench) flush(gateway string, seq int64, version string, rev, ok, errs int64, ms float64) {
	b.t.Helper()
	sketch, err := canary.NewLatency()
	require.NoError(b.t, err)
	if ok > 0 {
		require.NoError(b.t, sketch.AddWithCount(ms, float64(ok)))
	}
	require.NoError(b.t, b.catalog.AddTraffic(b.t.Context(), []catalog.Traffic{{
		Gateway: gateway, Seq: seq, Model: model, Version: version, RouteRev: rev, OK: ok, Errors: errs, Sketch: canary.EncodeLatency(sketch),
	}}))
}

func TestAnalyse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ok, errs   int64
		ms         float64
		noBaseline bool
		verdict    contract.AnalysisVerdict
		failed     []string
	}{
		"pass":          {ok: 300, errs: 1, ms: 10, verdict: contract.AnalysisPass},
		"hold":          {ok: 20, ms: 10, verdict: contract.AnalysisHold},
		"errors":        {ok: 300, errs: 100, ms: 10, verdict: contract.AnalysisFail, failed: []string{canary.CheckErrors, canary.CheckErrorRate}},
		"slow":          {ok: 300, ms: 100, verdict: contract.AnalysisFail, failed: []string{canary.CheckLatency}},
		"first release": {ok: 20, ms: 100, noBaseline: true, verdict: contract.AnalysisPass},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.produce("1.0.0", "r0")
			first := b.canary("1.1.0", "r1").Rev
			since := do[contract.RouteOutput](b, contract.ActivityShift, contract.ShiftInput{Key: key("1.1.0", "r1"), Step: 1, Permille: 500, Rev: first, By: requester}).Rev
			// Two gateways; half of the candidate's answers, and none of production's, are of this step.
			b.flush("gw-a", 1, "1.1.0", first, c.ok/2, 0, c.ms)
			b.flush("gw-b", 1, "1.1.0", since, c.ok-c.ok/2, c.errs, c.ms)
			b.flush("gw-a", 2, "1.0.0", first, 400, 1, 10)
			b.flush("gw-b", 2, "1.0.0", first, 400, 1, 10)
			// Counts from before the canary, and of another version, are none of its business.
			b.flush("gw-a", 3, "1.0.0", first-1, 0, 5000, 0)
			b.flush("gw-a", 4, "1.1.0", first-1, 0, 5000, 0)
			in := contract.AnalyseInput{
				Key: key("1.1.0", "r1"), SinceRev: since, FirstRev: first, Look: 1, Baseline: !c.noBaseline,
				Analysis: spec.Analysis{MinSamples: 50, Alpha: 0.05, MaxErrorRate: 0.1, MaxLatencyRatio: 2, LatencyQuantile: 0.95, LatencyFloorMS: 5},
			}
			found := twice[contract.Analysis](b, contract.ActivityAnalyse, in)
			require.Equal(t, c.verdict, found.Verdict, found.Reason)
			var failed []string
			for _, check := range found.Checks {
				if check.Failed {
					failed = append(failed, check.Name)
				}
			}
			require.Equal(t, c.failed, failed)
			require.Equal(t, c.ok+c.errs, found.Candidate.Requests, "the sum over both gateways")
			require.Equal(t, c.errs, found.Candidate.Errors)
			require.Equal(t, "1.1.0", found.Candidate.Version)
			require.Equal(t, "1.0.0", found.Baseline.Version)
			if c.noBaseline {
				require.Zero(t, found.Baseline.Requests)
			} else {
				require.EqualValues(t, 802, found.Baseline.Requests)
				require.InEpsilon(t, c.ms, found.Candidate.LatencyMS, canary.LatencyAccuracy)
			}
			if c.verdict == contract.AnalysisHold {
				require.Contains(t, found.Reason, "10 of 50 answers", "only this step's answers count")
			}
		})
	}
}

// Statistics that contradict themselves must not decide.
func TestAnalyseOfDamagedCounts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.produce("1.0.0", "r0")
	first := b.canary("1.1.0", "r1").Rev
	require.NoError(t, b.catalog.AddTraffic(t.Context(), []catalog.Traffic{{Gateway: "gw-a", Seq: 1, Model: model, Version: "1.1.0", RouteRev: first, OK: 5, Sketch: []byte{1, 2}}}))
	_, err := try[contract.Analysis](b, contract.ActivityAnalyse, contract.AnalyseInput{Key: key("1.1.0", "r1"), FirstRev: first, SinceRev: first, Look: 1, Baseline: true})
	require.ErrorContains(t, err, "traffic row 0 of 1.1.0")
	_, err = try[contract.Analysis](b, contract.ActivityAnalyse, contract.AnalyseInput{Key: contract.Key{Model: "unknown", Version: "1", Run: "r"}, Look: 1})
	final(t, err, contract.ErrNotFound, "unknown")
}
