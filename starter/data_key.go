package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipway-ml/slipway/internal/dataversion"
)

func dataRotateKeyCommand(a *app, o *DataOptions) *cobra.Command {
	var next string
	cmd := &cobra.Command{
		Use:   "rotate-key --new-key URL",
		Short: "Wrap the data keys with another encryption key",
		Long: `Wraps every data key with the new encryption key; --encryption-key is the one
until now. No data is rewritten. Stopped at any moment, it goes on when run again.
Use the new key from then on; keep the old one until this has ended well.`,
		Example: `  slipway data rotate-key --encryption-key "awskms://old?region=eu-central-1" --new-key "awskms://new?region=eu-central-1"`,
		Args:    takes(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.runDataRotateKey(cmd.Context(), o, next) },
	}
	cmd.Flags().StringVar(&next, "new-key", "", "URL of the new key")
	return cmd
}

func (a *app) runDataRotateKey(ctx context.Context, o *DataOptions, next string) error {
	if next == "" {
		return usagef("--new-key is missing: name the new key")
	}
	return o.with(ctx, a, func(l *dataversion.Library) error {
		if err := l.RotateKey(ctx, next); err != nil {
			return err
		}
		if a.json() {
			return a.printJSON(map[string]bool{"rotated": true})
		}
		fmt.Fprintln(a.stdout, "every data key is wrapped with the new key")
		return nil
	})
}
