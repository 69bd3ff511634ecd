package serving

import "time"

// maxBackoff bounds how often in a row holding back is left out.
const maxBackoff = 256

// hold decides whether a request that could run at once is held back for others
// to join, and if so sets the time at which the wait is over. The caller holds b.mu.
func (b *Batcher) hold(c *call) bool {
	if b.batching.MaxDelay <= 0 || c.shape == "" || b.preferred(c.rows) {
		return false
	}
	if b.timer != nil { // another is held back already
		return true
	}
	if b.idle > 0 {
		b.idle--
		return false
	}
	b.timer = time.AfterFunc(b.batching.MaxDelay, b.expired)
	return true
}

// expired ends a wait. It learns from it: when nobody joined, the next waits are left out.
func (b *Batcher) expired() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.timer == nil { // the batch was closed in the meantime
		return
	}
	b.timer = nil
	if len(b.queue) > 1 {
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
