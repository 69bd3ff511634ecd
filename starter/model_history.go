package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-ml/slipway/internal/control/controlclient"
)

// ModelHistoryOptions are the flags of model history.
type ModelHistoryOptions struct {
	// At is a time; set, only the version in production then is shown.
	At string
}

func modelHistoryCommand(a *app) *cobra.Command {
	var o ModelHistoryOptions
	cmd := &cobra.Command{
		Use:   "history NAME",
		Short: "Show every move of a model, or what was in production at a time",
		Example: `  slipway model history credit-risk
  slipway model history credit-risk --at 2026-01-02T15:04:05Z`,
		Args: takes("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runModelHistory(cmd.Context(), args[0], o) },
	}
	cmd.Flags().StringVar(&o.At, "at", "", "show the version that was in production at this time, as 2026-01-02T15:04:05Z or 2026-01-02")
	return cmd
}

// parseAt reads a time, or a day in the reader's zone.
func parseAt(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, s, time.Local)
	if err != nil {
		return t, usagef("--at %q: want a time such as 2026-01-02T15:04:05Z, or a day such as 2026-01-02", clean(s))
	}
	return t, nil
}

func (a *app) runModelHistory(ctx context.Context, name string, o ModelHistoryOptions) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	if o.At != "" {
		return a.showProductionAt(ctx, c, name, o.At)
	}
	moves, err := c.Moves(ctx, name)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(moves)
	}
	rows := make([][]string, len(moves))
	for i, m := range moves {
		rows[i] = []string{when(m.At), m.Action, m.Version, moveText(m), m.Actor, m.Reason}
	}
	a.table([]string{"TIME", "WHAT", "VERSION", "MOVE", "BY", "WHY"}, rows)
	return nil
}

func (a *app) showProductionAt(ctx context.Context, c *controlclient.Client, name, at string) error {
	t, err := parseAt(at)
	if err != nil {
		return err
	}
	p, err := c.ProductionAt(ctx, name, t)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(p)
	}
	fmt.Fprintf(a.stdout, "%s was in production at %s\n", clean(p.Name+"@"+p.Version), when(t))
	return nil
}

// moveText says in a few words what moved.
func moveText(m controlclient.ModelMove) string {
	var parts []string
	if m.From != "" || m.To != "" {
		parts = append(parts, strings.TrimSpace(m.From+" → "+m.To))
	}
	if m.Replaced != "" {
		parts = append(parts, "in place of "+m.Replaced)
	}
	if m.Alias != "" {
		parts = append(parts, "@"+m.Alias)
	}
	if m.Was != "" {
		parts = append(parts, "was at "+m.Was)
	}
	if m.Key != "" {
		parts = append(parts, m.Key)
	}
	return strings.Join(parts, ", ")
}
