package workflows

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/governance"
)

// Messages to a running release.

func TestReleaseIsRejectedBySignal(t *testing.T) {
	t.Parallel()
	s := aRelease(t)
	s.after(time.Hour, func() { s.send(contract.SignalDecide, decision("d1", ben, contract.Reject)) })
	end := s.stoppedAs(s.releases(), contract.OutcomeRejected)
	require.Equal(t, "rejected by ben: because", end.Reason)
	require.Equal(t, stoppedAt(4), gateStates(end.Gates))
	require.Equal(t, until(3, contract.ActivityEvaluate), s.steps())
	require.True(t, s.onlyMessage().Accepted)
}

func TestReleaseExpires(t *testing.T) {
	t.Parallel()
	s := aRelease(t)
	begun := s.env.Now()
	end := s.stoppedAs(s.releases(), contract.OutcomeExpired)
	require.Equal(t, "0 of 1 approvals within 72h", end.Reason)
	require.WithinDuration(t, begun.Add(72*time.Hour), *end.Gates[3].Ended, time.Minute)
	require.Equal(t, until(3, contract.ActivityEvaluate), s.steps())
}

// A message that does not count is recorded with the reason, and the deadline still ends the wait after it.
func TestReleaseIgnoresWhatDoesNotCount(t *testing.T) {
	t.Parallel()
	otherCandidate := decision("d1", ann, contract.Approve)
	otherCandidate.Candidate = "sha256:other"
	otherRelease := decision("d1", ann, contract.Approve)
	otherRelease.Release = "release/credit/1.0.9"
	cases := map[string]struct {
		signal  string
		message any
		why     string
	}{
		"approval by who asked":     {contract.SignalDecide, decision("d1", requester, contract.Approve), "somebody else must approve it"},
		"approval by a stranger":    {contract.SignalDecide, decision("d1", mallory, contract.Approve), "is not an approver"},
		"approval of another model": {contract.SignalDecide, otherCandidate, "it is for candidate"},
		"approval of another":       {contract.SignalDecide, otherRelease, "it is for release"},
		"neither yes nor no":        {contract.SignalDecide, decision("d1", ann, "perhaps"), "want approve or reject"},
		"bad JSON":                  {contract.SignalDecide, raw(`{"decision_id":`), "read decision"},
		"no object":                 {contract.SignalDecide, "approve", "want a JSON object"},
		"unknown field":             {contract.SignalDecide, raw(`{"decision_id":"d1","desicion":"approve"}`), `unknown field "desicion"`},
		"no payload":                {contract.SignalDecide, nil, "want a JSON object"},
		"empty object":              {contract.SignalDecide, raw(`{}`), "decision_id is missing"},
		"huge":                      {contract.SignalDecide, raw(`{"reason":"` + strings.Repeat("x", 1<<20) + `"}`), "no approval is awaited now"},
		"abort by a stranger":       {contract.SignalAbort, control("c1", mallory), "may not abort"},
		"abort of bad JSON":         {contract.SignalAbort, raw(`{{`), "read control signal"},
		"pause of no payload":       {contract.SignalPause, nil, "want a JSON object"},
		"huge pause":                {contract.SignalPause, raw(`"` + strings.Repeat("x", 1<<20) + `"`), "too many"},
		"resume when not paused":    {contract.SignalResume, control("c1", ann), "the release is not paused"},
		"promote without a canary":  {contract.SignalPromote, control("c1", ann), "no canary is under way"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := aRelease(t)
			s.after(time.Hour, func() { s.send(c.signal, c.message) })
			s.stoppedAs(s.releases(), contract.OutcomeExpired)
			message := s.onlyMessage()
			require.False(t, message.Accepted)
			require.Equal(t, c.signal, message.Name)
			require.Contains(t, message.Why, c.why)
		})
	}
}

func TestReleaseAwaitsNoDecisionBeforeOrAfterCompliance(t *testing.T) {
	t.Parallel()
	s := aRelease(t).approvedByAnn()
	approve := func(id string) func() {
		return func() { s.send(contract.SignalDecide, decision(id, ben, contract.Approve)) }
	}
	during(s, testModel, contract.Verdict{Passed: true}, approve("early"))
	during(s, confirm, contract.ConfirmOutput{}, approve("late"))
	s.after(time.Hour+30*time.Second, approve("in canary"))
	require.NoError(t, s.releases())
	var ids []string
	for _, m := range s.audit() {
		if !m.Accepted {
			require.Equal(t, "no approval is awaited now", m.Why)
			ids = append(ids, m.ID)
		}
	}
	require.Equal(t, []string{"early", "in canary", "late"}, ids)
}

