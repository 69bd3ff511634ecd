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
