package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/slipway-ml/slipway/internal/contract"
)

// noticePatience is how long a window's run waits for one try to tell people of drift.
const noticePatience = 15 * time.Second

// Monitor looks at one window of the version in production: a run of the
// schedule monitor/<model>. The window ends at the schedule's nominal time, so
// a backfill or a second try sees the same predictions.
func Monitor(ctx workflow.Context, in contract.MonitorInput) (contract.MonitorStatus, error) {
	end, ok := workflow.GetTypedSearchAttributes(ctx).GetTime(temporal.NewSearchAttributeKeyTime("TemporalScheduledStartTime"))
	if !ok {
		end = workflow.Now(ctx)
	}
	found := contract.MonitorStatus{Model: in.Model, Version: in.Version, End: end, State: "running"}
	err := workflow.SetQueryHandlerWithOptions(ctx, contract.QueryStatus, func() (contract.MonitorStatus, error) { return found, nil },
		workflow.QueryHandlerOptions{Description: "What the window showed."})
	if err != nil {
		return found, err
	}
	key := contract.Key{Model: in.Model, Version: in.Version, Run: workflow.GetInfo(ctx).FirstRunID}
	if err := setAttributes(ctx, key, "monitor"); err != nil {
		return found, err
	}
	found, err = checkWindow.do(ctx, contract.CheckWindowInput{MonitorInput: in, End: end}, "statistics and drift")
	if err != nil {
		return found, err
	}
	workflow.SetCurrentDetails(ctx, fmt.Sprintf("**%s %s**: **%s** over %d predictions\n\n%s", in.Model, in.Version, found.State, found.Samples, found.Summary))
	if found.State == contract.MonitorDrift {
		// Monitoring goes on without a notice: a run that waits for one is in the way of the next.
		_, err := sendNotice.within(noticePatience).do(ctx, contract.NotifyInput{Key: key, Severity: "warn", Text: found.Summary}, "alert")
		if err != nil {
			workflow.GetLogger(ctx).Error("notice not sent", "error", err)
		}
	}
	return found, nil
}