func TestReleaseIsAbortedAtEachGate(t *testing.T) {
	t.Parallel()
	abort := func(s *script) func() {
		return func() { s.send(contract.SignalAbort, control("stop", ann)) }
	}
	cases := []struct {
		gate contract.Gate
		n    int
		by   func(*script)
		own  []string
	}{
		{contract.GateData, 1, func(s *script) { during(s, validateData, contract.Verdict{Passed: true}, abort(s)) },
			[]string{contract.ActivityBegin, contract.ActivityFixData, contract.ActivityValidateData}},
		{contract.GateTests, 2, func(s *script) { during(s, testModel, contract.Verdict{Passed: true}, abort(s)) },
			[]string{contract.ActivityTestModel}},
		{contract.GateCompliance, 4, func(s *script) { s.after(30*time.Minute, abort(s)) },
			[]string{contract.ActivityEvaluate}},
		{contract.GateCanary, 5, func(s *script) { s.approvedByAnn().after(time.Hour+30*time.Second, abort(s)) },
			[]string{contract.ActivityStage, contract.ActivityWarm, contract.ActivityAwaitReady, contract.ActivityShift, contract.ActivityRollBack}},
	}
	for _, c := range cases {
		t.Run(string(c.gate), func(t *testing.T) {
			t.Parallel()
			s := aRelease(t)
			c.by(s)
			end := s.stoppedAs(s.releases(), contract.OutcomeAborted)
			require.Equal(t, "aborted by ann: because", end.Reason)
			require.Equal(t, stoppedAt(c.n), gateStates(end.Gates))
			require.Equal(t, until(c.n-1, c.own...), without(s.steps(), contract.ActivityAnalyse))
			all := s.audit()
			require.True(t, all[len(all)-1].Accepted)
		})
	}
}

func TestReleaseAbortedBeforeItsClaimIsDecided(t *testing.T) {
	t.Parallel()
	s := aRelease(t)
	during(s, begin, contract.BeginOutput{Admitted: true, AllowUnverified: true}, func() { s.send(contract.SignalAbort, control("stop", ann)) })
	end := s.stoppedAs(s.releases(), contract.OutcomeAborted)
	require.Equal(t, "aborted by ann: because", end.Reason)
	require.Equal(t, 1, s.did(contract.ActivityRollBack))
	require.True(t, s.onlyMessage().Accepted)
}

func TestReleaseInProductionIsNotAborted(t *testing.T) {
	t.Parallel()
	s := aRelease(t).approvedByAnn()
	during(s, ensureSchedule, contract.Empty{}, func() { s.send(contract.SignalAbort, control("late", ann)) })
	require.NoError(t, s.releases())
	require.Equal(t, contract.OutcomeProduction, result[contract.ReleaseStatus](s).Outcome)
	all := s.audit()
	last := all[len(all)-1]
	require.False(t, last.Accepted)
	require.Contains(t, last.Why, "is in production")
}

func TestReleaseIsPausedBetweenGates(t *testing.T) {
	t.Parallel()
	s := aRelease(t).approvedByAnn()
	during(s, testModel, contract.Verdict{Passed: true}, func() { s.send(contract.SignalPause, control("p", ben)) })
	s.after(10*time.Minute, func() {
		now := status[contract.ReleaseStatus](s)
		require.True(t, now.Paused)
		require.Equal(t, contract.GatePassed, now.Gates[1].State)
		require.Equal(t, contract.GatePending, now.Gates[2].State)
		s.send(contract.SignalResume, control("r", ben))
	})
	require.NoError(t, s.releases())
	require.Equal(t, promotion, without(s.steps(), contract.ActivityAnalyse))
	end := result[contract.ReleaseStatus](s)
	require.False(t, end.Paused)
	require.GreaterOrEqual(t, end.Gates[2].Started.Sub(*end.Gates[1].Ended), 9*time.Minute)
}

func TestReleaseIsAbortedWhilePaused(t *testing.T) {
	t.Parallel()
	s := aRelease(t)
	during(s, testModel, contract.Verdict{Passed: true}, func() { s.send(contract.SignalPause, control("p", ben)) })
	s.after(10*time.Minute, func() { s.send(contract.SignalAbort, control("a", ben)) })
	end := s.stoppedAs(s.releases(), contract.OutcomeAborted)
	require.Equal(t, contract.GatePending, end.Gates[2].State)
}

