package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/governance"
)

// controlWords are how one control signal is called and described.
type controlWords struct {
	signal, short, long string
}

func controls() []controlWords {
	return []controlWords{
		{contract.SignalPause, "Pause a release before its next gate or canary step", "The canary keeps its share of the traffic; its analysis goes on and can still roll back."},
		{contract.SignalResume, "Resume a paused release", "It goes on where it stood."},
		{contract.SignalPromote, "Promote a canary now, without its remaining steps", "Only while a canary is under way; policies and approvals are behind it then."},
		{contract.SignalAbort, "Abort a release and undo what it did", "Traffic goes back to the version in production at once."},
	}
}

func controlCommand(a *app, words controlWords) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   words.signal + " MODEL/VERSION --reason TEXT",
		Short: words.short,
		Long: words.long + `

Sends the signal ` + words.signal + ` and waits up to 10 s for it to be judged. Exit code 1 if
it is ignored, and why: the signals of people who may not steer the release are
put on record and ignored.`,
		Example: "  slipway release " + words.signal + " credit-risk/1.1.0 --reason \"error budget is spent\"",
		Args:    takes("MODEL/VERSION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runControl(cmd.Context(), words.signal, args[0], reason)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; goes on record")
	return cmd
}

func (a *app) runControl(ctx context.Context, signal, arg, reason string) error {
	name, err := parseName(arg)
	if err != nil {
		return err
	}
	if strings.TrimSpace(reason) == "" {
		return usagef("--reason is missing: say why, it goes on record")
	}
	by, err := a.user()
	if err != nil {
		return err
	}
	message := contract.Control{ID: newID(), Release: name.id(), By: by, Reason: reason, IssuedAt: time.Now().UTC()}
	if message.Signature, err = a.signature(governance.ControlBytes(signal, message)); err != nil {
		return err
	}
	c, err := a.temporal(ctx)
	if err != nil {
		return fmt.Errorf("%s release %s: %w", signal, name, err)
	}
	defer c.Close()
	return a.deliver(ctx, c, name, signal, message, sent{Release: name.String(), Message: signal, ID: message.ID, By: by})
}
