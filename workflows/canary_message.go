package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/slipway-ml/slipway/internal/contract"
)

// What people send to a canary.

func (c *canaryRun) receive(ctx workflow.Context, name string, raw []byte) *contract.Message {
	if name == contract.SignalDecide {
		m := ignored(ctx, name, raw, "no approval is awaited now")
		return &m
	}
	m := c.inbox.judge(ctx, c.in.Approvals, c.in.RequestedBy, name, raw, c.in.AllowUnverified)
	if m.Accepted {
		c.watched(ctx) // the step's time until now is as it was before the message
		c.steer(&m)
	}
	c.describe(ctx)
	return &m
}

// steer does what an authorised message asks for.
func (c *canaryRun) steer(m *contract.Message) {
	switch {
	case c.order != nil || c.status.Outcome != contract.OutcomeRunning || c.status.Phase == contract.CanaryPromoting:
		m.Accepted, m.Why = false, "the canary's end is decided"
	case m.Name == contract.SignalPause:
		c.state.Paused, c.status.Phase = true, contract.CanaryPaused
	case m.Name == contract.SignalResume && c.state.Paused:
		c.state.Paused, c.status.Phase = false, contract.CanaryStepping
		if c.status.Step == 0 {
			c.status.Phase = contract.CanaryWarming
		}
	case m.Name == contract.SignalResume:
		m.Accepted, m.Why = false, "the canary is not paused"
	default:
		c.order = m
		if m.Name == contract.SignalAbort && c.cancel != nil {
			c.cancel()
		}
	}
}

// abort tells that a person has ordered the candidate back.
func (c *canaryRun) abort() bool {
	return c.order != nil && c.order.Name == contract.SignalAbort
}

func (c *canaryRun) aborted() error {
	return stopped{contract.OutcomeAborted, fmt.Sprintf("aborted by %s: %s", c.order.By, c.order.Reason)}
}
