package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/slipway-ml/slipway/internal/control/controlclient"
)

// ListOptions are the flags of release list.
type ListOptions struct {
	Model   string
	Outcome string
	Active  bool
	Limit   int
}

func listCommand(a *app) *cobra.Command {
	var o ListOptions
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List releases, newest first",
		Example: `  slipway release list
  slipway release list --model credit-risk --active -o json`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runList(cmd.Context(), o) },
	}
	cmd.Flags().StringVar(&o.Model, "model", "", "only releases of this model")
	cmd.Flags().StringVar(&o.Outcome, "outcome", "", "only releases that ended so: production, failed, rejected, expired, rolled_back, aborted")
	cmd.Flags().BoolVar(&o.Active, "active", false, "only releases under way")
	cmd.Flags().IntVar(&o.Limit, "limit", 20, "at most this many, up to 1000")
	return cmd
}

func (a *app) runList(ctx context.Context, o ListOptions) error {
	if o.Limit < 1 {
		return usagef("--limit %d: want at least 1", o.Limit)
	}
	c, err := a.control()
	if err != nil {
		return err
	}
	found, err := c.Releases(ctx, controlclient.ReleaseFilter(o))
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(found)
	}
	rows := make([][]string, len(found))
	for i, r := range found {
		rows[i] = []string{r.Model + "/" + r.Version, r.Outcome, r.RequestedBy, when(r.CreatedAt), r.Reason}
	}
	a.table([]string{"RELEASE", "OUTCOME", "BY", "BEGAN", "WHY"}, rows)
	return nil
}
