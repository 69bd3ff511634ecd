package workflows

import (
	"errors"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/slipway-ml/slipway/internal/contract"
)

// The gates of a release, one method each. A gate returns what it found and,
// when it ends the release, a stopped error.

func (r *releaseRun) fixAndValidate(ctx workflow.Context) (contract.GateReport, error) {
	fixed, err := fixData.do(ctx, contract.FixDataInput{Key: r.key, Data: r.in.Spec.Data, By: r.in.RequestedBy}, "fix the data version")
	if err != nil {
		return contract.GateReport{}, err
	}
	r.data, r.in.Spec.Data = fixed.DataVersion, fixed.Resolve(r.in.Spec.Data)
	r.status.DataVersion = r.data.Digest
	r.dataOK, err = validateData.do(ctx, contract.ValidateDataInput{Key: r.key, Data: r.in.Spec.Data, Version: r.data}, "validate against the schema")
	return verdict(r.dataOK, err)
}

func (r *releaseRun) test(ctx workflow.Context) (contract.GateReport, error) {
	var err error
	s := r.in.Spec
	r.tested, err = testModel.do(ctx, contract.TestModelInput{
		Key: r.key, Model: s.Model, Data: s.Data, Tests: s.Tests,
		Production: r.claim.Production, ProductionDigest: r.claim.ProductionDigest, DataDigest: r.data.Digest,
	}, "model tests C1-C4")
	return verdict(r.tested, err)
}

func (r *releaseRun) register(ctx workflow.Context) (contract.GateReport, error) {
	var err error
	evidence := []contract.Evidence{
		{Suite: contract.SuiteData, Passed: r.dataOK.Passed, Report: r.dataOK.Report},
		{Suite: contract.SuiteModel, Passed: r.tested.Passed, Report: r.tested.Report},
	}
	if card := r.tested.Report.Card; card != "" {
		evidence = append(evidence, contract.Evidence{Suite: contract.SuiteModelCard, Passed: true, Report: contract.Report{Digest: card}})
	}
	r.model, err = register.do(ctx, contract.RegisterInput{
		Key: r.key, Model: r.in.Spec.Model, Data: r.data, Metrics: r.tested.Metrics, RequestedBy: r.in.RequestedBy,
		Quality: r.dataOK.Metrics, Sensitive: r.in.Spec.Data.Sensitive, Watched: &r.in.Spec.Data, Evidence: evidence,
	}, "register, stage staging")
	r.status.ModelID = r.model.ID
	return contract.GateReport{Summary: fmt.Sprintf("registered as number %d, stage staging", r.model.Number)}, err
}

func (r *releaseRun) comply(ctx workflow.Context) (contract.GateReport, error) {
	s := r.in.Spec
	ctx = r.childOptions(ctx, contract.ComplianceID(r.key.Model, r.key.Version), "policies and approvals")
	r.child = workflow.ExecuteChildWorkflow(ctx, contract.WorkflowCompliance, contract.ComplianceInput{
		Key: r.key, RequestedBy: r.in.RequestedBy, Candidate: r.status.Candidate, ModelID: r.model.ID,
		Policies: s.Policies, Approvals: s.Approvals, Documents: s.Model.Documents,
		Metrics: r.tested.Metrics, Quality: r.dataOK.Metrics, AllowUnverified: r.claim.AllowUnverified,
	})
	if s.Approvals.Required > 0 {
		r.gate(contract.GateCompliance).State = contract.GateWaiting
		r.waiting = func() string { return awaitApproval(r.in.Spec.Approvals, r.key, r.status.Candidate) }
	}
	r.describe(ctx)
	err := r.child.Get(ctx, &r.approved)
	found := contract.GateReport{Summary: r.approved.Reason, Report: r.approved.Report.Digest, Page: r.approved.Report.Page}
	if err == nil && r.approved.Outcome != contract.OutcomeProduction {
		err = stopped{r.approved.Outcome, r.approved.Reason}
	}
	return found, err
}

func (r *releaseRun) canary(ctx workflow.Context) (contract.GateReport, error) {
	s := r.in.Spec
	ctx = r.childOptions(ctx, contract.CanaryID(r.key.Model, r.key.Version), "shift traffic step by step")
	r.child = workflow.ExecuteChildWorkflow(ctx, contract.WorkflowCanary, contract.CanaryInput{
		Key: r.key, RequestedBy: r.in.RequestedBy, Candidate: r.status.Candidate, Production: r.claim.Production,
		Canary: s.Canary, Approvals: s.Approvals, AllowUnverified: r.claim.AllowUnverified, Model: s.Model, Data: s.Data,
		Counted: r.inbox.ids(),
	})
	r.describe(ctx)
	var ended contract.CanaryStatus
	err := r.child.Get(ctx, &ended)
	found := contract.GateReport{Summary: ended.Reason}
	if err == nil && ended.Outcome != contract.OutcomeProduction {
		err = stopped{ended.Outcome, ended.Reason}
	}
	return found, err
}

func (r *releaseRun) production(ctx workflow.Context) (contract.GateReport, error) {
	out, err := confirm.within(r.in.Spec.Canary.WarmUp.D()).do(ctx, contract.ConfirmInput{
		Key: r.key, Digest: r.status.Candidate, Previous: r.claim.Production,
	}, "confirm what serves")
	return contract.GateReport{Summary: out.Summary}, err
}

func (r *releaseRun) monitor(ctx workflow.Context) (contract.GateReport, error) {
	m := r.in.Spec.Monitor
	_, err := ensureSchedule.do(ctx, contract.MonitorScheduleInput{Key: r.key, Monitor: m, Data: r.in.Spec.Data, Digest: r.status.Candidate}, "schedule "+contract.MonitorID(r.key.Model))
	return contract.GateReport{Summary: fmt.Sprintf("watched every %s by schedule %s", m.Interval, contract.MonitorID(r.key.Model))}, err
}

// childOptions lets a terminated or cancelled release end its child with clean-up, and waits for that.
func (r *releaseRun) childOptions(ctx workflow.Context, id, summary string) workflow.Context {
	return workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            id,
		TaskQueue:             contract.QueueControl,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_REQUEST_CANCEL,
		WaitForCancellation:   true,
		StaticSummary:         fmt.Sprintf("%s %s: %s", r.key.Model, r.key.Version, summary),
	})
}

// verdict turns an activity's finding into a gate's.
func verdict(v contract.Verdict, err error) (contract.GateReport, error) {
	found := contract.GateReport{Summary: v.Summary, Report: v.Report.Digest, Page: v.Report.Page, JUnit: v.Report.JUnit}
	if err == nil && !v.Passed {
		err = stopped{contract.OutcomeFailed, v.Summary}
	}
	return found, err
}

// reason is the sentence of an error that people should read: that of the
// activity itself, without the layers Temporal put around it.
func reason(err error) string {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return app.Message()
	}
	var timeout *temporal.TimeoutError
	if errors.As(err, &timeout) {
		return "timed out: is a worker for this queue running? " + timeout.Error()
	}
	return err.Error()
}
