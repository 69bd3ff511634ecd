package outbox

import (
	"context"
	"sync"
	"time"
)

// Loop makes rounds until it is told to stop.
type Loop struct {
	// Every is the pause between two rounds.
	Every time.Duration
	// Wake, if set, begins the next round earlier.
	Wake <-chan struct{}
	// Round begins attempts that are due, in goroutines of the group, which end soon
	// after ctx does. An error ends the loop.
	Round func(ctx context.Context, attempts *sync.WaitGroup) error
	// Beat is called after each round.
	Beat func()
}

// Run returns when ctx has ended, which is no error, or with the error of a round,
// and either way after the attempts that are under way.
func (l Loop) Run(ctx context.Context) error {
	var attempts sync.WaitGroup
	defer attempts.Wait()
	inner, cancel := context.WithCancel(ctx)
	defer cancel() // before Wait: attempts under way end
	ticker := time.NewTicker(l.Every)
	defer ticker.Stop()
	for {
		if err := l.Round(inner, &attempts); err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // the round was interrupted
			}
			return err
		}
		l.Beat()
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-l.Wake:
		}
	}
}
