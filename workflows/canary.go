package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/slipway-ml/slipway/internal/canary"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/spec"
)

// Canary puts the candidate beside production, warm, and gives it traffic step
// by step. After each interval an analysis looks at both; harm rolls back at
// once, a step passes when its time is over and the candidate has answered
// enough. At the end the candidate becomes production by a pointer swap. A
// person can pause, resume, promote or abort at any moment; while paused the
// analysis goes on and can still roll back.
func Canary(ctx workflow.Context, in contract.CanaryInput) (contract.CanaryStatus, error) {
	c, err := newCanary(ctx, in)
	if err != nil {
		return contract.CanaryStatus{}, err
	}
	return c.run(ctx)
}

type canaryRun struct {
	in     contract.CanaryInput
	steps  []spec.Step
	inbox  inbox
	state  contract.CanaryState
	status *contract.CanaryStatus // in state
	order  *contract.Message      // promote or abort, once one is accepted
	mark   time.Time              // up to when the step's time is in state.WatchedMS
	cancel workflow.CancelFunc    // ends the warm-up
}

func newCanary(ctx workflow.Context, in contract.CanaryInput) (*canaryRun, error) {
	c := &canaryRun{in: in, steps: canary.Steps(in.Canary, in.Production != "")}
	if in.Resume != nil {
		c.state = *in.Resume
	} else {
		c.state.Status = contract.CanaryStatus{Phase: contract.CanaryWarming, Outcome: contract.OutcomeRunning, Steps: len(c.steps)}
	}
	c.status = &c.state.Status
	c.inbox = inbox{key: in.Key, scope: "canary", seq: c.state.Seq, log: c.status.Messages, known: in.Counted, handle: c.receive}
	return c, workflow.SetQueryHandlerWithOptions(ctx, contract.QueryStatus, c.query, workflow.QueryHandlerOptions{
		Description: "Step, weight, last analysis and what people sent.",
	})
}

func (c *canaryRun) query() (contract.CanaryStatus, error) {
	s := *c.status
	s.Messages = c.inbox.log
	return s, nil
}

func (c *canaryRun) run(ctx workflow.Context) (contract.CanaryStatus, error) {
	if err := setAttributes(ctx, c.in.Key, "canary"); err != nil {
		return *c.status, err
	}
	c.mark = workflow.Now(ctx)
	c.inbox.open(ctx)
	end := c.canary(ctx)
	if workflow.IsContinueAsNewError(end) {
		return *c.status, end
	}
	if end != nil {
		end = c.rollBack(ctx, end)
	}
	c.inbox.settle(ctx)
	c.describe(ctx)
	c.status.Messages = c.inbox.log
	return *c.status, end
}

// rollBack takes the candidate off the route. A canary that was stopped for a
// reason has done its work; any other error is the canary's own.
func (c *canaryRun) rollBack(ctx workflow.Context, end error) error {
	c.status.Outcome, c.status.Reason = outcome(ctx, end)
	detached, done := workflow.NewDisconnectedContext(ctx)
	defer done()
	route, err := rollBack.do(detached, contract.RollBackInput{Key: c.in.Key, By: "slipway", Reason: c.status.Reason}, "roll back")
	if err != nil {
		return err
	}
	c.status.Phase, c.status.Permille, c.status.RouteRev = contract.CanaryRolledBack, 0, route.Rev
	if byVerdict(end) {
		return nil
	}
	return end
}

// canary warms, steps and promotes; its error says why it must be rolled back.
func (c *canaryRun) canary(ctx workflow.Context) error {
	if c.in.Resume == nil {
		if err := c.warm(ctx); err != nil {
			return err
		}
	}
	for c.order == nil {
		if c.status.Step > 0 {
			if err := c.watch(ctx, c.steps[c.status.Step-1]); err != nil {
				return err
			}
			if c.order != nil || c.status.Step == len(c.steps) {
				break
			}
		}
		// No traffic moves while paused, the first step's neither.
		if err := workflow.Await(ctx, func() bool { return !c.state.Paused || c.order != nil }); err != nil {
			return err
		}
		if c.order != nil {
			break
		}
		if err := c.shift(ctx, c.status.Step); err != nil {
			return err
		}
	}
	if c.abort() {
		return c.aborted()
	}
	return c.promote(ctx)
}

// warm stages the candidate with no traffic, proves it on the accelerator's host and waits for every gateway.
// An abort ends the wait; an order to promote does not, since what is not warm can't serve.
func (c *canaryRun) warm(ctx workflow.Context) error {
	ctx, c.cancel = workflow.WithCancel(ctx)
	defer c.cancel()
	if c.abort() {
		return c.aborted()
	}
	err := c.load(ctx)
	if err != nil && c.abort() {
		return c.aborted()
	}
	return err
}

func (c *canaryRun) load(ctx workflow.Context) error {
	c.describe(ctx)
	route, err := stage.do(ctx, contract.StageInput{Key: c.in.Key, Digest: c.in.Candidate, By: c.in.RequestedBy}, "beside production, no traffic")
	if err != nil {
		return err
	}
	c.status.RouteRev, c.state.FirstRev = route.Rev, route.Rev
	patience := c.in.Canary.WarmUp.D()
	if _, err := warm.within(patience).do(ctx, contract.WarmInput{Key: c.in.Key, Model: c.in.Model, Data: c.in.Data}, "load and run on the device"); err != nil {
		return err
	}
	_, err = awaitReady.within(patience).do(ctx, contract.AwaitReadyInput{Key: c.in.Key, Digest: c.in.Candidate}, "every gateway has it warm")
	return err
}

