package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/control/controlclient"
)

// queryPatience bounds one query; it is answered by a worker, which may be down.
const queryPatience = 5 * time.Second

// view is all that is known of a release: its own status and that of the child at work.
type view struct {
	contract.ReleaseStatus
	Compliance *contract.ComplianceStatus `json:"compliance,omitempty"`
	Canary     *contract.CanaryStatus     `json:"canary,omitempty"`
	// Source is "workflow", or "catalog" when the workflow is gone or no worker answers.
	Source string `json:"source"`
}

// Sources of a view.
const (
	fromWorkflow = "workflow"
	fromCatalog  = "catalog"
)

// gate is what is known of one gate; pending when nothing is.
func (v view) gate(name contract.Gate) contract.GateReport {
	for _, g := range v.Gates {
		if g.Gate == name {
			return g
		}
	}
	return contract.GateReport{Gate: name, State: contract.GatePending}
}

// query asks a workflow for its status.
func query[T any](ctx context.Context, c client.Client, id string) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, queryPatience)
	defer cancel()
	var status T
	answer, err := c.QueryWorkflow(ctx, id, "", contract.QueryStatus)
	if err != nil {
		return status, fmt.Errorf("query %s: %w", id, err)
	}
	if err := answer.Get(&status); err != nil {
		return status, fmt.Errorf("read the status of %s: %w", id, err)
	}
	return status, nil
}

// readView asks the release and the children that have begun.
func readView(ctx context.Context, c client.Client, name releaseName) (view, error) {
	status, err := query[contract.ReleaseStatus](ctx, c, name.id())
	if err != nil {
		return view{}, err
	}
	v := view{ReleaseStatus: status, Source: fromWorkflow}
	if g := v.gate(contract.GateCompliance); g.State != contract.GatePending {
		child, err := query[contract.ComplianceStatus](ctx, c, contract.ComplianceID(name.model, name.version))
		if err == nil && ofThisAttempt(g, child.Outcome) {
			v.Compliance = &child
		}
	}
	if g := v.gate(contract.GateCanary); g.State != contract.GatePending {
		child, err := query[contract.CanaryStatus](ctx, c, contract.CanaryID(name.model, name.version))
		if err == nil && ofThisAttempt(g, child.Outcome) {
			v.Canary = &child
		}
	}
	return v, nil
}

// ofThisAttempt tells whether a child's status speaks of the attempt that g
// belongs to: until the gate's child has started, its id still finds the child of the attempt before, which has ended.
func ofThisAttempt(g contract.GateReport, child contract.Outcome) bool {
	return g.State != contract.GateRunning || child == contract.OutcomeRunning
}

// catalogView is a release as the catalog has it.
func catalogView(r controlclient.Release) (view, error) {
	v := view{Source: fromCatalog, ReleaseStatus: contract.ReleaseStatus{
		Model: r.Model, Version: r.Version, RequestedBy: r.RequestedBy,
		Outcome: contract.Outcome(r.Outcome), Reason: r.Reason, Candidate: r.Candidate,
	}}
	var noted []contract.GateReport
	if len(r.Gates) > 0 {
		if err := json.Unmarshal(r.Gates, &noted); err != nil {
			return v, fmt.Errorf("read the gates of release %s/%s: %w", r.Model, r.Version, err)
		}
	}
	known := view{ReleaseStatus: contract.ReleaseStatus{Gates: noted}}
	for _, name := range contract.Gates() {
		v.Gates = append(v.Gates, known.gate(name))
	}
	return v, nil
}

// view reads a release from its workflow, or from the catalog when the workflow
// is gone or nobody answers for it; why tells which.
func (a *app) view(ctx context.Context, name releaseName) (v view, why error, err error) {
	v, why = a.workflowView(ctx, name)
	if why == nil || ctx.Err() != nil {
		return v, nil, ctx.Err()
	}
	c, err := a.control()
	if err != nil {
		return v, nil, why
	}
	r, err := c.Release(ctx, name.model, name.version)
	if controlclient.IsNotFound(err) && isGone(why) {
		return v, nil, fmt.Errorf("release %s does not exist: `slipway release list` shows those that do", name)
	}
	if err != nil {
		return v, nil, errors.Join(why, err)
	}
	v, err = catalogView(r)
	return v, why, err
}

func (a *app) workflowView(ctx context.Context, name releaseName) (view, error) {
	c, err := a.temporal(ctx)
	if err != nil {
		return view{}, err
	}
	defer c.Close()
	return readView(ctx, c, name)
}

// isGone tells whether Temporal knows no such workflow, or no running one to signal.
func isGone(err error) bool {
	var gone *serviceerror.NotFound
	return errors.As(err, &gone)
}
