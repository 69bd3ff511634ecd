package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/dataversion"
)

func dataGCCommand(a *app, o *DataOptions) *cobra.Command {
	var c dataversion.CollectOptions
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Free what deleted data versions no longer need",
		Long: `Gives up the deleted versions whose retention has ended, and deletes what no
version needs. It may run while data is added, and be stopped at any time. The
grace must be longer than the time from the end of an upload to its data version,
clock differences included; with 0 nothing else may use the store meanwhile.
Files that the first versions of Slipway uploaded for releases, as blobs of the
store, are not touched.`,
		Example: `  slipway data gc --dry-run
  slipway data gc --grace 48h -o json`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runDataGC(cmd.Context(), o, c) },
	}
	cmd.Flags().BoolVar(&c.DryRun, "dry-run", false, "count and change nothing")
	cmd.Flags().DurationVar(&c.Grace, "grace", artifacts.DefaultGrace, "how long something must have been left alone before it is deleted")
	return cmd
}

func (a *app) runDataGC(ctx context.Context, o *DataOptions, c dataversion.CollectOptions) error {
	switch {
	case c.Grace < 0:
		return usagef("--grace %s: want 0 or more", c.Grace)
	case c.Grace == 0:
		c.Grace = -time.Nanosecond // none; 0 would be the default
	}
	m, err := a.mark("")
	if err != nil {
		return err
	}
	return o.with(ctx, a, func(l *dataversion.Library) error {
		tell, done := a.progress("gc", "version")
		c.Progress = tell
		out, err := l.Collect(ctx, c, m)
		done()
		if err != nil {
			return dataError(err)
		}
		if a.json() {
			return a.printJSON(struct {
				DryRun bool `json:"dry_run"`
				dataversion.Collected
			}{c.DryRun, out})
		}
		verb := "freed"
		if c.DryRun {
			verb = "would free"
		}
		for _, v := range out.Versions {
			fmt.Fprintf(a.stdout, "%s %s\n", verb, clean(v))
		}
		fmt.Fprintf(a.stdout, "%s %s: %s; %s kept\n", verb, size(out.Freed), count64(out.Blobs, "part"), count64(out.Kept, "part"))
		return nil
	})
}
