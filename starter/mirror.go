package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/slipway-ml/slipway/internal/control/controlclient"
)

func mirrorCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "mirror", Short: "Show and steer the writing of runs to another MLflow server", Example: "  slipway mirror show",
		Args: cobra.ArbitraryArgs, RunE: group,
	}
	cmd.AddCommand(mirrorShowCommand(a), mirrorRetryCommand(a), mirrorStopCommand(a))
	return cmd
}

func mirrorShowCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Show how far it is, and which runs are not there as a whole",
		Long: `Shows how many runs are still to be sent, and the troubles: runs that are failing
(tried again by themselves), set aside (nothing is tried until 'slipway mirror retry'),
or there but for items that the other server refused.`,
		Example: `  slipway mirror show
  slipway mirror show -o json`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runMirrorShow(cmd.Context()) },
	}
}

// mirror reads how far the mirror is.
func (a *app) mirror(ctx context.Context) (*controlclient.Client, controlclient.Mirror, error) {
	c, err := a.control()
	if err != nil {
		return nil, controlclient.Mirror{}, err
	}
	m, err := c.Mirror(ctx)
	if controlclient.IsNotFound(err) {
		err = fmt.Errorf("runs are not mirrored: start slipwayd with --mirror")
	}
	return c, m, err
}

func (a *app) runMirrorShow(ctx context.Context) error {
	_, m, err := a.mirror(ctx)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(m)
	}
	count := func(n int64) string { return strconv.FormatInt(n, 10) }
	pairs(a.stdout, "server", m.Target, "since", when(m.Since), "runs", count(m.Runs), "pending", count(m.Pending), "waiting since", when(m.Waiting),
		"failing", count(m.Failing), "set aside", count(m.Aside), "refused in part", count(m.Refused))
	if len(m.Troubles) == 0 {
		return nil
	}
	fmt.Fprintln(a.stdout)
	var rows [][]string
	for _, t := range m.Troubles {
		if t.Error != "" || len(t.Refused) == 0 {
			rows = append(rows, []string{t.Run, t.State, when(t.RetryAt), "", t.Error})
		}
		for _, r := range t.Refused {
			rows = append(rows, []string{t.Run, "refused", "", r.Kind + " " + r.Key, r.Reason})
		}
	}
	a.table([]string{"RUN", "STATE", "TRIED AGAIN", "ITEM", "WHY"}, rows)
	return nil
}

func mirrorRetryCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "retry [RUN]",
		Short: "Try again what was set aside or refused, of one run or of all",
		Example: `  slipway mirror retry
  slipway mirror retry 0af1c2d3e4f5061728394a5b6c7d8e9f`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			run := ""
			if len(args) > 0 {
				run = args[0]
			}
			return a.runMirrorRetry(cmd.Context(), run)
		},
	}
}

func (a *app) runMirrorRetry(ctx context.Context, run string) error {
	c, _, err := a.mirror(ctx)
	if err != nil {
		return err
	}
	m, err := a.move("")
	if err != nil {
		return err
	}
	n, err := c.RetryMirror(ctx, run, m)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(map[string]int64{"runs": n})
	}
	fmt.Fprintf(a.stdout, "%d runs are tried again\n", n)
	return nil
}

func mirrorStopCommand(a *app) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "stop",
		Short: "Mirror runs no longer, and forget what was still to be sent",
		Long: `Ends the mirror for good: changes of runs are noted no longer, and what was pending
is forgotten. First start every control role without --mirror; a role that has it begins anew.
What is on the other server stays there.`,
		Example: `  slipway mirror stop --reason "moved to another server"`,
		Args:    takes(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.runMirrorStop(cmd.Context(), reason) },
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit log")
	return cmd
}

func (a *app) runMirrorStop(ctx context.Context, reason string) error {
	c, was, err := a.mirror(ctx)
	if err != nil {
		return err
	}
	m, err := a.move(reason)
	if err != nil {
		return err
	}
	if err := c.StopMirror(ctx, m); err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(was)
	}
	fmt.Fprintf(a.stdout, "runs are no longer mirrored to %s; %d were pending\n", clean(was.Target), was.Pending)
	return nil
}
