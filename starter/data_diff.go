package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/dataversion"
)

func dataDiffCommand(a *app, o *DataOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "diff A B",
		Short: "Show which files differ between two data versions",
		Long:  "Prints a line for each file: + is in B only, - is in A only, ~ differs.",
		Example: `  slipway data diff credit@1 credit@2
  slipway data diff golden credit -o json`,
		Args: takes("A", "B"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runDataDiff(cmd.Context(), o, args[0], args[1])
		},
	}
}

// difference is what diff prints for programs.
type difference struct {
	A       string             `json:"a"`
	B       string             `json:"b"`
	Added   int64              `json:"added"`
	Removed int64              `json:"removed"`
	Changed int64              `json:"changed"`
	Changes []artifacts.Change `json:"changes"`
}

func (a *app) runDataDiff(ctx context.Context, o *DataOptions, refA, refB string) error {
	return o.withVersion(ctx, a, refA, func(l *dataversion.Library, before catalog.DataVersion) error {
		after, err := findData(ctx, l, refB)
		if err != nil {
			return err
		}
		d := difference{A: before.Digest, B: after.Digest, Changes: []artifacts.Change{}}
		for c, err := range l.Diff(ctx, before, after) {
			if err != nil {
				return dataError(err)
			}
			d.count(c)
			if a.json() {
				d.Changes = append(d.Changes, c)
				continue
			}
			fmt.Fprintln(a.stdout, changeLine(c))
		}
		if a.json() {
			return a.printJSON(d)
		}
		fmt.Fprintf(a.stdout, "%s added, %d removed, %d changed\n", count64(d.Added, "file"), d.Removed, d.Changed)
		return nil
	})
}

func (d *difference) count(c artifacts.Change) {
	switch {
	case c.Before == nil:
		d.Added++
	case c.After == nil:
		d.Removed++
	default:
		d.Changed++
	}
}

func changeLine(c artifacts.Change) string {
	switch {
	case c.Before == nil:
		return fmt.Sprintf("+ %s  %s", clean(c.Path), size(c.After.Size))
	case c.After == nil:
		return fmt.Sprintf("- %s  %s", clean(c.Path), size(c.Before.Size))
	}
	return fmt.Sprintf("~ %s  %s → %s", clean(c.Path), size(c.Before.Size), size(c.After.Size))
}
