package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/slipway-ml/slipway/internal/contract"
)

func watchCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "watch MODEL/VERSION",
		Short: "Watch a release to its end",
		Long: `Draws the gates on a terminal; elsewhere prints a line for each change, with
-o json one JSON document. Ends with the release: exit code 0 if it is in
production, 3 if a gate or a person stopped it, 4 if the canary rolled it back.
Ctrl-C ends the watching, never the release.`,
		Example: "  slipway release watch credit-risk/1.1.0",
		Args:    takes("MODEL/VERSION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := parseName(args[0])
			if err != nil {
				return err
			}
			return a.withTemporal(cmd.Context(), func(c client.Client) error { return a.watch(cmd.Context(), c, name, "") })
		},
	}
}

func (a *app) screen() screen[view] {
	switch {
	case a.json():
		return &documents{app: a}
	case a.terminal(a.stdout):
		return newDrawing(a.stdout, a.colored())
	}
	return &lines{out: a.stdout, errors: a.stderr}
}

// watch shows a release until it ends. What it shows comes from queries, which
// need a worker; that it has ended, from the workflow's result.
func (a *app) watch(ctx context.Context, c client.Client, name releaseName, run string) error {
	w := watching[contract.ReleaseStatus, view]{
		client: c, id: name.id(), run: run, screen: a.screen(),
		read: func(ctx context.Context) (view, error) {
			v, err := readView(ctx, c, name)
			if err != nil {
				err = fmt.Errorf("no worker answers (is slipwayd running?); still watching: %w", err)
			}
			return v, err
		},
		ended: func(last view, result contract.ReleaseStatus, end error) (view, error) {
			return a.ended(ctx, name, last, result, end)
		},
	}
	v, _, err := w.follow(ctx, view{})
	if err != nil {
		return err
	}
	return a.conclude(v)
}

// ended is how the release stands at its end; an error when that was no end of its own making.
func (a *app) ended(ctx context.Context, name releaseName, last view, result contract.ReleaseStatus, err error) (view, error) {
	last.Source = fromWorkflow
	var failed *temporal.ApplicationError
	switch {
	case err == nil:
		last.ReleaseStatus = result
	case isGone(err): // its history is past retention
		v, _, err := a.view(ctx, name)
		return v, err
	case errors.As(err, &failed) && failed.Type() == contract.ErrGateFailed && failed.HasDetails():
		if err := failed.Details(&last.ReleaseStatus); err != nil {
			return last, fmt.Errorf("read how release %s ended: %w", name, err)
		}
	case temporal.IsCanceledError(err):
		last.Outcome, last.Reason = contract.OutcomeAborted, "the workflow was cancelled"
	case failed != nil:
		return last, fmt.Errorf("release %s failed: %s", name, clean(failed.Message()))
	default: // terminated, timed out or reset: the workflow had no say
		return last, fmt.Errorf("the workflow of release %s was ended from outside; what it did is not undone (slipway release start tries again): %w", name, err)
	}
	return last, nil
}

// conclude tells the outcome and turns it into the exit code.
func (a *app) conclude(v view) error {
	if !a.json() {
		outcome := string(v.Outcome)
		if a.colored() {
			outcome = paint(outcome)
		}
		fmt.Fprintf(a.stdout, "%s/%s: %s: %s\n", v.Model, v.Version, outcome, clean(v.Reason))
	}
	return outcomeError(v.Outcome)
}

// documents prints each change as one line of JSON.
type documents struct {
	app  *app
	last view
	any  bool
}

func (d *documents) update(v view) {
	if d.any && v.Outcome == d.last.Outcome && len(changes(d.last, v)) == 0 {
		return
	}
	d.last, d.any = v, true
	_ = d.app.printLine(v) // a closed pipe ends the program by itself
}

func (d *documents) note(text string) { fmt.Fprintln(d.app.stderr, "slipway: "+clean(text)) }

func (d *documents) close() {}
