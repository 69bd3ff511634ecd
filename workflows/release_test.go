package workflows

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/slipway-ml/slipway/internal/contract"
)

// aRelease is a release whose gates all pass, once somebody approves it.
func aRelease(t *testing.T) *script {
	t.Helper()
	return newScript(t, theID).wellBehaved()
}

func (s *script) approvedByAnn() *script {
	s.after(time.Hour, func() { s.send(contract.SignalDecide, decision("d1", ann, contract.Approve)) })
	return s
}

func (s *script) releases() error {
	return s.runs(contract.WorkflowRelease, contract.ReleaseInput{Spec: theSpec(s.t), RequestedBy: requester})
}

// promotion is every step of a release that goes well.
var promotion = []string{
	contract.ActivityBegin,
	contract.ActivityFixData, contract.ActivityValidateData, contract.ActivityNoteGate,
	contract.ActivityTestModel, contract.ActivityNoteGate,
	contract.ActivityRegister, contract.ActivityNoteGate,
	contract.ActivityEvaluate, contract.ActivityNoteGate,
	contract.ActivityStage, contract.ActivityWarm, contract.ActivityAwaitReady,
	contract.ActivityShift, contract.ActivityShift, contract.ActivityPromote, contract.ActivityNoteGate,
	contract.ActivityConfirm, contract.ActivityNoteGate,
	contract.ActivityEnsureSchedule, contract.ActivityNoteGate,
	contract.ActivityFinish,
}

// until is what a release does up to the n-th gate, with that gate's own steps cut to those named.
func until(n int, own ...string) []string {
	var out []string
	for _, name := range promotion {
		if n == 0 {
			break
		}
		out = append(out, name)
		if name == contract.ActivityNoteGate {
			n--
		}
	}
	return append(out, append(own, contract.ActivityNoteGate, contract.ActivityRollBack, contract.ActivityFinish)...)
}

// stoppedAs checks how a release that did not make it ended, and gives its status.
func (s *script) stoppedAs(err error, want contract.Outcome) contract.ReleaseStatus {
	s.t.Helper()
	var app *temporal.ApplicationError
	require.ErrorAs(s.t, err, &app)
	require.Equal(s.t, contract.ErrGateFailed, app.Type(), err)
	require.True(s.t, app.NonRetryable())
	var end contract.ReleaseStatus
	require.NoError(s.t, app.Details(&end))
	require.Equal(s.t, want, end.Outcome, end.Reason)
	require.Equal(s.t, string(want)+": "+end.Reason, app.Message())
	finished := inputs(s, finish)
	require.Len(s.t, finished, 1)
	require.Equal(s.t, want, finished[0].Outcome)
	require.Equal(s.t, end.Reason, finished[0].Reason)
	return end
}

func gateStates(gates []contract.GateReport) []contract.GateState {
	var out []contract.GateState
	for _, g := range gates {
		out = append(out, g.State)
	}
	return out
}

// stoppedAt is the states of all gates when the n-th, counted from 1, stopped the release.
func stoppedAt(n int) []contract.GateState {
	var out []contract.GateState
	for i := range contract.Gates() {
		switch {
		case i+1 < n:
			out = append(out, contract.GatePassed)
		case i+1 == n:
			out = append(out, contract.GateStopped)
		default:
			out = append(out, contract.GatePending)
		}
	}
	return out
}