// shift gives the step's share of the traffic.
func (c *canaryRun) shift(ctx workflow.Context, i int) error {
	step := c.steps[i]
	route, err := shift.do(ctx, contract.ShiftInput{Key: c.in.Key, Step: i + 1, Permille: step.Permille(), Rev: c.status.RouteRev, By: c.in.RequestedBy},
		fmt.Sprintf("%g %% to %s", step.Weight, c.in.Key.Version))
	if err != nil {
		return err
	}
	c.status.Step, c.status.Permille, c.status.RouteRev = i+1, step.Permille(), route.Rev
	if !c.state.Paused {
		c.status.Phase = contract.CanaryStepping
	}
	c.state.WatchedMS, c.mark = 0, workflow.Now(ctx)
	c.describe(ctx)
	return nil
}

// watch looks at a step until it passes or a person orders the end.
func (c *canaryRun) watch(ctx workflow.Context, step spec.Step) error {
	a := c.in.Canary.Analysis
	for {
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			if end := c.continueAsNew(ctx); end != nil {
				return end
			}
		}
		pause := a.Interval.D()
		if left := step.Duration.D() - c.watched(ctx); left > 0 && !c.state.Paused {
			pause = min(pause, left)
		}
		_, err := workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{Timeout: pause, TimerOptions: workflow.TimerOptions{Summary: fmt.Sprintf("watch step %d", c.status.Step)}},
			func() bool { return c.order != nil })
		if err != nil {
			return err
		}
		if c.order != nil {
			return nil
		}
		look, err := c.look(ctx)
		if err != nil {
			return err
		}
		switch over := c.watched(ctx) - step.Duration.D(); {
		case look.Verdict == contract.AnalysisFail:
			return stopped{contract.OutcomeRolledBack, look.Reason}
		case c.state.Paused || over < 0:
		case look.Verdict == contract.AnalysisPass:
			return nil
		case over >= a.HoldDeadline.D():
			return stopped{contract.OutcomeRolledBack, fmt.Sprintf("inconclusive after %s: %s", step.Duration.D()+a.HoldDeadline.D(), look.Reason)}
		default:
			c.status.Phase = contract.CanaryHolding
		}
		c.describe(ctx)
	}
}

// watched is how long the step has been watched, looks included, pauses left out.
func (c *canaryRun) watched(ctx workflow.Context) time.Duration {
	passed := workflow.Now(ctx).Sub(c.mark).Truncate(time.Millisecond)
	c.mark = c.mark.Add(passed)
	if !c.state.Paused {
		c.state.WatchedMS += passed.Milliseconds()
	}
	return time.Duration(c.state.WatchedMS) * time.Millisecond
}

// look analyses once. An analysis that can't be had now holds the step; it never moves traffic.
func (c *canaryRun) look(ctx workflow.Context) (contract.Analysis, error) {
	c.status.Looks++
	found, err := analyse.do(ctx, contract.AnalyseInput{
		Key: c.in.Key, SinceRev: c.status.RouteRev, FirstRev: c.state.FirstRev, Look: c.status.Looks,
		Analysis: c.in.Canary.Analysis, Baseline: c.in.Production != "",
	}, fmt.Sprintf("look %d at %d ‰", c.status.Looks, c.status.Permille))
	switch {
	case temporal.IsCanceledError(err):
		return found, err
	case err != nil:
		found = contract.Analysis{Verdict: contract.AnalysisHold, Reason: "no analysis: " + reason(err), Look: c.status.Looks}
	}
	c.status.Last = &found
	return found, nil
}

func (c *canaryRun) promote(ctx workflow.Context) error {
	c.status.Phase = contract.CanaryPromoting
	why := "passed all steps"
	by := "slipway"
	if c.order != nil {
		by, why = c.order.By, "promoted by "+c.order.By+": "+c.order.Reason
	}
	route, err := promote.do(ctx, contract.PromoteInput{Key: c.in.Key, Rev: c.status.RouteRev, By: by, Reason: why}, "pointer swap")
	if err != nil {
		return err
	}
	c.status.RouteRev, c.status.Permille, c.status.Phase = route.Rev, 1000, contract.CanaryPromoted
	c.status.Outcome = contract.OutcomeProduction
	c.status.Reason = why
	if c.status.Last != nil {
		c.status.Reason = fmt.Sprintf("%s; %s", why, c.status.Last.Reason)
	}
	return nil
}

// continueAsNew carries the state into a new run. It is nil when a person has
// ordered the end while the messages were settled: an order is not carried over.
func (c *canaryRun) continueAsNew(ctx workflow.Context) error {
	c.inbox.settle(ctx)
	if c.order != nil {
		return nil
	}
	c.watched(ctx)
	c.state.Seq, c.status.Messages = c.inbox.seq, c.inbox.log
	next := c.in
	next.Resume = &c.state
	return workflow.NewContinueAsNewError(ctx, contract.WorkflowCanary, next)
}

func (c *canaryRun) describe(ctx workflow.Context) {
	last := "no analysis yet"
	if l := c.status.Last; l != nil {
		last = fmt.Sprintf("look %d: **%s**, %s\n\n| | requests | errors | latency ms |\n| --- | --- | --- | --- |\n| candidate | %d | %d | %.2f |\n| production | %d | %d | %.2f |",
			l.Look, l.Verdict, cell(l.Reason), l.Candidate.Requests, l.Candidate.Errors, l.Candidate.LatencyMS, l.Baseline.Requests, l.Baseline.Errors, l.Baseline.LatencyMS)
	}
	workflow.SetCurrentDetails(ctx, fmt.Sprintf("**%s %s**: **%s**, step %d of %d, %g %% of the traffic\n\n%s\n\n%s",
		c.in.Key.Model, c.in.Key.Version, c.status.Phase, c.status.Step, len(c.steps), float64(c.status.Permille)/10, last, c.status.Reason))
}
