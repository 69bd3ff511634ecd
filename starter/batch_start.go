package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/dataset"
)

// BatchStartOptions are the flags of batch start.
type BatchStartOptions struct {
	Data, Schema, Name, Description, Queue string
	Paths, Keys, Exclude                   []string
	MaxRefused                             int64
	ShardRows, BatchRows, Parallel         int
	Watch, DryRun                          bool
}

func batchStartCommand(a *app) *cobra.Command {
	var o BatchStartOptions
	cmd := &cobra.Command{
		Use:   "start MODEL[@VERSION] --data REF",
		Short: "Predict the rows of a data version",
		Long: `Starts the workflow batch/MODEL/N, where N is the next free number. VERSION is a
version of the model, an alias, latest, or a stage that one version is in; without
it the version in production predicts. Both are fixed at the start.

The output is a data version with the columns named by --keys, the number of the
row, the prediction, the probabilities where the model gives them, the model's
version, and an error for rows that the model refuses. More refused rows than
--max-refused end the batch. The same input gives the output that exists already.

A schema says which columns are personal: as keys these are masked with the
workers' key, as it says. Without --schema the file schema.yaml of the data
version is taken, if it has one.

With --dry-run nothing is started; -o json prints the workflow's input, for the
plain temporal CLI:

  temporal workflow start --type slipway.Batch --task-queue slipway \
    --workflow-id batch/credit-risk/7 --input-file input.json`,
		Example: `  slipway batch start credit-risk --data applicants --keys id
  slipway batch start credit-risk@1.1.0 --data applicants@3 --path 2026/10 --keys id,branch --name october --watch
  slipway batch start mnist@staging --data images --exclude digit --queue gpu --max-refused 10`,
		Args: takes("MODEL[@VERSION]"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runBatchStart(cmd.Context(), args[0], o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.Data, "data", "", "data version to predict: a digest, a tag, NAME or NAME@VERSION")
	f.StringArrayVar(&o.Paths, "path", nil, "only this file or folder of the version; may be repeated")
	f.StringSliceVar(&o.Keys, "keys", nil, "columns that are carried over to the output")
	f.StringSliceVar(&o.Exclude, "exclude", nil, "columns that are no features, of a model that takes one matrix")
	f.StringVar(&o.Schema, "schema", "", "schema that says what cells mean and which columns are personal")
	f.StringVar(&o.Name, "name", "", "name of the data version that is made (MODEL-predictions)")
	f.StringVar(&o.Description, "description", "", "for people, kept with the output")
	f.Int64Var(&o.MaxRefused, "max-refused", 0, "how many rows the model may refuse before the batch fails")
	f.StringVar(&o.Queue, "queue", contract.BatchOnCompute, "where the model runs: compute or gpu")
	f.IntVar(&o.Parallel, "parallel", 0, "how many shards are under way at once (4)")
	f.IntVar(&o.ShardRows, "shard-rows", 0, "how many rows a shard has (100000)")
	f.IntVar(&o.BatchRows, "batch-rows", 0, "how many rows the model is asked at once (by the size of its inputs)")
	f.BoolVar(&o.Watch, "watch", false, "watch the batch to its end; the exit code tells how it ended")
	f.BoolVar(&o.DryRun, "dry-run", false, "show the workflow's input, start nothing")
	return cmd
}

// input is the workflow's input, but for who asks and the schema's digest.
func (o BatchStartOptions) input(arg string) (contract.BatchInput, error) {
	model, version, found := strings.Cut(strings.Replace(arg, "/", "@", 1), "@")
	switch {
	case model == "" || found && version == "" || strings.ContainsAny(version, "/@"):
		return contract.BatchInput{}, usagef("%q does not name a model: write MODEL or MODEL@VERSION, as credit-risk@1.1.0", clean(arg))
	case o.Data == "":
		return contract.BatchInput{}, usagef("--data is missing: name the data version to predict; slipway data list shows them")
	case o.Queue != contract.BatchOnCompute && o.Queue != contract.BatchOnGPU:
		return contract.BatchInput{}, usagef("--queue %q: want compute or gpu", o.Queue)
	case o.MaxRefused < 0 || o.Parallel < 0 || o.ShardRows < 0 || o.BatchRows < 0:
		return contract.BatchInput{}, usagef("--max-refused, --parallel, --shard-rows and --batch-rows take no negative numbers")
	case o.DryRun && o.Watch:
		return contract.BatchInput{}, usagef("--dry-run starts nothing that --watch could watch")
	}
	return contract.BatchInput{
		Model: model, Version: version, Data: o.Data, Paths: o.Paths, Keys: o.Keys, Exclude: o.Exclude, Output: o.Name, Description: o.Description,
		MaxRefusedRows: o.MaxRefused, ShardRows: o.ShardRows, BatchRows: o.BatchRows, Parallel: o.Parallel, Queue: o.Queue,
	}, nil
}

func (a *app) runBatchStart(ctx context.Context, arg string, o BatchStartOptions) error {
	in, err := o.input(arg)
	if err != nil {
		return err
	}
	if in.RequestedBy, err = a.user(); err != nil {
		return err
	}
	if in.Schema, err = a.uploadSchema(ctx, o.Schema); err != nil {
		return err
	}
	if o.DryRun {
		return a.printJSON(in)
	}
	c, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	name, run, err := startBatch(ctx, c, in)
	if err != nil {
		return err
	}
	if err := a.printBatchStarted(name, run); err != nil || !o.Watch {
		return err
	}
	return a.watchBatch(ctx, c, name, run.GetRunID())
}

// uploadSchema stores a schema that is one, and returns its digest; empty for none.
func (a *app) uploadSchema(ctx context.Context, path string) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("--schema: %w", err)
	}
	if _, err := dataset.ParseSchema(path, text); err != nil {
		return "", err
	}
	api, err := a.control()
	if err != nil {
		return "", err
	}
	digest, size, err := digestFile(ctx, path)
	if err != nil {
		return "", fmt.Errorf("--schema: %w", err)
	}
	to := blobs(api, path)
	there, err := to.has(ctx, digest)
	if err == nil && !there {
		err = to.put(ctx, digest, size, strings.NewReader(string(text)))
	}
	if err != nil {
		return "", fmt.Errorf("upload %s: %w", path, err)
	}
	return digest, nil
}

