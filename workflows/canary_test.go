package workflows

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/slipway-ml/slipway/internal/contract"
)

func aCanary(t *testing.T) *script {
	t.Helper()
	return newScript(t, contract.CanaryID(theKey.Model, theKey.Version)).wellBehaved()
}

// canaryOf is the input for the two-step canary of the fixture: 10 % and 100 %, a minute each, a look every 10 s.
func canaryOf(t *testing.T) contract.CanaryInput {
	t.Helper()
	r := theSpec(t)
	return contract.CanaryInput{
		Key: theKey, RequestedBy: requester, Candidate: candidate, Production: "1.0.0",
		Canary: r.Canary, Approvals: r.Approvals, AllowUnverified: true, Model: r.Model, Data: r.Data,
	}
}

func (s *script) steer(name, id string) func() {
	return func() { s.send(name, control(id, ann)) }
}

// canaries runs the canary to its end, which is not an error.
func (s *script) canaries() contract.CanaryStatus {
	s.t.Helper()
	require.NoError(s.t, s.runs(contract.WorkflowCanary, canaryOf(s.t)))
	return result[contract.CanaryStatus](s)
}

// rolledBack checks that the candidate was taken off the route, once, and nothing was promoted.
func (s *script) rolledBack(end contract.CanaryStatus, want contract.Outcome) {
	s.t.Helper()
	require.Equal(s.t, want, end.Outcome, end.Reason)
	require.Equal(s.t, contract.CanaryRolledBack, end.Phase)
	require.Zero(s.t, end.Permille)
	require.Equal(s.t, 1, s.did(contract.ActivityRollBack))
	require.Equal(s.t, contract.ActivityRollBack, s.steps()[len(s.steps())-1])
	require.Zero(s.t, s.did(contract.ActivityPromote))
	require.Equal(s.t, end.Reason, inputs(s, rollBack)[0].Reason)
}

func TestCanaryTakesItsSteps(t *testing.T) {
	t.Parallel()
	s := aCanary(t)
	begun := s.env.Now()
	s.after(30*time.Second, func() {
		now := status[contract.CanaryStatus](s)
		require.Equal(t, contract.CanaryStepping, now.Phase)
		require.Equal(t, []int{1, 2, 100}, []int{now.Step, now.Steps, now.Permille})
	})
	end := s.canaries()
	require.Equal(t, contract.OutcomeProduction, end.Outcome)
	require.Equal(t, contract.CanaryPromoted, end.Phase)
	require.Equal(t, "passed all steps; no sign of harm", end.Reason)
	require.Equal(t, 1000, end.Permille)
	require.WithinDuration(t, begun.Add(2*time.Minute), s.env.Now(), 10*time.Second)

	require.Equal(t, []string{
		contract.ActivityStage, contract.ActivityWarm, contract.ActivityAwaitReady,
		contract.ActivityShift, contract.ActivityShift, contract.ActivityPromote,
	}, without(s.steps(), contract.ActivityAnalyse))
	require.Equal(t, []contract.ShiftInput{
		{Key: theKey, Step: 1, Permille: 100, Rev: 10, By: requester},
		{Key: theKey, Step: 2, Permille: 1000, Rev: 11, By: requester},
	}, inputs(s, shift))
	require.Equal(t, contract.PromoteInput{Key: theKey, Rev: 12, By: "slipway", Reason: "passed all steps"}, inputs(s, promote)[0])

	looks := inputs(s, analyse)
	require.Equal(t, end.Looks, len(looks))
	require.InDelta(t, 12, len(looks), 1)
	for i, look := range looks {
		require.Equal(t, i+1, look.Look, "looks are numbered over the whole canary")
		require.EqualValues(t, 10, look.FirstRev)
		require.True(t, look.Baseline)
	}
	require.EqualValues(t, 11, looks[0].SinceRev)
	require.EqualValues(t, 12, looks[len(looks)-1].SinceRev)
}

func TestCanaryOfAFirstReleaseHasOneStepAndNoBaseline(t *testing.T) {
	t.Parallel()
	s := aCanary(t)
	in := canaryOf(t)
	in.Production = ""
	require.NoError(t, s.runs(contract.WorkflowCanary, in))
	require.Len(t, inputs(s, shift), 1)
	require.Equal(t, 1000, inputs(s, shift)[0].Permille)
	require.False(t, inputs(s, analyse)[0].Baseline)
}

