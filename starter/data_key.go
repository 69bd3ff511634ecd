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
		Long: `Wraps every data key in the store, of data, models and reports, with the new
encryption key; --encryption-key is the one until now. No data is rewritten. Stopped at
any moment, it goes on when run again; keep the old key until this has ended well.

While it runs, what is at work on the store needs both keys. So give every slipwayd
both first, the new one in front, as SLIPWAY_ENCRYPTION_KEY="NEW OLD"; then rotate; then
leave the old one out. The first wraps what is new, all of them read.`,
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
