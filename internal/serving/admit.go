package serving

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// enqueue puts a request behind those that are as urgent, or says why it can't
// wait. The caller holds b.mu.
func (b *Batcher) enqueue(c *call) error {
	// The queue is sorted by urgency: all before at are at least as urgent.
	at := b.firstAbove(c.urgency)
	if err := b.refused(c, at); err != nil {
		return err
	}
	b.queue = slices.Insert(b.queue, at, c)
	b.rows += c.rows
	return nil
}

// refused says why a request can't wait at a place in the queue. The caller holds b.mu.
func (b *Batcher) refused(c *call, at int) error {
	most := b.limits.Waiting
	if b.timer != nil || b.withdraw != nil || b.running < b.places(0) {
		most = max(most, b.batching.MaxRows) // they wait for each other, or for resources, not for a place
	}
	if same := at - b.firstAbove(c.urgency-1); same >= most {
		return fmt.Errorf("%w: %d are", ErrBusy, most)
	}
	if b.timer != nil {
		return nil
	}
	return b.late(c, at)
}

// admits tells, before anything is known of it, whether a request of one row and Usual urgency would be let in now.
func (b *Batcher) admits() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.running < b.places(1) && b.timer == nil && b.withdraw == nil {
		return nil
	}
	return b.refused(&call{rows: 1, urgency: Usual}, b.firstAbove(Usual))
}

// firstAbove is the place of the first request in the queue that is less urgent than the given urgency.
func (b *Batcher) firstAbove(urgency int) int {
	at, _ := slices.BinarySearchFunc(b.queue, urgency+1, func(q *call, u int) int { return cmp.Compare(q.urgency, u) })
	return at
}

// late refuses a request that would be answered too late behind the first so many of the queue. As long as no
// batch is full, it is let in whatever the model takes: batches shall form. The caller holds b.mu.
func (b *Batcher) late(c *call, ahead int) error {
	if b.limits.Latency <= 0 || b.service == 0 {
		return nil
	}
	rows := b.rows
	for _, less := range b.queue[ahead:] {
		rows -= less.rows
	}
	if rows < b.welcome() {
		return nil
	}
	most, places := int64(b.batching.MaxRows), int64(max(b.places(c.rows), 1))
	// Those that run have to end; then come the batches before this one, and its own.
	turns := 1 + (rows+c.rows+most*places-1)/(most*places)
	if expected := time.Duration(turns) * (b.service + b.waits()); expected > b.limits.Latency {
		return fmt.Errorf("%w: an answer would take some %s, and callers rely on %s", ErrBusy, expected.Round(time.Millisecond), b.limits.Latency)
	}
	return nil
}

// learning is the weight of the newest batch in the mean of what a batch takes.
const learning = 1.0 / 8

// learn keeps what is to be known of a batch: the mean of what one takes, and the last one.
func (b *Batcher) learn(done Batch) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.service == 0 {
		b.service, b.waited = done.Compute, done.Wait
	}
	b.service += time.Duration(learning * float64(done.Compute-b.service))
	b.waited += time.Duration(learning * float64(done.Wait-b.waited))
	if !b.recent() {
		b.away = 0
	}
	b.busy -= done.Rows
	b.away += done.Rows
	b.last, b.ended = done, time.Now()
}
