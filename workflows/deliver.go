package workflows

import (
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/slipway-ml/slipway/internal/contract"
)

// shiftsPerRun bounds a run's history; a shift is some minutes.
const shiftsPerRun = 100

// Deliver takes events of the audit log to a consumer, shift after shift, for
// good: one per consumer and deployment. Where a shift got to is in the catalog,
// so that one that dies half-way is simply followed by the next.
func Deliver(ctx workflow.Context, in contract.DeliverInput) error {
	status := contract.DeliverStatus{Consumer: in.Consumer, Delivered: in.Delivered}
	err := workflow.SetQueryHandlerWithOptions(ctx, contract.QueryStatus, func() (contract.DeliverStatus, error) { return status, nil },
		workflow.QueryHandlerOptions{Description: "How far deliveries are, as of the last shift."})
	if err != nil {
		return err
	}
	if in.Consumer != contract.ConsumerWebhooks {
		return temporal.NewNonRetryableApplicationError(fmt.Sprintf("consumer %q is not known: want %s", in.Consumer, contract.ConsumerWebhooks), contract.ErrInvalidInput, nil)
	}
	for range shiftsPerRun {
		shift, err := deliverWebhooks.do(ctx, contract.DeliverShiftInput{Consumer: in.Consumer}, "tell of events")
		if err != nil {
			return err // cancelled: everything else is tried again
		}
		status.Delivered += shift.Delivered
		status.Failing = shift.Failing
		workflow.SetCurrentDetails(ctx, fmt.Sprintf("%d delivered, %d receivers failing", status.Delivered, status.Failing))
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			break
		}
	}
	return workflow.NewContinueAsNewError(ctx, contract.WorkflowDeliver, contract.DeliverInput{Consumer: in.Consumer, Delivered: status.Delivered})
}
