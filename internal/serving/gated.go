package serving

import (
	"context"
	"time"
)

// sharing is the state of a Batcher whose batches take resources that models share.
type sharing struct {
	gate     *share             // nil: they need none
	withdraw context.CancelFunc // of the place that waits for them; nil: none does
	asked    time.Time          // when it began to
	waited   time.Duration      // mean of how long that takes
}

// shared is how many batches may run at once, as far as resources that models share suffice for.
func (b *Batcher) shared() int {
	return max(min(b.limits.Running, b.gate.batches()), 1)
}

// ask has a place wait for its resources. The batch is formed when they are there: requests that arrive
// meanwhile are in it. One place waits at a time, the next begins to when the first has its batch. The caller holds b.mu.
func (b *Batcher) ask(cut Cut) {
	if b.withdraw != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.running++
	b.withdraw, b.asked = cancel, time.Now()
	t := b.gate.enter()
	if !t.in() {
		cut = CutResource
	}
	go b.await(ctx, t, cut)
}

// unask ends the wait for resources if there is no request left to wait for them. The caller holds b.mu.
func (b *Batcher) unask() {
	if len(b.queue) == 0 && b.withdraw != nil {
		b.withdraw()
	}
}

// await runs a batch when the resources for it are there.
func (b *Batcher) await(ctx context.Context, t *turn, cut Cut) {
	err := t.wait(ctx)
	b.mu.Lock()
	b.withdraw()
	b.withdraw = nil
	waited := time.Since(b.asked)
	if err == nil && len(b.queue) > 0 {
		b.stopTimer()
		batch, cut := b.form(cut)
		b.next(CutTurn)
		b.mu.Unlock()
		defer b.turn()
		b.execute(batch, cut, way{waited: waited})
		return
	}
	b.running--
	if b.timer == nil { // else those who came meanwhile are held back on purpose
		b.next(CutTurn)
	}
	b.mu.Unlock()
	if err == nil {
		b.gate.release()
	}
}

// waits is what a batch waits for resources: what batches did lately, or the one that waits now has so far. The caller holds b.mu.
func (b *Batcher) waits() time.Duration {
	if b.withdraw == nil {
		return b.waited
	}
	return max(b.waited, time.Since(b.asked))
}
