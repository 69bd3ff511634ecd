package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/slipway-ml/slipway/internal/serving"
)

// When versions are checked.
const (
	// checkEvery is the time between two checks of a version whose configuration says nothing of it.
	checkEvery = 30 * time.Second
	// checkAgain is how soon a version is checked that failed, or that a request failed on; and the least time between two checks.
	checkAgain = time.Second
)

// prober runs each ready version every so often to see whether it works. Real
// answers do not take the place of a check: one row costs next to nothing, and
// so each check has really run the model.
type prober struct {
	pool     *serving.Pool
	interval func(serving.Key) time.Duration // of the version's configuration; 0: it says nothing
	limit    time.Duration                   // how long a check may take
	logger   *slog.Logger
	wake     chan struct{}

	mu     sync.Mutex
	checks map[serving.Key]*check
}

// check is the last check of a version, and when the next one is.
type check struct {
	loaded  time.Time // tells a version from the same one loaded anew
	at      time.Time // of the last check
	took    time.Duration
	err     error
	since   time.Time // it fails
	due     time.Time
	running bool
}

func newProber(pool *serving.Pool, interval func(serving.Key) time.Duration, limit time.Duration, logger *slog.Logger) *prober {
	return &prober{pool: pool, interval: interval, limit: limit, logger: logger, wake: make(chan struct{}, 1), checks: map[serving.Key]*check{}}
}

// every is the time between two checks of a version that works.
func (p *prober) every(key serving.Key) time.Duration {
	return max(cmp.Or(p.interval(key), checkEvery), checkAgain)
}

// run checks until ctx ends.
func (p *prober) run(ctx context.Context) {
	var under sync.WaitGroup
	defer under.Wait()
	for {
		timer := time.NewTimer(p.round(ctx, &under))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-p.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// changed tells that there is something to look at: a version was loaded, or a check is due early.
func (p *prober) changed() {
	select {
	case p.wake <- struct{}{}:
	default: // one word is waiting already
	}
}

// round begins the checks that are due and says when to look again.
func (p *prober) round(ctx context.Context, under *sync.WaitGroup) time.Duration {
	statuses, now := p.pool.Statuses(), time.Now()
	wait := checkAgain // so that a process that is there again is seen
	p.mu.Lock()
	defer p.mu.Unlock()
	held := make(map[serving.Key]bool, len(statuses))
	for _, s := range statuses {
		held[s.Key] = true
		c := p.checks[s.Key]
		if s.State != serving.Ready {
			if c != nil && !c.running { // it is checked when it is there again
				c.due = now
			}
			continue
		}
		if c == nil || !c.loaded.Equal(s.Since) { // its warm-up has run it
			c = &check{loaded: s.Since, at: s.Since, due: s.Since.Add(p.every(s.Key))}
			p.checks[s.Key] = c
		}
		switch {
		case c.running:
		case !now.Before(c.due):
			c.running = true
			under.Go(func() { p.try(ctx, s.Key, c) })
		default:
			wait = min(wait, c.due.Sub(now))
		}
	}
	for key := range p.checks {
		if !held[key] {
			delete(p.checks, key)
		}
	}
	return wait
}

// try checks a version and notes what came of it.
func (p *prober) try(ctx context.Context, key serving.Key, c *check) {
	defer p.changed()
	began := time.Now()
	err := p.ask(ctx, key)
	p.mu.Lock()
	defer p.mu.Unlock()
	c.running = false
	now := time.Now()
	c.due = now.Add(checkAgain)
	if errors.Is(err, serving.ErrNotReady) || ctx.Err() != nil { // its process is down, which the pool tells, or nobody asks any more
		return
	}
	was := c.err
	c.at, c.took, c.err = began, now.Sub(began), err
	switch {
	case err == nil:
		c.due = now.Add(p.every(key))
		c.since = time.Time{}
		if was != nil {
			p.logger.Info("a model version passes its health check again", "model", key.Model, "version", key.Version)
		}
	case was == nil:
		c.since = now
		p.logger.Warn("a model version fails its health check: it is not ready", "model", key.Model, "version", key.Version, "error", err)
	}
}

// ask runs a version. One that was tried with zeros only counts as working.
func (p *prober) ask(ctx context.Context, key serving.Key) error {
	lease, err := p.pool.Acquire(key)
	if err != nil {
		return err
	}
	defer lease.Release()
	bounded, cancel := context.WithTimeout(ctx, p.limit)
	defer cancel()
	err = lease.Health(bounded)
	switch {
	case errors.Is(err, serving.ErrUnproven):
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: no answer to a health check within %s", serving.ErrModel, p.limit)
	}
	return err
}

// suspect has a version checked soon, as a request failed on it.
func (p *prober) suspect(key serving.Key) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.checks[key]
	if c == nil || c.running {
		return
	}
	if soon := c.at.Add(checkAgain); soon.Before(c.due) {
		c.due = soon
		p.changed()
	}
}

// verdict says why a version does not work, nil if it does: what the pool knows
// of it now, its process among that, and its last check.
func (p *prober) verdict(key serving.Key) error {
	lease, err := p.pool.Acquire(key)
	if err != nil {
		return err
	}
	process, own := lease.Process()
	lease.Release()
	if own && process.Down != "" {
		return fmt.Errorf("%s: %w: %s", key, serving.ErrNotReady, process.Down)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.checks[key]; c != nil && c.err != nil {
		return fmt.Errorf("%s: %w: its health check fails: %w", key, serving.ErrNotReady, &asText{c.err})
	}
	return nil
}

// last is the last check of a version; false: there was none.
func (p *prober) last(key serving.Key) (check, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.checks[key]
	if !ok {
		return check{}, false
	}
	return *c, true
}

// statuses are the pool's, of which those have failed that fail their check.
func (p *prober) statuses() []serving.Status {
	out := p.pool.Statuses()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range out {
		s := &out[i]
		if c := p.checks[s.Key]; s.State == serving.Ready && c != nil && c.err != nil {
			s.State, s.Error, s.Since = serving.Failed, "health check: "+c.err.Error(), c.since
		}
	}
	return out
}
