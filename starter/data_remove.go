package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/dataversion"
)

func dataRemoveCommand(a *app, o *DataOptions) *cobra.Command {
	var keep time.Duration
	var reason string
	cmd := &cobra.Command{
		Use:   "rm REF",
		Short: "Delete a data version; it can be restored for a while",
		Long: `Hides a data version at once. Its content is kept for the time of --keep, in which
'slipway data restore' takes the deletion back; after that 'slipway data gc' frees
what no other version needs. What a model in staging, production or the archive
was made from is never freed. Refused for a version that has a tag, is under legal
hold, or is used by a model in production or a release under way.`,
		Example: `  slipway data rm credit@1 --reason "wrong month"
  slipway data rm credit@1 --keep 24h`,
		Args: takes("REF"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runDataMove(cmd.Context(), o, args[0], reason, func(ctx context.Context, c *catalog.Catalog, digest string, m catalog.Mark) (catalog.DataVersion, error) {
				return c.DeleteData(ctx, digest, keep, m)
			}, "deleted")
		},
	}
	cmd.Flags().DurationVar(&keep, "keep", catalog.DefaultKeep, "how long it can be restored")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit log")
	return cmd
}

// dataMoveWords are what differs between restore, hold and unhold.
type dataMoveWords struct {
	name, short, long, example, done string
	needsReason                      bool
	move                             dataMove
}

type dataMove func(ctx context.Context, c *catalog.Catalog, digest string, m catalog.Mark) (catalog.DataVersion, error)

func dataMoves() []dataMoveWords {
	return []dataMoveWords{{
		name: "restore", short: "Take the deletion of a data version back", done: "restored",
		long:    "Works until the content was freed by 'slipway data gc'. REF is a digest or NAME@VERSION. Adding the same data again restores it at any time.",
		example: "  slipway data restore credit@1",
		move: func(ctx context.Context, c *catalog.Catalog, digest string, m catalog.Mark) (catalog.DataVersion, error) {
			return c.RestoreData(ctx, digest, m)
		},
	}, {
		name: "hold", short: "Put a data version under legal hold", done: "held", needsReason: true,
		long:    "It can't be deleted until the hold ends. If it is deleted already, its content is kept.",
		example: `  slipway data hold credit@1 --reason "case 17"`,
		move: func(ctx context.Context, c *catalog.Catalog, digest string, m catalog.Mark) (catalog.DataVersion, error) {
			return c.HoldData(ctx, digest, m)
		},
	}, {
		name: "unhold", short: "End the legal hold of a data version", done: "no longer held", needsReason: true,
		long:    "A deleted version whose retention has ended may then be freed.",
		example: `  slipway data unhold credit@1 --reason "case 17 is closed"`,
		move: func(ctx context.Context, c *catalog.Catalog, digest string, m catalog.Mark) (catalog.DataVersion, error) {
			return c.ReleaseData(ctx, digest, m)
		},
	}}
}

func dataMoveCommand(a *app, o *DataOptions, words dataMoveWords) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: words.name + " REF", Short: words.short, Long: words.long, Example: words.example,
		Args: takes("REF"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if words.needsReason && reason == "" {
				return usagef("--reason is missing: say why; it goes on record")
			}
			return a.runDataMove(cmd.Context(), o, args[0], reason, words.move, words.done)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit log")
	return cmd
}

func (a *app) runDataMove(ctx context.Context, o *DataOptions, ref, reason string, move dataMove, done string) error {
	m, err := a.mark(reason)
	if err != nil {
		return err
	}
	return o.withVersion(ctx, a, ref, func(l *dataversion.Library, d catalog.DataVersion) error {
		now, err := move(ctx, l.Catalog(), d.Digest, m)
		if err != nil {
			return err
		}
		if a.json() {
			return a.printJSON(dataOf(now))
		}
		text := now.Label() + " is " + done
		if state := dataState(dataOf(now)); state != "" {
			text += " (" + state + ")"
		}
		fmt.Fprintln(a.stdout, clean(text))
		return nil
	})
}
