package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/governance"
)

// What people send to a release.

// receive judges a message to the release, or hands it to the child that it is for.
func (r *releaseRun) receive(ctx workflow.Context, name string, raw []byte) *contract.Message {
	_ = workflow.Await(ctx, func() bool { return r.claimed })
	if r.child != nil {
		if why := r.surplus(ctx, name, raw); why != "" {
			m := ignored(ctx, name, raw, why)
			return &m
		}
		if r.forward(ctx, name, raw) {
			return nil
		}
	}
	if name == contract.SignalDecide {
		m := ignored(ctx, name, raw, "no approval is awaited now")
		return &m
	}
	m := r.inbox.judge(ctx, r.in.Spec.Approvals, r.in.RequestedBy, name, raw, r.claim.AllowUnverified)
	if m.Accepted {
		r.steer(&m)
	}
	r.describe(ctx)
	return &m
}

// steer does what an authorised control message asks for.
func (r *releaseRun) steer(m *contract.Message) {
	switch {
	case r.status.Outcome != contract.OutcomeRunning:
		m.Accepted, m.Why = false, "the release has ended"
	case m.Name == contract.SignalAbort && r.promoted():
		m.Accepted, m.Why = false, r.key.Version+" is in production: to go back, release the version before it again under a new number"
	case m.Name == contract.SignalAbort:
		r.abort = m
		if r.cancel != nil {
			r.cancel()
		}
	case m.Name == contract.SignalPause:
		r.status.Paused = true
	case m.Name == contract.SignalResume && r.status.Paused:
		r.status.Paused = false
	case m.Name == contract.SignalResume:
		m.Accepted, m.Why = false, "the release is not paused"
	case m.Name == contract.SignalPromote:
		m.Accepted, m.Why = false, "no canary is under way to promote"
	}
}

// surplus tells why a message of a flood is not handed on: only what can count is, and once.
func (r *releaseRun) surplus(ctx workflow.Context, name string, raw []byte) string {
	if !r.inbox.flooded(ctx) {
		return ""
	}
	a, release, id := r.in.Spec.Approvals, contract.ReleaseID(r.key.Model, r.key.Version), ""
	if name == contract.SignalDecide {
		d, err := governance.DecodeDecision(raw)
		if err != nil {
			return err.Error()
		}
		if ok, why, _ := governance.NewTally(a, r.in.RequestedBy, release, r.status.Candidate, r.claim.AllowUnverified).Consider(d); !ok {
			return why
		}
		id = d.ID
	} else {
		c, err := governance.DecodeControl(raw)
		if err != nil {
			return err.Error()
		}
		if ok, why, _ := governance.AuthorizeControl(a, r.in.RequestedBy, release, name, c, r.claim.AllowUnverified); !ok {
			return why
		}
		id = c.ID
	}
	if r.passed[id] {
		return "a message with this id has been handed on already"
	}
	r.passed[id] = true
	return ""
}

// forward hands the raw message to the running child; false when it is not one for it.
func (r *releaseRun) forward(ctx workflow.Context, name string, raw []byte) bool {
	inCanary := r.gate(contract.GateCanary).State == contract.GateRunning
	if (name == contract.SignalDecide) == inCanary || len(raw) > governance.MaxMessage {
		return false
	}
	if c, err := governance.DecodeControl(raw); err == nil && r.inbox.counted(c.ID) {
		return false
	}
	return r.child.SignalChildWorkflow(ctx, name, rawJSON(raw)).Get(ctx, nil) == nil
}
