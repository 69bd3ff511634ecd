package artifacts

import (
	"context"
	"fmt"
	"time"
)

// watchdog ends a context when nothing moves for a while. The AWS SDK waits for
// a silent server without limit, and not every caller has a deadline.
type watchdog struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer // nil: waits as long as the parent does
	limit  time.Duration
}

// watch starts a watchdog; end must be called.
func watch(ctx context.Context, limit time.Duration) *watchdog {
	w := &watchdog{limit: limit}
	ctx, w.cancel = context.WithCancelCause(ctx)
	w.ctx = context.WithValue(ctx, watched{}, w)
	if limit > 0 {
		w.timer = time.AfterFunc(limit, func() {
			w.cancel(fmt.Errorf("the store moved no byte for %s: it is down, overloaded or unreachable", limit))
		})
	}
	return w
}

// moved notes progress and starts the wait anew.
func (w *watchdog) moved() {
	if w.timer != nil {
		w.timer.Reset(w.limit)
	}
}

// pause stops the clock until moved is called: it is the caller who takes time.
func (w *watchdog) pause() {
	if w.timer != nil {
		w.timer.Stop()
	}
}

// end releases the watchdog and its context.
func (w *watchdog) end() {
	w.pause()
	w.cancel(nil)
}
