package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
)

// beatEvery keeps well inside the shortest heartbeat timeout of the workflows.
const beatEvery = 4 * time.Second

// Progress is the heartbeat's detail: what a person sees in the Temporal UI while an activity runs.
type Progress struct {
	Done  int    `json:"done"`
	Total int    `json:"total"`
	At    string `json:"at"`
}

// lastWord is the most that early takes off an activity's time.
const lastWord = 2 * time.Second

// early ends a little before the activity's own deadline: what an activity
// answers after it is thrown away, and with it the reason why the wait was in vain.
func early(activityCtx context.Context) (context.Context, context.CancelFunc) {
	end, ok := activityCtx.Deadline()
	if !ok {
		return context.WithCancel(activityCtx)
	}
	return context.WithDeadline(activityCtx, end.Add(-min(lastWord, time.Until(end)/4)))
}

// beating heartbeats in the background while long work runs, so that a crash
// is noticed and a cancellation arrives. report replaces the detail.
func beating(activityCtx context.Context) (report func(done, total int, at string), stop func()) {
	progress := make(chan Progress)
	ctx, cancel := context.WithCancel(activityCtx)
	go func() {
		ticker := time.NewTicker(beatEvery)
		defer ticker.Stop()
		var last Progress
		for {
			activity.RecordHeartbeat(activityCtx, last)
			select {
			case <-ctx.Done():
				return
			case last = <-progress:
			case <-ticker.C:
			}
		}
	}()
	report = func(done, total int, at string) {
		select {
		case progress <- Progress{done, total, at}:
		case <-ctx.Done():
		}
	}
	return report, cancel
}
