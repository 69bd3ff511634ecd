package activities

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/webhook"
)

// shift is how long one activity delivers; the next one takes over.
const shift = 5 * time.Minute

// Deliver takes events of the audit log to those who are to be told.
type Deliver struct {
	Webhooks *webhook.Courier
	// Shift is how long one activity delivers; 0: 5 min.
	Shift time.Duration
}

// Run delivers to webhooks for a shift, or until the worker stops. It may run
// twice at once after a lost heartbeat: what it does is noted by compare-and-set
// on each webhook's cursor.
func (d *Deliver) Run(activityCtx context.Context, in contract.DeliverShiftInput) (contract.DeliverShift, error) {
	if in.Consumer != contract.ConsumerWebhooks {
		return contract.DeliverShift{}, invalid{fmt.Errorf("consumer %q is not known", in.Consumer)}
	}
	length := d.Shift
	if length == 0 {
		length = shift
	}
	ctx, cancel := context.WithTimeout(activityCtx, length)
	defer cancel()
	go func() {
		select {
		case <-activity.GetWorkerStopChannel(activityCtx):
			cancel()
		case <-ctx.Done():
		}
	}()
	report, err := d.Webhooks.Run(ctx, func(r webhook.Report) {
		activity.RecordHeartbeat(activityCtx, contract.DeliverShift{Delivered: int64(r.Delivered), Failed: int64(r.Failed), Failing: r.Failing})
	})
	if err == nil {
		err = activityCtx.Err() // cancelled from outside: say so
	}
	return contract.DeliverShift{Delivered: int64(report.Delivered), Failed: int64(report.Failed), Failing: report.Failing}, err
}
