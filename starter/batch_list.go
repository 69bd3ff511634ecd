package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/slipway-ml/slipway/internal/contract"
)

// BatchListOptions are the flags of batch list.
type BatchListOptions struct {
	Model  string
	Active bool
	Limit  int
}

func batchListCommand(a *app) *cobra.Command {
	var o BatchListOptions
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List batches, newest first",
		Long:  `Asks Temporal, which forgets batches that ended longer ago than its retention; their outputs stay.`,
		Example: `  slipway batch list
  slipway batch list --model credit-risk --active -o json`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runBatchList(cmd.Context(), o) },
	}
	cmd.Flags().StringVar(&o.Model, "model", "", "only batches of this model")
	cmd.Flags().BoolVar(&o.Active, "active", false, "only batches under way")
	cmd.Flags().IntVar(&o.Limit, "limit", 20, "at most this many, up to 1000")
	return cmd
}

// listedBatch is a batch as Temporal lists it.
type listedBatch struct {
	Batch   string     `json:"batch"`
	Version string     `json:"version"`
	Phase   string     `json:"phase"`
	Started time.Time  `json:"started"`
	Ended   *time.Time `json:"ended,omitempty"`
}

func (a *app) runBatchList(ctx context.Context, o BatchListOptions) error {
	if o.Limit < 1 || o.Limit > 1000 {
		return usagef("--limit %d: want 1 to 1000", o.Limit)
	}
	c, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	found, err := listBatches(ctx, c, o)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(found)
	}
	rows := make([][]string, len(found))
	for i, b := range found {
		took := ""
		if b.Ended != nil {
			took = span(b.Ended.Sub(b.Started))
		}
		rows[i] = []string{b.Batch, b.Version, b.Phase, when(b.Started), took}
	}
	a.table([]string{"BATCH", "VERSION", "PHASE", "BEGAN", "TOOK"}, rows)
	return nil
}

// listBatches asks Temporal's visibility, which may be a moment behind.
func listBatches(ctx context.Context, c client.Client, o BatchListOptions) ([]listedBatch, error) {
	query := fmt.Sprintf("WorkflowType = %s AND ExecutionStatus != 'ContinuedAsNew'", sqlText(contract.WorkflowBatch))
	if o.Model != "" {
		query += " AND " + contract.AttributeModel + " = " + sqlText(o.Model)
	}
	if o.Active {
		query += " AND ExecutionStatus = 'Running'"
	}
	found := []listedBatch{}
	var page []byte
	for len(found) < o.Limit {
		list, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: int32(o.Limit - len(found)), NextPageToken: page})
		if err != nil {
			return nil, fmt.Errorf("list batches: %w", err)
		}
		for _, e := range list.GetExecutions() {
			found = append(found, listed(e))
		}
		if page = list.GetNextPageToken(); len(page) == 0 {
			break
		}
	}
	return found, nil
}

// sqlText is a string of Temporal's list queries.
func sqlText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func listed(e *workflowpb.WorkflowExecutionInfo) listedBatch {
	attributes := e.GetSearchAttributes().GetIndexedFields()
	b := listedBatch{
		Batch: strings.TrimPrefix(e.GetExecution().GetWorkflowId(), "batch/"), Started: e.GetStartTime().AsTime(),
		Version: attribute(attributes[contract.AttributeVersion]), Phase: attribute(attributes[contract.AttributeStage]),
	}
	if e.GetCloseTime() != nil {
		ended := e.GetCloseTime().AsTime()
		b.Ended = &ended
	}
	// A workflow that was ended from outside had no say.
	switch e.GetStatus() {
	case enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED, enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		b.Phase = strings.ToLower(e.GetStatus().String())
	}
	return b
}

func attribute(p *commonpb.Payload) string {
	var text string
	if p == nil || converter.GetDefaultDataConverter().FromPayload(p, &text) != nil {
		return ""
	}
	return text
}

// lastBatch is the highest number of a model's latest batches.
func lastBatch(ctx context.Context, c client.Client, model string) (int, error) {
	found, err := listBatches(ctx, c, BatchListOptions{Model: model, Limit: 100})
	last := 0
	for _, b := range found {
		if n, err := strconv.Atoi(b.Batch[strings.LastIndexByte(b.Batch, '/')+1:]); err == nil {
			last = max(last, n)
		}
	}
	return last, err
}
