package main

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
)

// lookEvery is how often what is watched is asked for its status.
const lookEvery = 500 * time.Millisecond

// screen shows what is being watched.
type screen[V any] interface {
	// update shows how it stands now.
	update(v V)
	// note tells of a trouble with the watching itself.
	note(text string)
	// close leaves what was shown last on the screen.
	close()
}

// watching is a workflow that returns an S and is shown as a V.
type watching[S, V any] struct {
	client  client.Client
	id, run string
	screen  screen[V]
	// read asks how it stands; that takes a worker.
	read func(context.Context) (V, error)
	// ended is how it stands at its end, which the workflow's result or error tells, or why that
	// can't be told. Last is what was read last.
	ended func(last V, result S, end error) (V, error)
}

// await waits for the workflow's end. That Temporal can't be asked for a while is no end.
func (w watching[S, V]) await(ctx context.Context, result *S) error {
	for {
		err := w.client.GetWorkflow(ctx, w.id, w.run).Get(ctx, result)
		if !away(err) || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}

// away tells that a call did not get through to Temporal, or its answer not back; a workflow that timed out is something else.
func away(err error) bool {
	var outcome *temporal.WorkflowExecutionError
	if err == nil || errors.As(err, &outcome) {
		return false
	}
	var late *serviceerror.DeadlineExceeded
	var down *serviceerror.Unavailable
	var busy *serviceerror.ResourceExhausted
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &late) || errors.As(err, &down) || errors.As(err, &busy)
}

// follow shows the workflow until it ends, and tells how it ended and with which error of its own.
func (w watching[S, V]) follow(ctx context.Context, last V) (v V, end, err error) {
	ended := make(chan error, 1)
	var result S
	go func() { ended <- w.await(ctx, &result) }()
	defer w.screen.close()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	told := false
	for {
		v, err := w.read(ctx)
		switch {
		case err == nil:
			last, told = v, false
			w.screen.update(v)
		case !told && !isGone(err) && ctx.Err() == nil:
			w.screen.note(err.Error())
			told = true
		}
		select {
		case <-ctx.Done():
			return last, nil, ctx.Err()
		case end := <-ended:
			if ctx.Err() != nil {
				return last, nil, ctx.Err()
			}
			v, err := w.ended(last, result, end)
			if err == nil {
				w.screen.update(v)
			}
			return v, end, err
		case <-tick.C:
		}
	}
}
