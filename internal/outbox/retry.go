package outbox

import (
	"context"
	"time"
)

// Retry are pauses between attempts: First after one failure, double that after
// each further one, and never more than Most.
type Retry struct{ First, Most time.Duration }

// Pause is that after so many failures in a row, at least one.
func (r Retry) Pause(failures int) time.Duration {
	pause := r.First
	for ; failures > 1; failures-- {
		if pause > r.Most/2 {
			return r.Most
		}
		pause *= 2
	}
	return min(pause, r.Most)
}

// noteTime bounds how long an outcome waits to be put on record.
const noteTime = 5 * time.Second

// Note is a context to put an outcome on record with. It does not end when ctx
// does: what has arrived need not be sent, or found out, again.
func Note(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), noteTime)
}