func TestReleaseIsPromoted(t *testing.T) {
	t.Parallel()
	s := aRelease(t).approvedByAnn()
	s.after(30*time.Minute, func() {
		now := status[contract.ReleaseStatus](s)
		require.Equal(t, contract.OutcomeRunning, now.Outcome)
		require.Equal(t, contract.GateWaiting, now.Gates[3].State)
		require.Contains(t, now.Waiting, "slipway approve credit/1.1.0")
	})
	require.NoError(t, s.releases())

	require.Equal(t, promotion, without(s.steps(), contract.ActivityAnalyse))
	end := result[contract.ReleaseStatus](s)
	require.Equal(t, contract.OutcomeProduction, end.Outcome)
	require.Equal(t, "credit 1.1.0 is in production", end.Reason)
	require.Equal(t, stoppedAt(len(end.Gates)+1), gateStates(end.Gates))
	require.Equal(t, "sha256:data", end.DataVersion)
	require.Equal(t, "model-2", end.ModelID)
	require.Empty(t, end.Waiting)
	require.Equal(t, contract.OutcomeProduction, inputs(s, finish)[0].Outcome)

	noted := inputs(s, noteGate)
	for i, gate := range contract.Gates() {
		require.Equal(t, gate, noted[i].Gate.Gate)
		require.Equal(t, contract.GatePassed, noted[i].Gate.State)
		require.NotEmpty(t, noted[i].Gate.Summary, gate)
	}
	require.Equal(t, "3 of 3 policies passed; approved by ann", end.Gates[3].Summary)

	require.Equal(t, "1.0.0", inputs(s, testModel)[0].Production)
	require.Equal(t, []contract.Evidence{
		{Suite: "data", Passed: true, Report: contract.Report{Digest: "sha256:d"}},
		{Suite: "model", Passed: true, Report: contract.Report{Digest: "sha256:m", Card: "sha256:c"}},
		{Suite: "model_card", Passed: true, Report: contract.Report{Digest: "sha256:c"}},
	}, inputs(s, register)[0].Evidence)
	require.Equal(t, map[string]float64{"completeness": 1}, inputs(s, evaluate)[0].Quality)
	require.Equal(t, map[string]float64{"accuracy": 0.9}, inputs(s, evaluate)[0].Metrics)

	message := s.onlyMessage()
	require.True(t, message.Accepted)
	require.Equal(t, ann, message.By)
	require.Equal(t, "compliance", inputs(s, recordMessage)[0].Scope, "the release hands decisions to its child")
}

func TestReleaseStopsAtAFailedVerdict(t *testing.T) {
	t.Parallel()
	t.Run("data", func(t *testing.T) {
		t.Parallel()
		s := aRelease(t)
		gives(s, validateData, contract.Verdict{Summary: "age is missing in 12 rows", Report: contract.Report{Digest: "sha256:bad"}})
		end := s.stoppedAs(s.releases(), contract.OutcomeFailed)
		require.Equal(t, "age is missing in 12 rows", end.Reason)
		require.Equal(t, stoppedAt(1), gateStates(end.Gates))
		require.Equal(t, "sha256:bad", end.Gates[0].Report)
		require.Equal(t, until(0, contract.ActivityBegin, contract.ActivityFixData, contract.ActivityValidateData), s.steps())
	})
	t.Run("model tests", func(t *testing.T) {
		t.Parallel()
		s := aRelease(t)
		gives(s, testModel, contract.Verdict{Summary: "accuracy fell by 0.2"})
		end := s.stoppedAs(s.releases(), contract.OutcomeFailed)
		require.Equal(t, stoppedAt(2), gateStates(end.Gates))
		require.Equal(t, until(1, contract.ActivityTestModel), s.steps())
	})
	t.Run("policies", func(t *testing.T) {
		t.Parallel()
		s := aRelease(t)
		gives(s, evaluate, contract.EvaluateOutput{Score: 0.3, Summary: "model_card is missing"})
		end := s.stoppedAs(s.releases(), contract.OutcomeFailed)
		require.Equal(t, "model_card is missing", end.Reason)
		require.Equal(t, until(3, contract.ActivityEvaluate), s.steps())
	})
	t.Run("canary", func(t *testing.T) {
		t.Parallel()
		s := aRelease(t).approvedByAnn()
		s.looks(contract.AnalysisPass, contract.AnalysisFail)
		end := s.stoppedAs(s.releases(), contract.OutcomeRolledBack)
		require.Equal(t, "look 2 says fail", end.Reason)
		require.Equal(t, stoppedAt(5), gateStates(end.Gates))
		require.Zero(t, s.did(contract.ActivityPromote))
		require.Equal(t, 2, s.did(contract.ActivityRollBack), "the canary rolls back, and the release makes sure")
	})
}

func TestReleaseStopsAtAFinalError(t *testing.T) {
	t.Parallel()
	s := aRelease(t)
	fails(s, testModel, contract.ErrInvalidInput, "model.onnx is no ONNX file")
	end := s.stoppedAs(s.releases(), contract.OutcomeFailed)
	require.Equal(t, "model.onnx is no ONNX file", end.Reason)
	require.Equal(t, "model.onnx is no ONNX file", end.Gates[1].Summary)
	require.Equal(t, stoppedAt(2), gateStates(end.Gates))
	require.Equal(t, 1, s.did(contract.ActivityTestModel), "a final error is not retried")
	require.Equal(t, until(1, contract.ActivityTestModel), s.steps())
}