// Somebody who can send signals but has no key can't make a signed one count again.
func TestReleaseCountsAnIDOnce(t *testing.T) {
	t.Parallel()
	s := aRelease(t)
	during(s, testModel, contract.Verdict{Passed: true}, func() { s.send(contract.SignalPause, control("p1", ben)) })
	s.after(1*time.Minute, func() { s.send(contract.SignalResume, control("r1", ben)) })
	s.after(2*time.Minute, func() { s.send(contract.SignalPause, control("p2", ben)) })
	s.after(3*time.Minute, func() { s.send(contract.SignalResume, control("r1", ben)) })
	s.after(4*time.Minute, func() {
		require.True(t, status[contract.ReleaseStatus](s).Paused)
		s.send(contract.SignalAbort, control("a1", ben))
	})
	s.stoppedAs(s.releases(), contract.OutcomeAborted)
	all := s.audit()
	require.Len(t, all, 5)
	require.False(t, all[3].Accepted)
	require.Equal(t, "a message with this id has counted already", all[3].Why)
}

func TestReleaseIsCancelled(t *testing.T) {
	t.Parallel()
	cases := []struct {
		gate contract.Gate
		by   func(*script)
		own  []string
		n    int
	}{
		{contract.GateTests, func(s *script) { during(s, testModel, contract.Verdict{Passed: true}, s.env.CancelWorkflow) },
			[]string{contract.ActivityTestModel}, 2},
		{contract.GateCompliance, func(s *script) { s.after(30*time.Minute, s.env.CancelWorkflow) },
			[]string{contract.ActivityEvaluate}, 4},
		{contract.GateCanary, func(s *script) { s.approvedByAnn().after(time.Hour+30*time.Second, s.env.CancelWorkflow) },
			[]string{contract.ActivityStage, contract.ActivityWarm, contract.ActivityAwaitReady, contract.ActivityShift, contract.ActivityRollBack}, 5},
	}
	for _, c := range cases {
		t.Run(string(c.gate), func(t *testing.T) {
			t.Parallel()
			s := aRelease(t)
			c.by(s)
			require.True(t, temporal.IsCanceledError(s.releases()))
			finished := inputs(s, finish)
			require.Len(t, finished, 1)
			require.Equal(t, contract.OutcomeAborted, finished[0].Outcome)
			require.Equal(t, "cancelled", finished[0].Reason)
			require.Equal(t, until(c.n-1, c.own...), without(s.steps(), contract.ActivityAnalyse))
		})
	}
}

func TestReleaseRecordsMessagesWhileItIsCancelled(t *testing.T) {
	t.Parallel()
	s := aRelease(t)
	during(s, testModel, contract.Verdict{Passed: true}, s.env.CancelWorkflow)
	during(s, rollBack, contract.RouteOutput{}, func() { s.send(contract.SignalAbort, control("late", ann)) })
	require.True(t, temporal.IsCanceledError(s.releases()))
	require.Equal(t, "the release has ended", s.onlyMessage().Why)
}

// The signal and the result of the last activity come in one workflow task: the last chance to see the signal.
func TestReleaseRecordsAMessageOfItsLastTask(t *testing.T) {
	t.Parallel()
	s := aRelease(t).approvedByAnn()
	during(s, finish, contract.Empty{}, func() {
		s.env.SignalWorkflowSkippingWorkflowTask(contract.SignalAbort, control("late", ann))
		s.env.SignalWorkflowSkippingWorkflowTask(contract.SignalDecide, raw("{"))
	})
	require.NoError(t, s.releases())
	all := s.audit()
	require.Len(t, all, 3)
	require.Equal(t, "the release has ended", all[1].Why)
	require.Equal(t, "no approval is awaited now", all[2].Why)
	require.Len(t, result[contract.ReleaseStatus](s).Messages, 2)
}

// While the catalog is away nothing can be recorded, but an abort still counts at once.
func TestReleaseObeysBeforeItRecords(t *testing.T) {
	t.Parallel()
	s := aRelease(t)
	away := true
	on(s, recordMessage, func(contract.RecordMessageInput) (contract.Empty, error) {
		if away {
			return contract.Empty{}, temporal.NewApplicationError("no catalog", contract.ErrUnavailable)
		}
		return contract.Empty{}, nil
	})
	during(s, rollBack, contract.RouteOutput{}, func() { away = false })
	s.after(time.Hour, func() { s.send(contract.SignalPause, raw("{")) })
	s.after(time.Hour+time.Second, func() { s.send(contract.SignalAbort, control("a", ann)) })
	s.stoppedAs(s.releases(), contract.OutcomeAborted)
	recorded := inputs(s, recordMessage)
	require.Equal(t, contract.SignalAbort, recorded[len(recorded)-1].Message.Name)
	require.Equal(t, 2, recorded[len(recorded)-1].Seq)
}