func TestCanaryRollsBackOnHarm(t *testing.T) {
	t.Parallel()
	t.Run("at the first step", func(t *testing.T) {
		t.Parallel()
		s := aCanary(t)
		s.looks(contract.AnalysisPass, contract.AnalysisFail)
		s.rolledBack(s.canaries(), contract.OutcomeRolledBack)
		require.Len(t, inputs(s, analyse), 2, "harm does not wait for the end of the step")
		require.Len(t, inputs(s, shift), 1)
	})
	t.Run("at the last step", func(t *testing.T) {
		t.Parallel()
		s := aCanary(t)
		on(s, analyse, func(in contract.AnalyseInput) (contract.Analysis, error) {
			if in.SinceRev == 12 {
				return contract.Analysis{Verdict: contract.AnalysisFail, Reason: "slow at full load"}, nil
			}
			return contract.Analysis{Verdict: contract.AnalysisPass}, nil
		})
		end := s.canaries()
		s.rolledBack(end, contract.OutcomeRolledBack)
		require.Equal(t, 2, end.Step)
		require.Equal(t, "slow at full load", end.Reason)
	})
}

func TestCanaryHoldsUntilThereAreSamples(t *testing.T) {
	t.Parallel()
	s := aCanary(t)
	enough := false
	on(s, analyse, func(contract.AnalyseInput) (contract.Analysis, error) {
		if enough {
			return contract.Analysis{Verdict: contract.AnalysisPass, Reason: "enough"}, nil
		}
		return contract.Analysis{Verdict: contract.AnalysisHold, Reason: "12 of 50 samples"}, nil
	})
	s.after(90*time.Second, func() {
		now := status[contract.CanaryStatus](s)
		require.Equal(t, contract.CanaryHolding, now.Phase)
		require.Equal(t, 1, now.Step)
		enough = true
	})
	require.Equal(t, contract.OutcomeProduction, s.canaries().Outcome)
}

func TestCanaryRollsBackWhenTheHoldIsOver(t *testing.T) {
	t.Parallel()
	s := aCanary(t)
	begun := s.env.Now()
	s.looks(contract.AnalysisHold)
	end := s.canaries()
	s.rolledBack(end, contract.OutcomeRolledBack)
	require.Contains(t, end.Reason, "inconclusive after 2m0s")
	require.WithinDuration(t, begun.Add(2*time.Minute), s.env.Now(), 15*time.Second)
}

// An analysis that fails holds the step; the time it takes counts towards the deadline.
func TestCanaryHoldsWithoutAnAnalysis(t *testing.T) {
	t.Parallel()
	s := aCanary(t)
	begun := s.env.Now()
	on(s, analyse, func(contract.AnalyseInput) (contract.Analysis, error) {
		return contract.Analysis{}, temporal.NewApplicationError("no catalog", contract.ErrUnavailable)
	})
	end := s.canaries()
	s.rolledBack(end, contract.OutcomeRolledBack)
	require.Contains(t, end.Reason, "no analysis: no catalog")
	require.Less(t, s.env.Now().Sub(begun), 2*time.Minute+30*time.Second)
	require.Len(t, inputs(s, shift), 1)
}

func TestCanaryPassesOnceTheAnalysisIsBack(t *testing.T) {
	t.Parallel()
	s := aCanary(t)
	on(s, analyse, func(in contract.AnalyseInput) (contract.Analysis, error) {
		if in.Look < 4 {
			return contract.Analysis{}, temporal.NewNonRetryableApplicationError("no catalog", contract.ErrNotFound, nil)
		}
		return contract.Analysis{Verdict: contract.AnalysisPass}, nil
	})
	require.Equal(t, contract.OutcomeProduction, s.canaries().Outcome)
}

func TestCanaryRollsBackOnAConflict(t *testing.T) {
	t.Parallel()
	for name, breaks := range map[string]func(*script){
		"shift":   func(s *script) { fails(s, shift, contract.ErrConflict, "the route is at revision 12, not 10") },
		"promote": func(s *script) { fails(s, promote, contract.ErrConflict, "the route is at revision 12, not 10") },
		"stage":   func(s *script) { fails(s, stage, contract.ErrConflict, "the route is at revision 12, not 10") },
		"warm":    func(s *script) { fails(s, warm, contract.ErrConflict, "the route is at revision 12, not 10") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := aCanary(t)
			breaks(s)
			err := s.runs(contract.WorkflowCanary, canaryOf(t))
			var app *temporal.ApplicationError
			require.ErrorAs(t, err, &app)
			require.Equal(t, contract.ErrConflict, app.Type())
			require.Equal(t, "the route is at revision 12, not 10", inputs(s, rollBack)[0].Reason)
			end := status[contract.CanaryStatus](s)
			require.Equal(t, contract.OutcomeFailed, end.Outcome)
			require.Equal(t, contract.CanaryRolledBack, end.Phase)
		})
	}
}

