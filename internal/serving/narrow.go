package serving

import "context"

// An instance of several threads answers a batch soonest. But its threads wait for each other after each operator, and
// where something else takes a processor for a moment, all of them wait. While more than a batch is in
// hand, batches of one thread each that run side by side get more done.

// Batches begin to run side by side with this many sixteenths of MaxRows in hand, and end to below that many.
const beginNarrow, endNarrow = 24, 16

// leastBeside is how many sixteenths of MaxRows must be in hand beside the largest request, which no second batch can take a part of.
const leastBeside = 8

// leastNarrow is the least MaxRows for that: a run of fewer rows mostly waits for the weights, which all threads read sooner.
const leastNarrow = 16

// narrowing is whether batches run side by side, and what is in hand beside the queue.
type narrowing struct {
	narrow bool
	busy   int64 // rows of the batches that run
	away   int64 // rows that were answered and not followed by as many others, if that was lately
}

// Narrowable is a Session that can run several calls at once on a thread each, if asked by WithOneThread.
type Narrowable interface {
	// Narrow is how many; 0: none.
	Narrow() int
}

type oneThread struct{}

// WithOneThread has a Session that can run a model on the calling thread alone do so.
func WithOneThread(ctx context.Context) context.Context {
	return context.WithValue(ctx, oneThread{}, true)
}

// OnOneThread tells whether WithOneThread was asked for.
func OnOneThread(ctx context.Context) bool { return ctx.Value(oneThread{}) != nil }

// places is how many batches may run at once, with so many rows in hand beside those that are known. The caller holds b.mu.
func (b *Batcher) places(more int64) int {
	switch {
	case b.gate != nil: // what such a batch takes of resources is for all threads
		return b.shared()
	case b.limits.Narrow <= b.limits.Running || b.batching.MaxRows < leastNarrow || b.apart.Load():
		b.narrow = false
		return b.limits.Running
	}
	rows, most := b.inHand(more), int64(b.batching.MaxRows)
	share := 16 * rows / most
	if b.running == 0 {
		b.narrow = (share >= beginNarrow || b.narrow && share >= endNarrow) && 16*(rows-b.largest(more)) >= leastBeside*most
	}
	switch {
	case !b.narrow:
		return b.limits.Running
	case share < endNarrow:
		return 0 // when those that run have ended, the next has all threads
	}
	return b.limits.Narrow
}

// largest is how many rows the largest of those that wait has, one of so many rows among them. The caller holds b.mu.
func (b *Batcher) largest(rows int64) int64 {
	for _, c := range b.queue {
		rows = max(rows, c.rows)
	}
	return rows
}

// inHand is how many rows wait, run or are likely to come back. The caller holds b.mu.
func (b *Batcher) inHand(more int64) int64 {
	n := b.rows + b.busy + more
	if b.recent() {
		n += b.away
	}
	return n
}

// share is how many rows the next batch has at most: side by side all have as many. The caller holds b.mu.
func (b *Batcher) share() int64 {
	most := int64(b.batching.MaxRows)
	if !b.narrow {
		return most
	}
	n := int64(b.limits.Narrow)
	return min(most, (b.inHand(0)+n-1)/n)
}

// welcome is how many rows may wait whatever that takes: a full batch for each that runs. Side by side it is one for all, as they
// take longer but end one after the other. The caller holds b.mu.
func (b *Batcher) welcome() int64 {
	if b.narrow {
		return int64(b.batching.MaxRows)
	}
	return int64(b.batching.MaxRows) * int64(b.places(0))
}
