package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// ModelRollbackOptions are the flags of model rollback.
type ModelRollbackOptions struct {
	// To is the version to go back to; empty is the one before.
	To     string
	Reason string
}

func modelRollbackCommand(a *app) *cobra.Command {
	var o ModelRollbackOptions
	cmd := &cobra.Command{
		Use:   "rollback NAME --reason TEXT",
		Short: "Put the version that was in production before there again",
		Long: `Puts the version that was in production before the last promotion there again:
its stage, the alias "production" and the requests move at once, as in a
promotion. Gateways keep that version warm. With --to it is any version that a
release has put into production before; gateways load it, and answer with the
one that is there until it is ready.

The version that leaves is archived. A second rollback in a row is refused
rather than bringing it back; --to does. While a release has a canary on the
model, abort that release first.`,
		Example: `  slipway model rollback credit-risk --reason "complaints about refusals"
  slipway model rollback credit-risk --to 1.1.0 --reason "it was not the model"`,
		Args: takes("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runModelRollback(cmd.Context(), args[0], o) },
	}
	cmd.Flags().StringVar(&o.To, "to", "", "version to go back to; default: the one before")
	cmd.Flags().StringVar(&o.Reason, "reason", "", "why; goes on record")
	return cmd
}

func (a *app) runModelRollback(ctx context.Context, name string, o ModelRollbackOptions) error {
	if strings.TrimSpace(o.Reason) == "" {
		return usagef("--reason is missing: say why, it goes on record")
	}
	c, m, err := a.moving(o.Reason)
	if err != nil {
		return err
	}
	now, err := c.Models(ctx, name, "production", 1)
	if err != nil {
		return err
	}
	if len(now) == 0 {
		return fmt.Errorf("no version of model %s is in production", clean(name))
	}
	m.Version, m.Expect = o.To, &now[0].Version
	route, err := c.RollBack(ctx, name, m)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(route)
	}
	if route.Stable == now[0].Version {
		fmt.Fprintf(a.stdout, "%s is in production already\n", clean(name+"@"+route.Stable))
		return nil
	}
	fmt.Fprintf(a.stdout, "%s is in production again, in place of %s\n", clean(name+"@"+route.Stable), clean(now[0].Version))
	return nil
}
