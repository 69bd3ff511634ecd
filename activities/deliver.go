package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/mirror"
	"github.com/slipway-ml/slipway/internal/webhook"
)

// shift is how long one activity delivers; the next one takes over.
const shift = 5 * time.Minute

// Deliver takes what the catalog has for others to them: registry events to
// webhooks, runs to another tracking server.
type Deliver struct {
	Catalog  *catalog.Catalog
	Webhooks *webhook.Courier
	// Mirror is nil where the worker was started without one.
	Mirror *mirror.Mirror
	// Shift is how long one activity delivers; 0: 5 min.
	Shift time.Duration
}

// Run delivers to a consumer for a shift, or until the worker stops. It may run
// twice at once after a lost heartbeat: what it does is noted by compare-and-set.
func (d *Deliver) Run(activityCtx context.Context, in contract.DeliverShiftInput) (contract.DeliverShift, error) {
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
	done, err := d.deliver(ctx, in.Consumer, func(s contract.DeliverShift) { activity.RecordHeartbeat(activityCtx, s) })
	if err == nil {
		err = activityCtx.Err() // cancelled from outside: say so
	}
	return done, err
}

func (d *Deliver) deliver(ctx context.Context, consumer string, beat func(contract.DeliverShift)) (contract.DeliverShift, error) {
	switch {
	case consumer == contract.ConsumerWebhooks:
		ofHooks := func(r webhook.Report) contract.DeliverShift {
			return contract.DeliverShift{Delivered: int64(r.Delivered), Failed: int64(r.Failed), Failing: r.Failing}
		}
		report, err := d.Webhooks.Run(ctx, func(r webhook.Report) { beat(ofHooks(r)) })
		return ofHooks(report), err
	case consumer != contract.ConsumerMirror:
		return contract.DeliverShift{}, invalid{fmt.Errorf("consumer %q is not known", consumer)}
	case d.Mirror == nil:
		_, err := d.Catalog.MirrorStatus(ctx, 0)
		if errors.Is(err, catalog.ErrNotFound) {
			return contract.DeliverShift{Ended: true}, nil
		}
		// Not final: another control role may have it.
		return contract.DeliverShift{}, errors.Join(err, errors.New("this control role was started without --mirror: start all of them with the same one, or end the mirror with `slipway mirror stop`"))
	}
	ofRuns := func(r mirror.Report) contract.DeliverShift {
		return contract.DeliverShift{Delivered: int64(r.Delivered), Failed: int64(r.Failed), Failing: r.Failing}
	}
	report, err := d.Mirror.Run(ctx, func(r mirror.Report) { beat(ofRuns(r)) })
	return ofRuns(report), err
}