// startBatch starts the workflow under the next number that nobody has taken.
func startBatch(ctx context.Context, c client.Client, in contract.BatchInput) (batchName, client.WorkflowRun, error) {
	last, err := lastBatch(ctx, c, in.Model)
	if err != nil {
		return batchName{}, nil, err
	}
	for n := last + 1; ; n++ {
		name := batchName{in.Model, strconv.Itoa(n)}
		run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
			ID: name.id(), TaskQueue: contract.QueueControl,
			WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
			WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
			WorkflowExecutionErrorWhenAlreadyStarted: true,
			TypedSearchAttributes: temporal.NewSearchAttributes(
				temporal.NewSearchAttributeKeyKeyword(contract.AttributeModel).ValueSet(in.Model),
				temporal.NewSearchAttributeKeyKeyword(contract.AttributeStage).ValueSet(string(contract.BatchPlanning)),
			),
			StaticSummary: shorten(fmt.Sprintf("%s on %s for %s", in.Model, in.Data, in.RequestedBy)),
		}, contract.WorkflowBatch, in)
		var taken *serviceerror.WorkflowExecutionAlreadyStarted
		switch {
		case errors.As(err, &taken): // by a batch that the listing did not show yet
			continue
		case err != nil:
			return name, nil, fmt.Errorf("start batch %s: %w", name, err)
		}
		return name, run, nil
	}
}

func (a *app) printBatchStarted(name batchName, run client.WorkflowRun) error {
	if a.json() {
		return a.printLine(map[string]string{"batch": name.String(), "workflow_id": run.GetID(), "run_id": run.GetRunID()})
	}
	fmt.Fprintf(a.stdout, "started batch %s\n", name)
	pairs(a.stdout, "  watch", "slipway batch watch "+name.String())
	return nil
}
