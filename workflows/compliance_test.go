package workflows

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/spec"
)

func aCompliance(t *testing.T) *script {
	t.Helper()
	return newScript(t, contract.ComplianceID(theKey.Model, theKey.Version)).wellBehaved()
}

// complies runs the gate with so many approvals required.
func (s *script) complies(required int) error {
	a := theSpec(s.t).Approvals
	a.Required = required
	return s.runs(contract.WorkflowCompliance, contract.ComplianceInput{
		Key: theKey, RequestedBy: requester, Candidate: candidate, Approvals: a, AllowUnverified: true,
		Policies: []spec.Policy{{Name: "docs", Type: spec.PolicyDocumentation}},
	})
}

func (s *script) decides(id, approver, word string) func() {
	return func() { s.send(contract.SignalDecide, decision(id, approver, word)) }
}

func TestComplianceNeedsNobody(t *testing.T) {
	t.Parallel()
	s := aCompliance(t)
	require.NoError(t, s.complies(0))
	end := result[contract.ComplianceStatus](s)
	require.Equal(t, contract.OutcomeProduction, end.Outcome)
	require.Equal(t, "3 of 3 policies passed", end.Reason)
	require.Equal(t, []string{contract.ActivityEvaluate}, s.steps())
	require.Empty(t, inputs(s, sendNotice))
}

func TestComplianceStopsWhatIsNotCompliant(t *testing.T) {
	t.Parallel()
	s := aCompliance(t)
	during(s, evaluate, contract.EvaluateOutput{Score: 0.5, Summary: "no model card"}, s.decides("d", ann, contract.Approve))
	require.NoError(t, s.complies(1))
	end := result[contract.ComplianceStatus](s)
	require.Equal(t, contract.OutcomeFailed, end.Outcome)
	require.Equal(t, "no model card", end.Reason)
	require.Len(t, end.Messages, 1, "an approval does not help, but stays on record")
}

func TestComplianceReachesAQuorum(t *testing.T) {
	t.Parallel()
	s := aCompliance(t)
	s.after(1*time.Hour, s.decides("d1", ann, contract.Approve))
	s.after(2*time.Hour, s.decides("d2", ann, contract.Approve)) // the same person
	s.after(3*time.Hour, s.decides("d1", ben, contract.Approve)) // a used id
	s.after(4*time.Hour, func() {
		now := status[contract.ComplianceStatus](s)
		require.Equal(t, []string{ann}, now.Approved)
		require.Contains(t, now.Waiting, "Awaits 2 approval(s)")
		require.False(t, now.Deadline.IsZero())
		s.decides("d3", ben, contract.Approve)()
	})
	require.NoError(t, s.complies(2))
	end := result[contract.ComplianceStatus](s)
	require.Equal(t, contract.OutcomeProduction, end.Outcome)
	require.Equal(t, "3 of 3 policies passed; approved by ann, ben", end.Reason)
	require.Empty(t, end.Waiting)
	var accepted []bool
	for _, m := range s.audit() {
		accepted = append(accepted, m.Accepted)
	}
	require.Equal(t, []bool{true, false, false, true}, accepted)
}

func TestComplianceOneRejectionWins(t *testing.T) {
	t.Parallel()
	s := aCompliance(t)
	s.after(1*time.Hour, s.decides("d1", ann, contract.Approve))
	s.after(2*time.Hour, s.decides("d2", ben, contract.Reject))
	require.NoError(t, s.complies(2))
	end := result[contract.ComplianceStatus](s)
	require.Equal(t, contract.OutcomeRejected, end.Outcome)
	require.Equal(t, "rejected by ben: because", end.Reason)
}

func TestComplianceRemindsOnceAndExpires(t *testing.T) {
	t.Parallel()
	s := aCompliance(t)
	begun := s.env.Now()
	var reminded time.Time
	on(s, sendNotice, func(in contract.NotifyInput) (contract.Empty, error) {
		if in.Severity == "warn" && reminded.IsZero() {
			reminded = s.env.Now()
		}
		return contract.Empty{}, errors.New("nobody can be told") // and that holds nothing up
	})
	require.NoError(t, s.complies(1))
	end := result[contract.ComplianceStatus](s)
	require.Equal(t, contract.OutcomeExpired, end.Outcome)
	require.Equal(t, "0 of 1 approvals within 72h", end.Reason)
	require.WithinDuration(t, begun.Add(24*time.Hour), reminded, time.Minute)
	require.WithinDuration(t, begun.Add(72*time.Hour), end.Deadline, time.Minute)
	require.WithinDuration(t, begun.Add(72*time.Hour), s.env.Now(), time.Minute)
}