func TestReleaseStatusForgetsWhatDidNotCountFirst(t *testing.T) {
	t.Parallel()
	s := aRelease(t)
	s.after(time.Minute, func() {
		s.send(contract.SignalPause, control("p", ben))
		s.send(contract.SignalResume, control("r", ben))
		for i := range maxTaken - 2 {
			s.send(contract.SignalPause, raw(fmt.Sprintf(`{"id":"%d"}`, i)))
		}
	})
	end := s.stoppedAs(s.releases(), contract.OutcomeExpired)
	require.Len(t, s.audit(), maxTaken, "the audit log has all")
	require.Len(t, end.Messages, maxMessages)
	require.Equal(t, []string{"p", "r"}, []string{end.Messages[0].ID, end.Messages[1].ID})
}

func TestReleaseTakesSignedMessagesOnlyWhereItMust(t *testing.T) {
	t.Parallel()
	s := aRelease(t)
	gives(s, begin, contract.BeginOutput{Admitted: true})
	s.after(time.Hour, func() {
		s.send(contract.SignalDecide, decision("d", ann, contract.Approve))
		s.send(contract.SignalPause, control("c", ann))
	})
	s.stoppedAs(s.releases(), contract.OutcomeExpired)
	for _, m := range s.audit() {
		require.Contains(t, m.Why, "no public key is on file")
		require.Equal(t, governance.Unverified, m.Identity)
	}
}

func TestReleaseHandsControlSignalsToItsCanary(t *testing.T) {
	t.Parallel()
	s := aRelease(t).approvedByAnn()
	for i, m := range []struct {
		signal  string
		message any
	}{
		{contract.SignalPause, control("p", ben)},
		{contract.SignalResume, control("r", ben)},
		{contract.SignalAbort, raw("{")},
		{contract.SignalPause, control("m", mallory)},
		{contract.SignalPromote, control("go", ben)},
	} {
		s.after(time.Hour+time.Duration(20+i)*time.Second, func() { s.send(m.signal, m.message) })
	}
	require.NoError(t, s.releases())
	require.Equal(t, 1, s.did(contract.ActivityShift), "promoted at the first step")
	require.Empty(t, result[contract.ReleaseStatus](s).Messages)
	var accepted []bool
	for _, in := range inputs(s, recordMessage) {
		if in.Scope == "canary" {
			accepted = append(accepted, in.Message.Accepted)
		}
	}
	require.Equal(t, []bool{true, true, false, false, true}, accepted)
}

// What counted at the release does not count again at its canary, and what is too big stays where it arrived.
func TestReleaseKeepsFromItsCanaryWhatCantCount(t *testing.T) {
	t.Parallel()
	s := aRelease(t).approvedByAnn()
	during(s, testModel, contract.Verdict{Passed: true}, func() { s.send(contract.SignalPause, control("p", ben)) })
	s.after(time.Minute, func() { s.send(contract.SignalResume, control("r", ben)) })
	s.after(time.Hour+20*time.Second, func() { s.send(contract.SignalPause, control("p", ben)) })
	s.after(time.Hour+30*time.Second, func() { s.send(contract.SignalPause, raw(`"`+strings.Repeat("x", 1<<20)+`"`)) })
	require.NoError(t, s.releases())
	all := result[contract.ReleaseStatus](s).Messages
	require.Len(t, all, 4)
	require.Equal(t, "a message with this id has counted already", all[2].Why)
	require.Contains(t, all[3].Why, "too many")
}

// The child has ended when the message gets there: it is judged and recorded by the release.
func TestReleaseRecordsWhatItsChildCanNoLongerTake(t *testing.T) {
	t.Parallel()
	s := aRelease(t)
	s.after(time.Hour, func() {
		s.send(contract.SignalDecide, decision("d1", ann, contract.Reject))
	})
	on(s, noteGate, func(in contract.NoteGateInput) (contract.Empty, error) {
		if in.Gate.Gate == contract.GateCompliance {
			s.send(contract.SignalDecide, decision("d2", ben, contract.Approve))
		}
		return contract.Empty{}, nil
	})
	end := s.stoppedAs(s.releases(), contract.OutcomeRejected)
	require.Len(t, end.Messages, 1)
	require.Equal(t, "d2", end.Messages[0].ID)
	require.Equal(t, "no approval is awaited now", end.Messages[0].Why)
}
