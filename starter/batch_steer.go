package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/slipway-ml/slipway/internal/contract"
)

// batchSignals are pause and resume.
func batchSignals() []controlWords {
	return []controlWords{
		{contract.SignalPause, "Start no more shards of a batch", "Shards that are under way go on to their end."},
		{contract.SignalResume, "Let a paused batch go on", "It goes on with the shards that are left."},
	}
}

func batchSignalCommand(a *app, words controlWords) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:     words.signal + " MODEL/N",
		Short:   words.short,
		Long:    words.long + "\n\nSends the signal " + words.signal + ".",
		Example: "  slipway batch " + words.signal + " credit-risk/1",
		Args:    takes("MODEL/N"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runBatchSignal(cmd.Context(), words.signal, args[0], reason)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; kept in the workflow's history")
	return cmd
}

func (a *app) runBatchSignal(ctx context.Context, signal, arg, reason string) error {
	name, err := parseBatch(arg)
	if err != nil {
		return err
	}
	by, err := a.user()
	if err != nil {
		return err
	}
	err = a.withTemporal(ctx, func(c client.Client) error {
		return c.SignalWorkflow(ctx, name.id(), "", signal, contract.Steer{By: by, Reason: reason})
	})
	if isGone(err) {
		return fmt.Errorf("batch %s is not under way: slipway batch status %s", name, name)
	}
	if err != nil {
		return fmt.Errorf("%s batch %s: %w", signal, name, err)
	}
	return a.printSteered(name, signal)
}

func batchCancelCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "cancel MODEL/N",
		Short: "Cancel a batch",
		Long: `Shards that are under way are stopped; no data version is made. What the batch has
predicted is kept for a while: an equal batch goes on with it, and slipway data gc
frees it later.`,
		Example: "  slipway batch cancel credit-risk/1",
		Args:    takes("MODEL/N"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := parseBatch(args[0])
			if err != nil {
				return err
			}
			return a.withTemporal(cmd.Context(), func(c client.Client) error { return a.cancelBatch(cmd.Context(), c, name) })
		},
	}
}

// cancelBatch cancels a batch that is under way; Temporal takes a cancellation of one that has ended, too.
func (a *app) cancelBatch(ctx context.Context, c client.Client, name batchName) error {
	found, err := c.DescribeWorkflowExecution(ctx, name.id(), "")
	if err == nil && found.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		if err = c.CancelWorkflow(ctx, name.id(), ""); err == nil {
			return a.printSteered(name, "cancel")
		}
	}
	if err == nil || isGone(err) {
		return fmt.Errorf("batch %s is not under way: slipway batch status %s", name, name)
	}
	return fmt.Errorf("cancel batch %s: %w", name, err)
}

func (a *app) printSteered(name batchName, what string) error {
	if a.json() {
		return a.printJSON(map[string]string{"batch": name.String(), "sent": what})
	}
	fmt.Fprintf(a.stdout, "%s is sent to batch %s\n", what, name)
	return nil
}
