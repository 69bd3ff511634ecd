package workflows

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/slipway-ml/slipway/internal/contract"
)

// Messages to a running canary.

func TestCanaryPauseStopsTheClockAndNotTheLooks(t *testing.T) {
	t.Parallel()
	s := aCanary(t)
	begun := s.env.Now()
	var before, behind int
	s.after(25*time.Second, s.steer(contract.SignalPause, "p"))
	s.after(26*time.Second, func() {
		now := status[contract.CanaryStatus](s)
		require.Equal(t, contract.CanaryPaused, now.Phase)
		before = now.Looks
	})
	s.after(10*time.Minute, func() {
		now := status[contract.CanaryStatus](s)
		require.Equal(t, contract.CanaryPaused, now.Phase)
		require.Equal(t, 1, now.Step)
		behind = now.Looks
		s.steer(contract.SignalResume, "r")()
	})
	s.after(10*time.Minute+20*time.Second, func() {
		require.Equal(t, contract.CanaryStepping, status[contract.CanaryStatus](s).Phase)
	})
	require.Equal(t, contract.OutcomeProduction, s.canaries().Outcome)
	require.InDelta(t, 57, behind-before, 2, "one look each interval, also while paused")
	require.WithinDuration(t, begun.Add(2*time.Minute+9*time.Minute+35*time.Second), s.env.Now(), 20*time.Second)
}

// A pause just before the end of a step must not make the looks follow each other without a break.
func TestCanaryPausedAtTheEndOfAStepKeepsItsInterval(t *testing.T) {
	t.Parallel()
	s := aCanary(t)
	s.after(59*time.Second+900*time.Millisecond, s.steer(contract.SignalPause, "p"))
	s.after(11*time.Minute, s.steer(contract.SignalAbort, "a"))
	s.rolledBack(s.canaries(), contract.OutcomeAborted)
	require.InDelta(t, 66, len(inputs(s, analyse)), 3)
}

func TestCanaryRollsBackWhilePaused(t *testing.T) {
	t.Parallel()
	s := aCanary(t)
	s.looks(contract.AnalysisPass, contract.AnalysisPass, contract.AnalysisPass, contract.AnalysisPass, contract.AnalysisFail)
	s.after(25*time.Second, s.steer(contract.SignalPause, "p"))
	end := s.canaries()
	s.rolledBack(end, contract.OutcomeRolledBack)
	require.Equal(t, 5, end.Looks)
}

func TestCanaryMovesNoTrafficWhenPausedWhileWarming(t *testing.T) {
	t.Parallel()
	s := aCanary(t)
	during(s, warm, contract.WarmOutput{}, s.steer(contract.SignalPause, "p"))
	s.after(5*time.Minute, func() {
		require.Empty(t, inputs(s, shift))
		require.Equal(t, contract.CanaryPaused, status[contract.CanaryStatus](s).Phase)
		s.steer(contract.SignalResume, "r")()
	})
	require.Equal(t, contract.OutcomeProduction, s.canaries().Outcome)
	require.Len(t, inputs(s, shift), 2)
}

func TestCanaryIsPromotedByAPerson(t *testing.T) {
	t.Parallel()
	s := aCanary(t)
	begun := s.env.Now()
	s.after(25*time.Second, s.steer(contract.SignalPromote, "go"))
	s.after(25*time.Second, s.steer(contract.SignalAbort, "too late"))
	end := s.canaries()
	require.Equal(t, contract.OutcomeProduction, end.Outcome)
	require.Contains(t, end.Reason, "promoted by ann: because")
	require.Len(t, inputs(s, shift), 1, "the rest of the steps is left out")
	require.EqualValues(t, 11, inputs(s, promote)[0].Rev)
	require.Equal(t, ann, inputs(s, promote)[0].By)
	require.WithinDuration(t, begun.Add(25*time.Second), s.env.Now(), 5*time.Second)
	all := s.audit()
	require.Equal(t, "the canary's end is decided", all[len(all)-1].Why)
}

