package serving

import (
	"context"
	"fmt"
)

// begin starts a load, whose outcome Await waits for. The caller holds Pool.mu.
func (e *entry) begin() { e.outcome, e.settled = nil, make(chan struct{}) }

// settle ends the wait for a load: an attempt is over. The caller holds Pool.mu.
func (e *entry) settle(err error) {
	e.outcome = err
	select {
	case <-e.settled:
	default:
		close(e.settled)
	}
}

// Await waits until the version has been loaded as it was asked for last, and
// returns why the last attempt failed if it did. The pool goes on trying.
func (p *Pool) Await(ctx context.Context, key Key) error {
	p.mu.RLock()
	e, ok := p.entries[key]
	if !ok {
		p.mu.RUnlock()
		return fmt.Errorf("%s: %w: it is not among the versions held here", key, ErrNotReady)
	}
	settled := e.settled
	p.mu.RUnlock()
	select {
	case <-settled:
	case <-ctx.Done():
		return fmt.Errorf("%s: %w: it is still being loaded: %w", key, ErrNotReady, ctx.Err())
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	return e.outcome
}
