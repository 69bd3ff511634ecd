package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/slipway-ml/slipway/internal/contract"
)

// Temporal is what activities ask of the Temporal server itself.
type Temporal struct {
	Client client.Client
}

// Running implements Executions.
func (t *Temporal) Running(ctx context.Context, workflowID, run string) (bool, error) {
	d, err := t.Client.DescribeWorkflowExecution(ctx, workflowID, "")
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("describe workflow %s: %w", workflowID, err)
	}
	info := d.GetWorkflowExecutionInfo()
	first := info.GetFirstRunId()
	return info.GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING && (first == "" || first == run), nil
}

// monitorRunTimeout bounds one window: a run that never ends would block the schedule for good.
const monitorRunTimeout = 5 * time.Minute

// EnsureSchedule makes the model's monitor schedule, or makes the existing one
// watch the new version. Two calls with the same input leave the same schedule.
func (t *Temporal) EnsureSchedule(ctx context.Context, in contract.MonitorScheduleInput) (contract.Empty, error) {
	id := contract.MonitorID(in.Key.Model)
	spec := client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: in.Monitor.Interval.D()}}}
	action := &client.ScheduleWorkflowAction{
		ID:                 id,
		Workflow:           contract.WorkflowMonitor,
		TaskQueue:          contract.QueueControl,
		WorkflowRunTimeout: monitorRunTimeout,
		StaticSummary:      fmt.Sprintf("%s %s: drift of live predictions", in.Key.Model, in.Key.Version),
		Args: []any{contract.MonitorInput{
			Model: in.Key.Model, Version: in.Key.Version, Digest: in.Digest, Monitor: in.Monitor, Data: in.Data,
		}},
		TypedSearchAttributes: temporal.NewSearchAttributes(
			temporal.NewSearchAttributeKeyKeyword(contract.AttributeModel).ValueSet(in.Key.Model),
			temporal.NewSearchAttributeKeyKeyword(contract.AttributeVersion).ValueSet(in.Key.Version)),
	}
	const catchup = 10 * time.Minute
	_, err := t.Client.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID: id, Spec: spec, Action: action, Overlap: enums.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: catchup,
		Note: "made at the promotion of " + in.Key.Version,
	})
	if !errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return contract.Empty{}, err
	}
	err = t.Client.ScheduleClient().GetHandle(ctx, id).Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(old client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			s := old.Description.Schedule
			s.Spec, s.Action = &spec, action
			s.Policy = &client.SchedulePolicies{Overlap: enums.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: catchup}
			return &client.ScheduleUpdate{Schedule: &s}, nil
		},
	})
	return contract.Empty{}, err
}
