package workflows

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"github.com/slipway-ml/slipway/internal/contract"
)

// What people send to a batch, and what they see of it.

// steering are the signals that a batch understands: whoever can reach Temporal may
// pause a batch, which moves no traffic.
var steering = []string{contract.SignalPause, contract.SignalResume}

// listen takes pause and resume as they arrive, whatever they carry.
func (b *batchRun) listen(ctx workflow.Context) {
	for _, name := range steering {
		b.steered = append(b.steered, workflow.GetSignalChannel(ctx, name))
	}
	workflow.Go(ctx, func(ctx workflow.Context) {
		arrived := func() bool {
			return slices.ContainsFunc(b.steered, func(c workflow.ReceiveChannel) bool { return c.Len() > 0 })
		}
		for workflow.Await(ctx, arrived) == nil {
			b.receive(ctx)
		}
	})
}

// receive takes all that has arrived. Resume goes last: sent together, the two let the batch go on.
func (b *batchRun) receive(ctx workflow.Context) {
	for i, channel := range b.steered {
		for {
			var raw converter.RawValue // a new one each time: a signal without any payload leaves it as it is
			if !channel.ReceiveAsync(&raw) {
				break
			}
			b.paused = steering[i] == contract.SignalPause
			workflow.GetLogger(ctx).Info("batch steered", "signal", steering[i], "by", sender(payload(raw)))
		}
	}
	if err := b.describe(ctx); err != nil {
		workflow.GetLogger(ctx).Error("batch not described", "error", err)
	}
}

// sender is who sent a signal, by its own word.
func sender(raw []byte) string {
	var s contract.Steer
	if json.Unmarshal(raw, &s) != nil {
		return orUnknown("")
	}
	return orUnknown(s.By)
}

// describe brings phase, search attributes and current details up to date.
func (b *batchRun) describe(ctx workflow.Context) error {
	s := &b.state.Status
	switch {
	case s.Ended != nil: // the end has said it
	case s.Plan == "":
		s.Phase = contract.BatchPlanning
	case b.joins:
		s.Phase = contract.BatchFinishing
	case b.paused:
		s.Phase = contract.BatchPaused
	default:
		s.Phase = contract.BatchRunning
	}
	workflow.SetCurrentDetails(ctx, b.details())
	version := cmp.Or(s.Version, "production")
	if now := version + "/" + string(s.Phase); now != b.told {
		b.told = now
		return setAttributes(ctx, contract.Key{Model: s.Model, Version: version}, string(s.Phase))
	}
	return nil
}

// details is what the Temporal UI alone tells a person, in Markdown.
func (b *batchRun) details() string {
	s := b.state.Status
	var t strings.Builder
	fmt.Fprintf(&t, "**%s %s** on **%s@%d**, requested by %s: **%s**\n\n", s.Model, s.Version, s.Data.Name, s.Data.Version, s.RequestedBy, s.Phase)
	if s.Plan != "" {
		fmt.Fprintf(&t, "| shards | rows | refused | rows/s | time left |\n| --- | --- | --- | --- | --- |\n| %d of %d | %d of %d | %d | %.0f | %s |\n",
			s.ShardsDone, s.Shards, s.RowsDone, s.Rows, s.Refused, s.RowsPerSecond, remaining(s))
	}
	for _, r := range s.Refusals {
		fmt.Fprintf(&t, "\n- row %d: %s", r.Row, cell(r.Why))
	}
	if s.Output != nil {
		fmt.Fprintf(&t, "\nOutput: **%s@%d** `%s`\n", s.Output.Name, s.Output.Version, s.Output.Digest)
	}
	if s.Phase == contract.BatchPaused {
		fmt.Fprintf(&t, "\nPaused. It goes on with\n\n    slipway batch resume %s\n", strings.TrimPrefix(b.key.ID, "batch/"))
	}
	if s.Reason != "" {
		t.WriteString("\n" + s.Reason + "\n")
	}
	return t.String()
}

// remaining estimates the time that the rows that are left take.
func remaining(s contract.BatchStatus) string {
	if s.RowsPerSecond <= 0 || s.Ended != nil {
		return ""
	}
	return time.Duration(float64(s.Rows-s.RowsDone) / s.RowsPerSecond * float64(time.Second)).Round(time.Second).String()
}
