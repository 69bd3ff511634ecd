package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/governance"
)

// Compliance evaluates the policies and waits for approvals until a quorum, a
// rejection or the deadline, which counts as no. Its result's outcome is
// production when the release may go on.
func Compliance(ctx workflow.Context, in contract.ComplianceInput) (contract.ComplianceStatus, error) {
	c, err := newCompliance(ctx, in)
	if err != nil {
		return contract.ComplianceStatus{}, err
	}
	return c.run(ctx)
}

type complianceRun struct {
	in     contract.ComplianceInput
	id     string // of the release
	inbox  inbox
	tally  *governance.Tally
	status contract.ComplianceStatus
}

func newCompliance(ctx workflow.Context, in contract.ComplianceInput) (*complianceRun, error) {
	c := &complianceRun{in: in, id: contract.ReleaseID(in.Key.Model, in.Key.Version)}
	c.tally = governance.NewTally(in.Approvals, in.RequestedBy, c.id, in.Candidate, in.AllowUnverified)
	c.inbox = inbox{key: in.Key, scope: "compliance", handle: c.receive}
	c.status = contract.ComplianceStatus{Outcome: contract.OutcomeRunning, Required: in.Approvals.Required}
	err := workflow.SetQueryHandlerWithOptions(ctx, contract.QueryStatus, c.query, workflow.QueryHandlerOptions{
		Description: "The policies' verdict, who approved and what is awaited.",
	})
	if err != nil {
		return nil, err
	}
	return c, workflow.SetUpdateHandlerWithOptions(ctx, contract.UpdateDecide, c.decide, workflow.UpdateHandlerOptions{
		Validator:   c.validate,
		Description: "Approve or reject; answers at once whether the decision counts.",
	})
}

func (c *complianceRun) query() (contract.ComplianceStatus, error) {
	s := c.status
	s.Messages = c.inbox.log
	return s, nil
}

func (c *complianceRun) run(ctx workflow.Context) (contract.ComplianceStatus, error) {
	if err := setAttributes(ctx, c.in.Key, "compliance"); err != nil {
		return c.status, err
	}
	c.inbox.open(ctx)
	err := c.judge(ctx)
	if err == nil && c.status.Outcome == contract.OutcomeRunning {
		err = c.await(ctx)
	}
	if err != nil {
		c.status.Outcome, c.status.Reason = outcome(ctx, err)
	}
	c.inbox.settle(ctx)
	c.status.Waiting = ""
	c.describe(ctx)
	c.status.Messages = c.inbox.log
	return c.status, err
}

// judge evaluates the policies.
func (c *complianceRun) judge(ctx workflow.Context) error {
	found, err := evaluate.do(ctx, contract.EvaluateInput{
		Key: c.in.Key, Policies: c.in.Policies, Documents: c.in.Documents, Metrics: c.in.Metrics, Quality: c.in.Quality,
	}, "evaluate policies")
	if err != nil {
		return err
	}
	c.status.Compliant, c.status.Score, c.status.Report = found.Compliant, found.Score, found.Report
	c.status.Reason = found.Summary
	if !found.Compliant {
		c.status.Outcome = contract.OutcomeFailed
	}
	return nil
}

