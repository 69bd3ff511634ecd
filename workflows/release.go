package workflows

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/spec"
)

// Release carries one model version through every gate into production. It
// ends completed only when the version is in production; anything else ends it
// failed with type GateFailed, the reason as message and the ReleaseStatus as
// details, so that the same release can be started again.
func Release(ctx workflow.Context, in contract.ReleaseInput) (contract.ReleaseStatus, error) {
	r, err := newRelease(ctx, in)
	if err != nil {
		return contract.ReleaseStatus{}, temporal.NewNonRetryableApplicationError(err.Error(), contract.ErrInvalidInput, nil)
	}
	return r.run(ctx)
}

type releaseRun struct {
	in      contract.ReleaseInput
	key     contract.Key
	inbox   inbox
	status  contract.ReleaseStatus
	claim   contract.BeginOutput
	claimed bool // the claim is decided, either way
	unsure  bool // the claim failed, and may have been made all the same
	abort   *contract.Message
	cancel  workflow.CancelFunc // ends the gate at work
	child   workflow.ChildWorkflowFuture
	waiting func() string
	passed  map[string]bool // ids of messages that were handed to a child in a flood

	data     contract.DataVersion
	dataOK   contract.Verdict
	tested   contract.Verdict
	model    contract.ModelVersion
	approved contract.ComplianceStatus
}

// stopped is the error of a gate that ends the release for a reason of its own.
type stopped struct {
	outcome contract.Outcome
	reason  string
}

func (s stopped) Error() string { return s.reason }

// byVerdict tells that a gate stopped for a reason of its own and did not break.
func byVerdict(err error) bool {
	var s stopped
	return errors.As(err, &s)
}

func newRelease(ctx workflow.Context, in contract.ReleaseInput) (*releaseRun, error) {
	if in.RequestedBy == "" {
		return nil, fmt.Errorf("requested_by is empty: name who asks for the release")
	}
	in.Spec.SetDefaults() // a hand-written input may leave out what has a default
	if err := spec.ResolvedValidate(in.Spec); err != nil {
		return nil, fmt.Errorf("release spec: %w", err)
	}
	info := workflow.GetInfo(ctx)
	m := in.Spec.Model
	if want := contract.ReleaseID(m.Name, m.Version); info.WorkflowExecution.ID != want {
		return nil, fmt.Errorf("workflow id is %q: start this release with --workflow-id %s, which keeps it unique", info.WorkflowExecution.ID, want)
	}
	r := &releaseRun{in: in, key: contract.Key{Model: m.Name, Version: m.Version, Run: info.FirstRunID}, passed: map[string]bool{}}
	r.status = contract.ReleaseStatus{
		Model: m.Name, Version: m.Version, RequestedBy: in.RequestedBy,
		Outcome: contract.OutcomeRunning, Candidate: m.Artifact.Digest,
	}
	for _, g := range contract.Gates() {
		r.status.Gates = append(r.status.Gates, contract.GateReport{Gate: g, State: contract.GatePending})
	}
	r.inbox = inbox{key: r.key, scope: "release", handle: r.receive}
	return r, workflow.SetQueryHandlerWithOptions(ctx, contract.QueryStatus, r.query, workflow.QueryHandlerOptions{
		Description: "Where the release stands, gate by gate, and what is awaited.",
	})
}

func (r *releaseRun) query() (contract.ReleaseStatus, error) {
	s := r.status
	s.Messages = r.inbox.log
	if r.waiting != nil {
		s.Waiting = r.waiting()
	}
	return s, nil
}

func (r *releaseRun) run(ctx workflow.Context) (contract.ReleaseStatus, error) {
	if err := setAttributes(ctx, r.key, "start"); err != nil {
		return r.status, err
	}
	r.inbox.open(ctx)
	end := r.release(ctx)
	return r.finish(ctx, end)
}

// release passes the gates in order and returns why it stopped, or nil.
func (r *releaseRun) release(ctx workflow.Context) error {
	var err error
	r.claim, err = begin.do(ctx, contract.BeginInput{
		Key: r.key, RequestedBy: r.in.RequestedBy, Candidate: r.status.Candidate,
		WorkflowID: workflow.GetInfo(ctx).WorkflowExecution.ID,
	}, "claim "+r.key.Model)
	r.claimed, r.unsure = true, err != nil
	if err != nil {
		return err
	}
	if stage := r.claim.Released; stage != "" {
		return stopped{contract.OutcomeRefused, fmt.Sprintf("%s %s has been released before and is in stage %s: a version is released once; give the next model another version", r.key.Model, r.key.Version, stage)}
	}
	if !r.claim.Admitted {
		return stopped{contract.OutcomeRefused, fmt.Sprintf("%s is under way: wait for it to end or abort it, then start this release again", r.claim.Holder)}
	}
	steps := []func(workflow.Context) (contract.GateReport, error){
		r.fixAndValidate, r.test, r.register, r.comply, r.canary, r.production, r.monitor,
	}
	for i, step := range steps {
		if err := r.pass(ctx, i, step); err != nil {
			return err
		}
	}
	return nil
}

