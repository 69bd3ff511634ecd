package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/dataversion"
)

func dataReindexCommand(a *app, o *DataOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "reindex",
		Short: "Put what the store holds on the catalog's record again",
		Long: `Reads where every part of the data lies from the packs of the store and puts it
on the catalog's record, as after the catalog was restored from an older copy or a
store was copied to another place. What is on record stays as it is. Names and
numbers of versions are the catalog's: add data again, which stores nothing twice, to
give it a name. The exit code is 1 if a pack cannot be read; the others are all the same. What is
in a pack only 'data verify' checks.`,
		Example: `  slipway data reindex
  slipway data reindex -o json`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runDataReindex(cmd.Context(), o) },
	}
}

func (a *app) runDataReindex(ctx context.Context, o *DataOptions) error {
	return o.with(ctx, a, func(l *dataversion.Library) error {
		tell, done := a.progress("reindex", "pack")
		found, err := l.Reindex(ctx, tell)
		done()
		if err != nil {
			return dataError(err)
		}
		return a.tellReindexed(found)
	})
}

func (a *app) tellReindexed(found artifacts.Reindexed) error {
	if a.json() {
		if err := a.printJSON(found); err != nil {
			return err
		}
	} else {
		for _, pack := range found.Damaged {
			fmt.Fprintf(a.stdout, "damaged: %s\n", clean(pack))
		}
		fmt.Fprintf(a.stdout, "%s on record, in %s\n", count64(found.Blobs, "part"), count64(found.Packs, "pack"))
	}
	if len(found.Damaged) == 0 {
		return nil
	}
	err := fmt.Errorf("%s damaged: what is in them is not on record; adding the same data again mends it", count(len(found.Damaged), "pack"))
	return exitError{code: codeError, cause: err}
}
