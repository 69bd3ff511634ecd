package workflows

import (
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/slipway-ml/slipway/internal/contract"
)

// shiftsPerRun bounds a run's history; a shift is some minutes.
const shiftsPerRun = 100

// Deliver takes what the catalog has for others to a consumer, shift after shift,
// for good: one per consumer and deployment. Where a shift got to is in the catalog,
// so that one that dies half-way is simply followed by the next.
func Deliver(ctx workflow.Context, in contract.DeliverInput) error {
	status := contract.DeliverStatus{Consumer: in.Consumer, Delivered: in.Delivered}
	err := workflow.SetQueryHandlerWithOptions(ctx, contract.QueryStatus, func() (contract.DeliverStatus, error) { return status, nil },
		workflow.QueryHandlerOptions{Description: "How far deliveries are, as of the last shift."})
	if err != nil {
		return err
	}
	what, known := map[string]string{contract.ConsumerWebhooks: "tell of events", contract.ConsumerMirror: "mirror runs"}[in.Consumer]
	if !known {
		return temporal.NewNonRetryableApplicationError(
			fmt.Sprintf("consumer %q is not known: want %s or %s", in.Consumer, contract.ConsumerWebhooks, contract.ConsumerMirror), contract.ErrInvalidInput, nil)
	}
	for range shiftsPerRun {
		shift, err := deliverConsumer.do(ctx, contract.DeliverShiftInput{Consumer: in.Consumer}, what)
		if err != nil {
			return err // cancelled: everything else is tried again
		}
		if shift.Ended {
			return nil
		}
		status.Delivered += shift.Delivered
		status.Failing = shift.Failing
		workflow.SetCurrentDetails(ctx, fmt.Sprintf("%d delivered, %d failing", status.Delivered, status.Failing))
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			break
		}
	}
	return workflow.NewContinueAsNewError(ctx, contract.WorkflowDeliver, contract.DeliverInput{Consumer: in.Consumer, Delivered: status.Delivered})
}
