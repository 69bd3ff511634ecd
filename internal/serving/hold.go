package serving

import "time"

// maxBackoff bounds how often in a row holding back is left out.
const maxBackoff = 256

// Callers that send their next request when the last is answered come back together. The first of them is waited for
// for a quarter of what a batch takes, and then as long as others come within a sixteenth, where that is
// long enough for a timer, but for no more than half of it in all.
const (
	firstShare, nextShare, wholeShare = 4, 16, 2
	minReunion                        = 800 * time.Microsecond // of what a batch takes
	maxReunion                        = 40 * time.Millisecond
)

// holding is the state of requests that are held back while a place is free.
type holding struct {
	timer   *time.Timer
	held    int       // how many there were when it began
	joined  int       // how many there were when the timer was set
	enough  int64     // rows at which it is over; 0: only MaxRows and preferred sizes
	until   time.Time // as long as others come it goes on, but not beyond; zero: it does not go on
	idle    int       // how many more times holding back is left out
	backoff int       // how often it is left out after it has gained nothing
}

// hold decides whether a request that could run at once is held back for others
// to join, and if so sets the time at which the wait is over. The caller holds b.mu.
func (b *Batcher) hold(c *call) bool {
	switch {
	case b.batching.MaxRows <= 1 || c.shape == "" || b.preferred(c.rows):
		return false
	case b.timer != nil: // another is held back already
		return true
	case b.recent() && b.reunite(c.rows):
		return true
	}
	return b.batching.MaxDelay > 0 && b.wait(b.batching.MaxDelay, 0, time.Time{})
}

// reunite holds requests of so many rows back until the callers of the batch that ended last are back too: on
// processors that are busy with the model most of the time, two halves take longer than the whole. The caller holds b.mu.
func (b *Batcher) reunite(waiting int64) bool {
	took, enough := b.took(), min(waiting+b.last.Rows, int64(b.batching.MaxRows))
	if b.narrow {
		enough = b.share()
	}
	if b.last.Requests <= 1 || waiting >= enough || took < minReunion || b.running > 0 && !b.narrow {
		return false
	}
	return b.wait(took/firstShare, enough, time.Now().Add(took/wholeShare))
}

// recent tells whether a batch has ended so lately that its callers may be about to come back. The caller holds b.mu.
func (b *Batcher) recent() bool { return time.Since(b.ended) < b.took()/wholeShare }

// took is what a batch takes, or the most that counts.
func (b *Batcher) took() time.Duration { return min(b.service, maxReunion) }

// wait holds back for at most so long, unless that has gained nothing lately.
func (b *Batcher) wait(limit time.Duration, enough int64, until time.Time) bool {
	if b.idle > 0 {
		b.idle--
		return false
	}
	first := max(len(b.queue), 1) // one that is about to join is among them
	b.held, b.joined, b.enough, b.until = first, first, enough, until
	b.timer = time.AfterFunc(limit, b.expired)
	return true
}

// expired ends a wait. It learns from it: when nobody joined, the next waits are left out.
func (b *Batcher) expired() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.timer == nil { // the batch was closed in the meantime
		return
	}
	if len(b.queue) > b.joined && time.Now().Before(b.until) {
		b.joined = len(b.queue)
		b.timer = time.AfterFunc(b.took()/nextShare, b.expired)
		return
	}
	b.timer = nil
	if len(b.queue) > b.held {
		b.backoff = 0
	} else {
		b.backoff = min(2*b.backoff+1, maxBackoff)
	}
	b.idle = b.backoff
	b.next(CutDelay)
}

// filled ends a wait early, when the batch is large enough. The caller holds b.mu.
func (b *Batcher) filled() {
	if b.timer == nil {
		return
	}
	rows := int64(0)
	for _, c := range b.queue {
		if c.shape == b.queue[0].shape {
			rows += c.rows
		}
	}
	switch {
	case rows >= int64(b.batching.MaxRows):
		b.backoff = 0
		b.next(CutFull)
	case b.preferred(rows):
		b.backoff = 0
		b.next(CutPreferred)
	case b.enough > 0 && b.rows >= b.enough:
		b.backoff = 0
		b.next(CutTogether)
	}
}

func (b *Batcher) preferred(rows int64) bool {
	for _, p := range b.batching.Preferred {
		if int64(p) == rows {
			return true
		}
	}
	return false
}

func (b *Batcher) stopTimer() {
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
}