// pass runs one gate: it waits while paused, keeps the gate's record and notes it in the catalog.
func (r *releaseRun) pass(ctx workflow.Context, i int, step func(workflow.Context) (contract.GateReport, error)) error {
	gate := &r.status.Gates[i]
	if err := workflow.Await(ctx, func() bool { return !r.status.Paused || r.abort != nil }); err != nil {
		return err
	}
	if r.abort != nil {
		return r.aborted()
	}
	started := workflow.Now(ctx)
	gate.State, gate.Started = contract.GateRunning, &started
	if err := setAttributes(ctx, r.key, string(gate.Gate)); err != nil {
		return err
	}
	r.describe(ctx)
	gateCtx, cancel := workflow.WithCancel(ctx)
	r.cancel = cancel
	found, err := step(gateCtx)
	cancel()
	r.cancel, r.child, r.waiting = nil, nil, nil
	if r.abort != nil && err != nil && !byVerdict(err) {
		err = r.aborted()
	}
	ended := workflow.Now(ctx)
	gate.Ended, gate.Report, gate.Page, gate.JUnit, gate.Summary = &ended, found.Report, found.Page, found.JUnit, found.Summary
	gate.State = contract.GatePassed
	if err != nil {
		gate.State, gate.Summary = contract.GateStopped, reason(err)
	}
	r.describe(ctx)
	detached, done := workflow.NewDisconnectedContext(ctx)
	defer done()
	_, noted := noteGate.do(detached, contract.NoteGateInput{Key: r.key, Gate: *gate}, string(gate.Gate)+" "+string(gate.State))
	if err != nil {
		return err
	}
	return noted
}

func (r *releaseRun) aborted() error {
	return stopped{contract.OutcomeAborted, fmt.Sprintf("aborted by %s: %s", r.abort.By, r.abort.Reason)}
}

// finish undoes what a stopped release did, ends it in the catalog and settles all messages.
func (r *releaseRun) finish(ctx workflow.Context, end error) (contract.ReleaseStatus, error) {
	r.status.Outcome, r.status.Reason = outcome(ctx, end)
	if r.promoted() {
		r.status.Reason = strings.TrimPrefix(fmt.Sprintf("%s; %s %s is in production", r.status.Reason, r.key.Model, r.key.Version), "; ")
	}
	detached, done := workflow.NewDisconnectedContext(ctx)
	defer done()
	failed := r.undo(detached, end)
	r.inbox.settle(ctx)
	r.describe(detached)
	if err := setAttributes(detached, r.key, string(r.status.Outcome)); err != nil {
		return r.status, err
	}
	r.status.Messages = r.inbox.log
	switch {
	case failed != nil:
		return r.status, failed
	case end == nil:
		return r.status, nil
	case ctx.Err() != nil:
		return r.status, ctx.Err()
	}
	return r.status, temporal.NewApplicationErrorWithOptions(fmt.Sprintf("%s: %s", r.status.Outcome, r.status.Reason), contract.ErrGateFailed,
		temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{r.status}, Category: temporal.ApplicationErrorCategoryBenign})
}

// undo takes the candidate of a stopped release off the route and ends the release in the catalog.
func (r *releaseRun) undo(ctx workflow.Context, end error) error {
	if !r.claim.Admitted && !r.unsure {
		return nil
	}
	if r.claim.Admitted && end != nil && !r.promoted() {
		if _, err := rollBack.do(ctx, contract.RollBackInput{Key: r.key, By: "slipway", Reason: r.status.Reason}, "take the candidate off the route"); err != nil {
			r.status.Reason += "; the candidate was not taken off the route: " + reason(err)
		}
	}
	in := contract.FinishInput{Key: r.key, Outcome: r.status.Outcome, Reason: r.status.Reason, By: "slipway"}
	if r.unsure {
		_, _ = finish.within(time.Minute).do(ctx, in, "free a claim that may have been made") // fails where none was
		return nil
	}
	_, err := finish.do(ctx, in, string(r.status.Outcome))
	return err
}

// promoted tells that traffic and stages have moved: from there a later trouble no longer undoes the release.
func (r *releaseRun) promoted() bool {
	return r.gate(contract.GateCanary).State == contract.GatePassed
}

func (r *releaseRun) gate(name contract.Gate) *contract.GateReport {
	for i := range r.status.Gates {
		if r.status.Gates[i].Gate == name {
			return &r.status.Gates[i]
		}
	}
	panic("no gate " + name)
}

// outcome classifies why a release stopped. Whatever fails while it is being cancelled, fails because of that.
func outcome(ctx workflow.Context, end error) (contract.Outcome, string) {
	if end == nil {
		return contract.OutcomeProduction, ""
	}
	var s stopped
	if errors.As(end, &s) {
		return s.outcome, s.reason
	}
	if ctx.Err() != nil || temporal.IsCanceledError(end) {
		return contract.OutcomeAborted, "cancelled"
	}
	return contract.OutcomeFailed, reason(end)
}

func setAttributes(ctx workflow.Context, key contract.Key, stage string) error {
	return workflow.UpsertTypedSearchAttributes(ctx,
		temporal.NewSearchAttributeKeyKeyword(contract.AttributeModel).ValueSet(key.Model),
		temporal.NewSearchAttributeKeyKeyword(contract.AttributeVersion).ValueSet(key.Version),
		temporal.NewSearchAttributeKeyKeyword(contract.AttributeStage).ValueSet(stage))
}