func TestReleaseThatHasMovedTrafficIsNotUndone(t *testing.T) {
	t.Parallel()
	s := aRelease(t).approvedByAnn()
	fails(s, ensureSchedule, contract.ErrInvalidInput, "no schedule")
	end := s.stoppedAs(s.releases(), contract.OutcomeFailed)
	require.Equal(t, "no schedule; credit 1.1.0 is in production", end.Reason)
	require.Zero(t, s.did(contract.ActivityRollBack))
}

func TestReleaseIsRefused(t *testing.T) {
	t.Parallel()
	s := aRelease(t)
	gives(s, begin, contract.BeginOutput{Holder: "release/credit/1.0.9"})
	err := s.releases()
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, contract.ErrGateFailed, app.Type())
	require.Contains(t, app.Message(), "refused: release/credit/1.0.9 is under way")
	require.Equal(t, []string{contract.ActivityBegin}, s.steps(), "what it did not claim it neither undoes nor finishes")
}

func TestReleaseFreesAClaimThatMayHaveBeenMade(t *testing.T) {
	t.Parallel()
	s := aRelease(t)
	fails(s, begin, contract.ErrConflict, "lost its answer")
	end := s.stoppedAs(s.releases(), contract.OutcomeFailed)
	require.Equal(t, "lost its answer", end.Reason)
	require.Equal(t, []string{contract.ActivityBegin, contract.ActivityFinish}, s.steps())
}

func TestReleaseRetriesWhatIsNotFinal(t *testing.T) {
	t.Parallel()
	s := aRelease(t).approvedByAnn()
	tries := 0
	on(s, register, func(contract.RegisterInput) (contract.ModelVersion, error) {
		if tries++; tries < 4 {
			return contract.ModelVersion{}, temporal.NewApplicationError("database is locked", contract.ErrUnavailable)
		}
		return contract.ModelVersion{ID: "model-2"}, nil
	})
	require.NoError(t, s.releases())
	require.Equal(t, 4, s.did(contract.ActivityRegister))
}

// The test environment stops at ten tries, so this looks at the policy itself.
func TestWhatMayNotBeLeftUndoneIsTriedWithoutEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]class{rollBack.name: rollBack.class, finish.name: finish.class} {
		require.Zero(t, c.scheduleToClose, name)
		require.Zero(t, c.attempts, name)
		require.Positive(t, c.startToClose, name)
	}
}

func TestReleaseTellsWhenItCouldNotUndo(t *testing.T) {
	t.Parallel()
	s := aRelease(t)
	gives(s, testModel, contract.Verdict{Summary: "accuracy fell"})
	fails(s, rollBack, contract.ErrConflict, "the route moved")
	end := s.stoppedAs(s.releases(), contract.OutcomeFailed)
	require.Equal(t, "accuracy fell; the candidate was not taken off the route: the route moved", end.Reason)
}

func TestReleaseInputIsChecked(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		id   string
		bend func(*contract.ReleaseInput)
		want string
	}{
		"no requester":    {theID, func(in *contract.ReleaseInput) { in.RequestedBy = "" }, "requested_by is empty"},
		"wrong id":        {"my-release", func(*contract.ReleaseInput) {}, "--workflow-id " + theID},
		"unresolved file": {theID, func(in *contract.ReleaseInput) { in.Spec.Data.Train.Digest = "" }, "data.train.digest"},
		"bad value":       {theID, func(in *contract.ReleaseInput) { in.Spec.Model.Task = "guess" }, "model.task"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScript(t, c.id).wellBehaved()
			in := contract.ReleaseInput{Spec: theSpec(t), RequestedBy: requester}
			c.bend(&in)
			var app *temporal.ApplicationError
			require.ErrorAs(t, s.runs(contract.WorkflowRelease, in), &app)
			require.Equal(t, contract.ErrInvalidInput, app.Type())
			require.Contains(t, app.Message(), c.want)
			require.Empty(t, s.steps())
		})
	}
}
