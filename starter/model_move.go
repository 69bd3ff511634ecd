package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipway-ml/slipway/internal/control/controlclient"
)

// ModelMoveOptions are the flags of the commands that move something of a model.
type ModelMoveOptions struct {
	Reason string
	// Override moves a protected alias.
	Override bool
	// Protect and Unprotect set the protection of an alias.
	Protect, Unprotect bool
	// Expect is the version in production that the caller saw.
	Expect string
	// Any takes the place of whatever is in production.
	Any bool
}

// move is a move by the user.
func (a *app) move(reason string) (controlclient.Move, error) {
	who, err := a.user()
	return controlclient.Move{Actor: who, Reason: reason, Key: newID()}, err
}

// moving is a move by the user and who is to be told of it.
func (a *app) moving(reason string) (*controlclient.Client, controlclient.Move, error) {
	m, err := a.move(reason)
	if err != nil {
		return nil, m, err
	}
	c, err := a.control()
	return c, m, err
}

func modelPromoteCommand(a *app) *cobra.Command {
	var o ModelMoveOptions
	cmd := &cobra.Command{
		Use:   "promote NAME@VERSION",
		Short: "Put a version of a model that is not released through Slipway into production",
		Long: `Puts a version into production: its stage, the stage of the version before it,
which is archived, and the alias "production" move at once. Without --expect
it takes the place of what is in production as this command reads it; if another promotion comes
between, this one is refused and names the winner.

A model that Slipway releases is promoted by its releases only: see 'slipway release start'.`,
		Example: `  slipway model promote churn@3 --reason "better on the holdout"
  slipway model promote churn@3 --expect 2`,
		Args: takes("NAME@VERSION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runModelPromote(cmd.Context(), args[0], o, cmd.Flags().Changed("expect"))
		},
	}
	cmd.Flags().StringVar(&o.Reason, "reason", "", "why, for the audit log")
	cmd.Flags().StringVar(&o.Expect, "expect", "", `the version that you saw in production, "" for none; default: what is there now`)
	cmd.Flags().BoolVar(&o.Any, "any", false, "take the place of whatever is in production by then")
	return cmd
}

func (a *app) runModelPromote(ctx context.Context, arg string, o ModelMoveOptions, expects bool) error {
	if o.Any && expects {
		return usagef("--any and --expect say different things")
	}
	return a.stageMove(ctx, arg, o.Reason, func(c *controlclient.Client, ref modelRef, m *controlclient.Move) error {
		m.Stage = "production"
		switch {
		case o.Any:
		case expects:
			m.Expect = &o.Expect
		default:
			now, err := c.Models(ctx, ref.name, "production", 1)
			if err != nil {
				return err
			}
			seen := ""
			if len(now) > 0 {
				seen = now[0].Version
			}
			m.Expect = &seen
		}
		return nil
	})
}

func modelStageCommand(a *app) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "stage NAME@VERSION none|staging|archived|rejected",
		Short: "Move a version to another stage",
		Long:  "Moves a version to a stage. Production is left only where no release governs the model; it is entered with 'slipway model promote'.",
		Example: `  slipway model stage churn@3 staging
  slipway model stage churn@2 archived --reason "superseded"`,
		Args: takes("NAME@VERSION", "STAGE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.stageMove(cmd.Context(), args[0], reason, func(_ *controlclient.Client, _ modelRef, m *controlclient.Move) error {
				if args[1] == "production" {
					return usagef("a version enters production with 'slipway model promote'")
				}
				m.Stage = args[1]
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit log")
	return cmd
}

// stageMove sends a move of a stage that fill completes.
func (a *app) stageMove(ctx context.Context, arg, reason string, fill func(*controlclient.Client, modelRef, *controlclient.Move) error) error {
	ref, err := parseModel(arg)
	if err != nil {
		return err
	}
	c, m, err := a.moving(reason)
	if err != nil {
		return err
	}
	if err := fill(c, ref, &m); err != nil {
		return err
	}
	now, err := c.MoveStage(ctx, ref.name, ref.version, m)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(now)
	}
	fmt.Fprintf(a.stdout, "%s is in stage %s\n", clean(now.Name+"@"+now.Version), now.Stage)
	return nil
}

func modelAliasCommand(a *app) *cobra.Command {
	var o ModelMoveOptions
	cmd := &cobra.Command{
		Use:   "alias NAME@VERSION ALIAS",
		Short: "Point an alias at a version",
		Long: `Points ALIAS at the version, wherever it pointed before. MLflow clients cannot
move a protected alias, and this command only with --override and a reason.`,
		Example: `  slipway model alias churn@3 champion --reason "won the comparison"
  slipway model alias churn@3 golden --protect
  slipway model alias churn@4 golden --override --reason "approved by the board"`,
		Args: takes("NAME@VERSION", "ALIAS"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runModelAlias(cmd.Context(), args[0], args[1], o)
		},
	}
	cmd.Flags().StringVar(&o.Reason, "reason", "", "why, for the audit log")
	cmd.Flags().BoolVar(&o.Protect, "protect", false, "protect the alias from now on")
	cmd.Flags().BoolVar(&o.Unprotect, "unprotect", false, "end the alias's protection")
	cmd.Flags().BoolVar(&o.Override, "override", false, "move it although it is protected; needs --reason")
	return cmd
}

func (a *app) runModelAlias(ctx context.Context, arg, alias string, o ModelMoveOptions) error {
	ref, err := parseModel(arg)
	if err != nil {
		return err
	}
	if o.Protect && o.Unprotect {
		return usagef("--protect and --unprotect say different things")
	}
	c, m, err := a.moving(o.Reason)
	if err != nil {
		return err
	}
	target, err := c.Model(ctx, ref.name, ref.version)
	if err != nil {
		return err
	}
	m.Version, m.Override = target.Version, o.Override
	if o.Protect || o.Unprotect {
		m.Protected = &o.Protect
	}
	now, err := c.MoveAlias(ctx, ref.name, alias, m)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(now)
	}
	fmt.Fprintf(a.stdout, "%s is %s\n", clean(now.Name+"@"+now.Alias), clean(now.Version))
	return nil
}

func modelUnaliasCommand(a *app) *cobra.Command {
	var o ModelMoveOptions
	cmd := &cobra.Command{
		Use:     "unalias NAME@ALIAS",
		Short:   "Take an alias away",
		Example: `  slipway model unalias churn@champion --reason "the contest is over"`,
		Args:    takes("NAME@ALIAS"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ref, err := parseModel(args[0])
			if err != nil {
				return err
			}
			c, m, err := a.moving(o.Reason)
			if err != nil {
				return err
			}
			m.Override = o.Override
			was, err := c.RemoveAlias(cmd.Context(), ref.name, ref.version, m)
			if err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(was)
			}
			fmt.Fprintf(a.stdout, "%s is no alias any more; it was %s\n", clean(ref.String()), clean(was.Version))
			return nil
		},
	}
	cmd.Flags().StringVar(&o.Reason, "reason", "", "why, for the audit log")
	cmd.Flags().BoolVar(&o.Override, "override", false, "take it away although it is protected; needs --reason")
	return cmd
}