func TestCanaryThatCannotRollBackSaysSo(t *testing.T) {
	t.Parallel()
	s := aCanary(t)
	s.looks(contract.AnalysisFail)
	on(s, rollBack, func(contract.RollBackInput) (contract.RouteOutput, error) {
		s.send(contract.SignalPause, raw("{"))
		return contract.RouteOutput{}, temporal.NewNonRetryableApplicationError("no such model", contract.ErrNotFound, nil)
	})
	require.ErrorContains(t, s.runs(contract.WorkflowCanary, canaryOf(t)), "no such model")
	require.Len(t, s.audit(), 1, "messages are on record all the same")
	require.NotEqual(t, contract.CanaryRolledBack, status[contract.CanaryStatus](s).Phase)
}

func TestCanaryIsCancelled(t *testing.T) {
	t.Parallel()
	s := aCanary(t)
	s.after(30*time.Second, s.env.CancelWorkflow)
	require.True(t, temporal.IsCanceledError(s.runs(contract.WorkflowCanary, canaryOf(t))))
	require.Equal(t, 1, s.did(contract.ActivityRollBack))
	require.Equal(t, "cancelled", inputs(s, rollBack)[0].Reason)
}

func TestCanaryContinuesAsNew(t *testing.T) {
	t.Parallel()
	s := aCanary(t)
	s.after(25*time.Second, func() {
		s.steer(contract.SignalPause, "p")()
		s.send(contract.SignalAbort, raw("{"))
		s.env.SetContinueAsNewSuggested(true)
	})
	var again *workflow.ContinueAsNewError
	require.ErrorAs(t, s.runs(contract.WorkflowCanary, canaryOf(t)), &again)
	require.Equal(t, contract.WorkflowCanary, again.WorkflowType.Name)
	require.Zero(t, s.did(contract.ActivityRollBack))

	var next contract.CanaryInput
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &next))
	state := next.Resume
	require.Equal(t, []any{1, 100, int64(11), int64(10)}, []any{state.Status.Step, state.Status.Permille, state.Status.RouteRev, state.FirstRev})
	require.True(t, state.Paused)
	require.Equal(t, 2, state.Seq)
	require.Len(t, state.Status.Messages, 2)
	require.InDelta(t, 25_000, state.WatchedMS, 2000)

	second := aCanary(t)
	second.after(time.Minute, second.steer(contract.SignalResume, "r"))
	require.NoError(t, second.runs(contract.WorkflowCanary, next))
	require.Equal(t, contract.OutcomeProduction, result[contract.CanaryStatus](second).Outcome)
	require.Zero(t, second.did(contract.ActivityStage), "it is staged and warm already")
	require.Equal(t, 2, inputs(second, shift)[0].Step)
	require.Equal(t, state.Status.Looks+1, inputs(second, analyse)[0].Look)
}

func TestCanaryResumesWhereItWas(t *testing.T) {
	t.Parallel()
	s := aCanary(t)
	begun := s.env.Now()
	in := canaryOf(t)
	in.Resume = &contract.CanaryState{
		Status: contract.CanaryStatus{
			Phase: contract.CanaryPaused, Outcome: contract.OutcomeRunning, Step: 1, Steps: 2, Permille: 100, RouteRev: 11, Looks: 3,
			Messages: []contract.Message{{Name: contract.SignalPause, ID: "p", Accepted: true}},
		},
		FirstRev: 10, WatchedMS: 40_000, Paused: true, Seq: 5,
	}
	s.after(1*time.Minute, s.steer(contract.SignalResume, "p")) // a used id
	s.after(2*time.Minute, s.steer(contract.SignalResume, "r"))
	require.NoError(t, s.runs(contract.WorkflowCanary, in))
	require.Equal(t, contract.OutcomeProduction, result[contract.CanaryStatus](s).Outcome)
	require.Equal(t, []contract.ShiftInput{{Key: theKey, Step: 2, Permille: 1000, Rev: 11, By: requester}}, inputs(s, shift))
	require.Zero(t, s.did(contract.ActivityStage))
	require.Equal(t, 4, inputs(s, analyse)[0].Look)
	require.EqualValues(t, 10, inputs(s, analyse)[0].FirstRev)
	require.WithinDuration(t, begun.Add(2*time.Minute+20*time.Second+time.Minute), s.env.Now(), 15*time.Second)
	recorded := inputs(s, recordMessage)
	require.Equal(t, []int{6, 7}, []int{recorded[0].Seq, recorded[1].Seq}, "messages are numbered on")
	require.Equal(t, []bool{false, true}, []bool{recorded[0].Message.Accepted, recorded[1].Message.Accepted})
}