// await waits for people, reminds them once and expires at the deadline.
func (c *complianceRun) await(ctx workflow.Context) error {
	a := c.in.Approvals
	summary := c.status.Reason
	decided := func() bool {
		_, by, _, quorum := c.tally.State()
		return quorum || by != ""
	}
	if !decided() {
		c.status.Deadline = workflow.Now(ctx).Add(a.Deadline.D())
		c.status.Waiting = awaitApproval(a, c.in.Key, c.in.Candidate)
		c.describe(ctx)
		c.notify(ctx, "info", c.status.Waiting)
	}
	first := min(a.EscalateAfter.D(), a.Deadline.D())
	ok, err := workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{Timeout: first, TimerOptions: workflow.TimerOptions{Summary: "remind the approvers"}}, decided)
	if err == nil && !ok && first < a.Deadline.D() {
		c.notify(ctx, "warn", "still open: "+c.status.Waiting)
		ok, err = workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{Timeout: a.Deadline.D() - first, TimerOptions: workflow.TimerOptions{Summary: "approval deadline"}}, decided)
	}
	if err != nil {
		return err
	}
	approved, by, why, _ := c.tally.State()
	switch {
	case by != "":
		c.status.Outcome, c.status.Reason = contract.OutcomeRejected, fmt.Sprintf("rejected by %s: %s", by, why)
	case !ok:
		c.status.Outcome, c.status.Reason = contract.OutcomeExpired, fmt.Sprintf("%d of %d approvals within %s", len(approved), a.Required, a.Deadline)
	default:
		c.status.Outcome, c.status.Reason = contract.OutcomeProduction, summary
		if a.Required > 0 {
			c.status.Reason = fmt.Sprintf("%s; approved by %s", summary, strings.Join(approved, ", "))
		}
	}
	return nil
}

// notify tells people without holding the gate up.
func (c *complianceRun) notify(ctx workflow.Context, severity, text string) {
	sendNotice.start(ctx, contract.NotifyInput{Key: c.in.Key, Severity: severity, Text: text}, severity)
}

func (c *complianceRun) receive(ctx workflow.Context, name string, raw []byte) *contract.Message {
	if name != contract.SignalDecide {
		m := ignored(ctx, name, raw, "send it to the release "+c.id)
		return &m
	}
	m := c.take(ctx, raw)
	return &m
}

// consider judges a decision and, if it counts, adds it to the tally.
func (c *complianceRun) consider(ctx workflow.Context, t *governance.Tally, d contract.Decision) contract.Message {
	m := contract.Message{Name: contract.SignalDecide, ID: d.ID, By: d.Approver, Reason: d.Reason, Decision: d.Decision, At: workflow.Now(ctx)}
	if c.status.Outcome != contract.OutcomeRunning {
		m.Why = "the decision comes too late: " + c.status.Reason
		return m
	}
	m.Accepted, m.Why, m.Identity = t.Consider(d)
	return m
}

// validate refuses an update before it enters the history; it changes nothing.
func (c *complianceRun) validate(ctx workflow.Context, raw converter.RawValue) error {
	d, err := governance.DecodeDecision(payload(raw))
	if err != nil {
		return err
	}
	trial := *c.tally
	if m := c.consider(ctx, &trial, d); !m.Accepted {
		return fmt.Errorf("decision ignored: %s", m.Why)
	}
	return nil
}

// decide takes the decision of an update as strictly as that of a signal, and answers once it is on the audit log.
func (c *complianceRun) decide(ctx workflow.Context, raw converter.RawValue) (contract.Message, error) {
	m := c.take(ctx, payload(raw))
	c.inbox.keep(ctx, m)
	return m, c.inbox.recorded(ctx)
}

// take decodes and considers a decision; one that does not decode is ignored.
func (c *complianceRun) take(ctx workflow.Context, raw []byte) contract.Message {
	d, err := governance.DecodeDecision(raw)
	if err != nil {
		return contract.Message{Name: contract.SignalDecide, At: workflow.Now(ctx), Why: err.Error()}
	}
	m := c.consider(ctx, c.tally, d)
	c.describe(ctx)
	return m
}

func (c *complianceRun) describe(ctx workflow.Context) {
	c.status.Approved, _, _, _ = c.tally.State()
	workflow.SetCurrentDetails(ctx, fmt.Sprintf("**%s %s**: **%s** (policy score %.2f)\n\n%s\n\n%s\n\napproved by: %s",
		c.in.Key.Model, c.in.Key.Version, c.status.Outcome, c.status.Score, c.status.Reason, c.status.Waiting, strings.Join(c.status.Approved, ", ")))
}
