package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-ml/slipway/internal/contract"
)

func batchCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "batch",
		Short: "Predict whole data versions, and watch it",
		Long: `A batch predicts every row of a data version with one model version: a durable
workflow cuts the data into shards, predicts them side by side on the compute or
gpu workers, and makes one data version of the outputs. A crash costs the shards
that were under way, and a batch that is started again goes on with what is there.`,
		Example: `  slipway batch start credit-risk --data applicants --keys id --watch
  slipway batch list`,
		Args: cobra.ArbitraryArgs,
		RunE: group,
	}
	cmd.AddCommand(batchStartCommand(a), batchListCommand(a), batchStatusCommand(a), batchWatchCommand(a), batchCancelCommand(a))
	for _, words := range batchSignals() {
		cmd.AddCommand(batchSignalCommand(a, words))
	}
	return cmd
}

// batchName names a batch on the command line: MODEL/N.
type batchName struct{ model, n string }

func (b batchName) String() string { return b.model + "/" + b.n }

// id is the workflow id of the batch.
func (b batchName) id() string { return contract.BatchID(b.model, b.n) }

// parseBatch reads MODEL/N; the workflow id batch/MODEL/N is understood too.
func parseBatch(s string) (batchName, error) {
	text := s
	if strings.Count(s, "/") == 2 {
		text = strings.TrimPrefix(s, "batch/")
	}
	model, n, _ := strings.Cut(text, "/")
	if model == "" || !isSegment(n) {
		return batchName{}, usagef("%q does not name a batch: write MODEL/N, as credit-risk/1; slipway batch list shows them", clean(s))
	}
	return batchName{model, n}, nil
}