func TestCanaryPromotedWhileWarmingStillWarms(t *testing.T) {
	t.Parallel()
	s := aCanary(t)
	during(s, stage, contract.RouteOutput{Rev: 10}, s.steer(contract.SignalPromote, "go"))
	require.Equal(t, contract.OutcomeProduction, s.canaries().Outcome)
	require.Equal(t, []string{contract.ActivityStage, contract.ActivityWarm, contract.ActivityAwaitReady, contract.ActivityPromote}, s.steps())
}

func TestCanaryAbortEndsTheWarmUp(t *testing.T) {
	t.Parallel()
	s := aCanary(t)
	during(s, warm, contract.WarmOutput{}, s.steer(contract.SignalAbort, "a"))
	end := s.canaries()
	s.rolledBack(end, contract.OutcomeAborted)
	require.Equal(t, "aborted by ann: because", end.Reason)
	require.Equal(t, []string{contract.ActivityStage, contract.ActivityWarm, contract.ActivityRollBack}, s.steps())
}

func TestCanaryAbortEndsAStep(t *testing.T) {
	t.Parallel()
	s := aCanary(t)
	begun := s.env.Now()
	s.after(83*time.Second, s.steer(contract.SignalAbort, "a"))
	end := s.canaries()
	s.rolledBack(end, contract.OutcomeAborted)
	require.Equal(t, 2, end.Step)
	require.WithinDuration(t, begun.Add(83*time.Second), s.env.Now(), 5*time.Second)
}

func TestCanaryIgnoresWhatDoesNotCount(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		signal  string
		message any
		why     string
	}{
		"stranger":        {contract.SignalPromote, control("c", mallory), "may not promote"},
		"bad JSON":        {contract.SignalAbort, raw("{"), "read control signal"},
		"no payload":      {contract.SignalPause, nil, "want a JSON object"},
		"not paused":      {contract.SignalResume, control("c", ann), "the canary is not paused"},
		"decision":        {contract.SignalDecide, decision("d", ann, contract.Approve), "no approval is awaited now"},
		"another release": {contract.SignalAbort, contract.Control{ID: "c", By: ann, Release: "release/other/1"}, "it is for release"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := aCanary(t)
			s.after(30*time.Second, func() { s.send(c.signal, c.message) })
			require.Equal(t, contract.OutcomeProduction, s.canaries().Outcome)
			message := s.onlyMessage()
			require.False(t, message.Accepted)
			require.Contains(t, message.Why, c.why)
		})
	}
}

// An order that comes while the canary is about to continue as new, here
// because the audit log is away, would be lost with this run.
func TestCanaryObeysAnOrderBeforeItContinuesAsNew(t *testing.T) {
	t.Parallel()
	s := aCanary(t)
	back := false
	on(s, recordMessage, func(contract.RecordMessageInput) (contract.Empty, error) {
		if !back {
			return contract.Empty{}, temporal.NewApplicationError("no catalog", contract.ErrUnavailable)
		}
		return contract.Empty{}, nil
	})
	s.after(25*time.Second, func() {
		s.env.SetContinueAsNewSuggested(true)
		s.send(contract.SignalPause, raw("{"))
	})
	s.after(40*time.Second, func() {
		require.Len(t, inputs(s, analyse), 3, "the next look waits for the new run")
		s.steer(contract.SignalAbort, "a")()
	})
	s.after(45*time.Second, func() { back = true })
	s.rolledBack(s.canaries(), contract.OutcomeAborted)
}

func TestCanaryRecordsAMessageOfItsLastTask(t *testing.T) {
	t.Parallel()
	s := aCanary(t)
	on(s, promote, func(contract.PromoteInput) (contract.RouteOutput, error) {
		s.env.SignalWorkflowSkippingWorkflowTask(contract.SignalAbort, control("late", ann))
		return contract.RouteOutput{Rev: 13}, nil
	})
	require.Equal(t, contract.OutcomeProduction, s.canaries().Outcome)
	require.Equal(t, "the canary's end is decided", s.onlyMessage().Why)
}