func TestComplianceIsCancelled(t *testing.T) {
	t.Parallel()
	s := aCompliance(t)
	s.after(time.Hour, func() {
		s.env.SignalWorkflowSkippingWorkflowTask(contract.SignalDecide, decision("d", ann, contract.Approve))
		s.env.CancelWorkflow()
	})
	require.True(t, temporal.IsCanceledError(s.complies(1)))
	message := s.onlyMessage()
	require.False(t, message.Accepted, "what comes after the end counts for nothing")
	require.Contains(t, message.Why, "too late")
}

func TestComplianceSendsControlSignalsToTheRelease(t *testing.T) {
	t.Parallel()
	s := aCompliance(t)
	s.after(time.Hour, func() { s.send(contract.SignalAbort, control("a", ann)) })
	require.NoError(t, s.complies(1))
	require.Equal(t, "send it to the release "+theID, s.onlyMessage().Why)
}

func TestUpdateDecideAnswersAtOnce(t *testing.T) {
	t.Parallel()
	s := aCompliance(t)
	var yes decided
	s.after(time.Hour, func() {
		s.env.UpdateWorkflow(contract.UpdateDecide, "u1", &yes, decision("d1", ann, contract.Approve))
	})
	require.NoError(t, s.complies(1))
	require.NoError(t, yes.rejected)
	require.True(t, yes.accepted)
	require.NoError(t, yes.err)
	message := yes.result.(contract.Message)
	require.True(t, message.Accepted)
	require.Equal(t, "d1", message.ID)
	require.Equal(t, message.ID, s.onlyMessage().ID)
	require.Equal(t, contract.OutcomeProduction, result[contract.ComplianceStatus](s).Outcome)
}

func TestUpdateDecideIsRefusedWithoutATrace(t *testing.T) {
	t.Parallel()
	forged := decision("d1", ann, contract.Approve)
	forged.Candidate = "sha256:other"
	long := decision("d1", ann, contract.Approve)
	long.Reason = strings.Repeat("x", 5000)
	cases := map[string]struct {
		message any
		why     string
	}{
		"self-approval":   {decision("d1", requester, contract.Approve), "somebody else must approve it"},
		"stranger":        {decision("d1", mallory, contract.Approve), "is not an approver"},
		"other candidate": {forged, "it is for candidate"},
		"unknown field":   {raw(`{"decision_id":"d1","desicion":"approve"}`), "unknown field"},
		"no JSON":         {raw(`{`), "read decision"},
		"nothing":         {nil, "want a JSON object"},
		"long reason":     {long, "want up to 4096 bytes"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := aCompliance(t)
			var no decided
			var before, behind contract.ComplianceStatus
			s.after(time.Hour, func() {
				before = status[contract.ComplianceStatus](s)
				s.env.UpdateWorkflow(contract.UpdateDecide, "u1", &no, c.message)
			})
			s.after(2*time.Hour, func() {
				behind = status[contract.ComplianceStatus](s)
				s.decides("d1", ann, contract.Approve)() // the refused one has not used up its id
			})
			require.NoError(t, s.complies(1))
			require.False(t, no.accepted)
			require.ErrorContains(t, no.rejected, c.why)
			require.Equal(t, before, behind)
			require.True(t, s.onlyMessage().Accepted)
		})
	}
}

func TestUpdateDecideAfterTheQuorumIsRefused(t *testing.T) {
	t.Parallel()
	s := aCompliance(t)
	var late decided
	on(s, recordMessage, func(in contract.RecordMessageInput) (contract.Empty, error) {
		if in.Seq == 1 {
			s.env.UpdateWorkflow(contract.UpdateDecide, "u2", &late, decision("d2", ben, contract.Reject))
		}
		return contract.Empty{}, nil
	})
	s.after(time.Hour, s.decides("d1", ann, contract.Approve))
	require.NoError(t, s.complies(1))
	require.ErrorContains(t, late.rejected, "too late")
	require.Equal(t, contract.OutcomeProduction, result[contract.ComplianceStatus](s).Outcome)
}
