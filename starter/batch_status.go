package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/slipway-ml/slipway/internal/contract"
)

func batchStatusCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "status MODEL/N",
		Aliases: []string{"show"},
		Short:   "Show where a batch stands",
		Long: `Asks the batch's workflow: shards, rows, speed, refused rows, output. The exit code
is 0 however the batch stands.`,
		Example: `  slipway batch status credit-risk/1
  slipway batch status credit-risk/1 -o json`,
		Args: takes("MODEL/N"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runBatchStatus(cmd.Context(), args[0]) },
	}
}

// batchView is all that is known of a batch.
type batchView struct {
	Batch string `json:"batch"`
	contract.BatchStatus
	// UnderWay are rows of shards that are not done yet, by their heartbeats.
	UnderWay int64 `json:"rows_under_way,omitempty"`
	// Trouble is why the last try of a shard failed; it is tried again.
	Trouble string `json:"trouble,omitempty"`
}

// done is how many rows are predicted.
func (v batchView) done() int64 { return min(v.Rows, v.RowsDone+v.UnderWay) }

func (a *app) runBatchStatus(ctx context.Context, arg string) error {
	name, err := parseBatch(arg)
	if err != nil {
		return err
	}
	c, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	v, err := readBatch(ctx, c, name)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(v)
	}
	a.printBatch(v)
	return nil
}

func (a *app) printBatch(v batchView) {
	speed, rest := "", ""
	if v.RowsPerSecond > 0 {
		speed = fmt.Sprintf("%.0f rows/s", v.RowsPerSecond)
	}
	if left := v.left(); left > 0 {
		rest = span(left)
	}
	output, took := "", ""
	if v.Output != nil {
		output = fmt.Sprintf("%s@%d (%s)", v.Output.Name, v.Output.Version, v.Output.Digest)
		if v.Existed {
			output += ", which was there before"
		}
	}
	if v.Ended != nil {
		took = span(v.Ended.Sub(v.Started))
	}
	pairs(a.stdout, "batch", v.Batch, "phase", string(v.Phase), "why", v.Reason, "requested by", v.RequestedBy,
		"model", v.Model+"@"+v.Version, "data", fmt.Sprintf("%s@%d", v.Data.Name, v.Data.Version),
		"shards", fmt.Sprintf("%d of %d", v.ShardsDone, v.Shards), "rows", fmt.Sprintf("%d of %d", v.done(), v.Rows),
		"refused rows", fmt.Sprint(v.Refused), "speed", speed, "time left", rest, "took", took, "output", output, "trouble", v.Trouble)
	if len(v.Refusals) > 0 {
		fmt.Fprintln(a.stdout)
		rows := make([][]string, len(v.Refusals))
		for i, r := range v.Refusals {
			rows[i] = []string{fmt.Sprint(r.Row), r.Why}
		}
		a.table([]string{"REFUSED ROW", "WHY"}, rows)
	}
}

// left estimates how long the batch still takes; 0 where that is not known.
func (v batchView) left() time.Duration {
	if v.RowsPerSecond <= 0 || v.Ended != nil {
		return 0
	}
	return time.Duration(float64(v.Rows-v.done()) / v.RowsPerSecond * float64(time.Second)).Round(time.Second)
}

// readBatch asks the workflow, and Temporal for what its activities are at.
func readBatch(ctx context.Context, c client.Client, name batchName) (batchView, error) {
	v := batchView{Batch: name.String()}
	var err error
	if v.BatchStatus, err = query[contract.BatchStatus](ctx, c, name.id()); err != nil {
		if isGone(err) {
			return v, fmt.Errorf("batch %s does not exist, or ended too long ago: slipway batch list shows those that Temporal knows", name)
		}
		return v, fmt.Errorf("no worker answers (is slipwayd running?): %w", err)
	}
	if v.Ended != nil {
		return v, nil
	}
	ctx, cancel := context.WithTimeout(ctx, queryPatience)
	defer cancel()
	found, err := c.DescribeWorkflowExecution(ctx, name.id(), "")
	if err != nil {
		return v, nil //nolint:nilerr // the status is what was asked for
	}
	for _, activity := range found.GetPendingActivities() {
		if activity.GetActivityType().GetName() != contract.ActivityShard {
			continue
		}
		if p := activity.GetHeartbeatDetails().GetPayloads(); len(p) > 0 {
			var progress struct{ Done int64 }
			if json.Unmarshal(p[0].GetData(), &progress) == nil {
				v.UnderWay += progress.Done
			}
		}
		if f := activity.GetLastFailure(); f != nil {
			v.Trouble = fmt.Sprintf("try %d: %s", activity.GetAttempt(), f.GetMessage())
		}
	}
	return v, nil
}

// batchEnded is how a batch stands at its end; an error when that was no end of its own making.
func batchEnded(name batchName, last batchView, result contract.BatchStatus, err error) (batchView, error) {
	last.UnderWay, last.Trouble = 0, ""
	var failed *temporal.ApplicationError
	var cancelled *temporal.CanceledError
	switch {
	case err == nil:
		last.BatchStatus = result
		return last, nil
	case errors.As(err, &failed) && failed.HasDetails():
		err = failed.Details(&last.BatchStatus)
	case errors.As(err, &cancelled) && cancelled.HasDetails():
		err = cancelled.Details(&last.BatchStatus)
	case failed != nil:
		return last, fmt.Errorf("batch %s failed: %s", name, clean(failed.Message()))
	default: // terminated, timed out or reset: the workflow had no say
		return last, fmt.Errorf("the workflow of batch %s was ended from outside (an equal batch goes on with what is there): %w", name, err)
	}
	if err != nil {
		return last, fmt.Errorf("read how batch %s ended: %w", name, err)
	}
	return last, nil
}

// batchError turns how a batch ended into the exit code.
func batchError(v batchView, kind error) error {
	var failed *temporal.ApplicationError
	switch {
	case v.Phase == contract.BatchCompleted:
		return nil
	case v.Phase == contract.BatchCancelled, errors.As(kind, &failed) && failed.Type() == contract.ErrRefusedRows:
		return exitError{code: codeStopped}
	}
	return exitError{code: codeError}
}
