package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/dataversion"
)

func dataTagCommand(a *app, o *DataOptions) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "tag REF TAG",
		Short: "Give a data version one more name, which can move",
		Long:  "Points TAG at the version, wherever it pointed before. A version with a tag can't be deleted.",
		Example: `  slipway data tag credit@2 golden
  slipway data tag credit golden --reason "reviewed by ann"`,
		Args: takes("REF", "TAG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runDataTag(cmd.Context(), o, args[0], args[1], reason)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit log")
	return cmd
}

func (a *app) runDataTag(ctx context.Context, o *DataOptions, ref, tag, reason string) error {
	m, err := a.mark(reason)
	if err != nil {
		return err
	}
	return o.withVersion(ctx, a, ref, func(l *dataversion.Library, d catalog.DataVersion) error {
		old, err := l.Catalog().DataTag(ctx, tag)
		if err != nil && !errors.Is(err, catalog.ErrNotFound) {
			return err
		}
		now, err := l.Catalog().SetDataTag(ctx, d.Digest, tag, old.Rev, m)
		if err != nil {
			return err
		}
		if a.json() {
			return a.printJSON(now)
		}
		fmt.Fprintf(a.stdout, "%s is %s\n", clean(tag), clean(d.Label()))
		return nil
	})
}

func dataUntagCommand(a *app, o *DataOptions) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:     "untag TAG",
		Short:   "Take a tag away",
		Example: `  slipway data untag golden --reason "superseded"`,
		Args:    takes("TAG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runDataUntag(cmd.Context(), o, args[0], reason)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit log")
	return cmd
}

func (a *app) runDataUntag(ctx context.Context, o *DataOptions, tag, reason string) error {
	m, err := a.mark(reason)
	if err != nil {
		return err
	}
	return o.with(ctx, a, func(l *dataversion.Library) error {
		old, err := l.Catalog().DataTag(ctx, tag)
		if err != nil {
			return err
		}
		if err := l.Catalog().RemoveDataTag(ctx, old.Digest, tag, old.Rev, m); err != nil {
			return err
		}
		if a.json() {
			return a.printJSON(old)
		}
		fmt.Fprintf(a.stdout, "%s is no tag any more; it was %s\n", clean(tag), short(old.Digest))
		return nil
	})
}
