package serving

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// enter has a batch wait for its turn.
func (s *share) enter() *turn {
	s.l.mu.Lock()
	defer s.l.mu.Unlock()
	return s.enqueue()
}

// enqueue puts a batch among those who wait and lets in whom it can. The caller holds l.mu.
func (s *share) enqueue() *turn {
	s.l.arrived++
	t := &turn{of: s, arrived: s.l.arrived, granted: make(chan struct{})}
	s.l.waiting = append(s.l.waiting, t)
	s.l.grant()
	return t
}

// try lets a batch in if that can be now.
func (s *share) try() bool {
	if s == nil {
		return true
	}
	s.l.mu.Lock()
	defer s.l.mu.Unlock()
	t := s.enqueue()
	if t.in() {
		return true
	}
	s.l.withdraw(t)
	return false
}

// acquire waits until a batch may run. The caller calls release when it has, unless there is an error, which is that of ctx.
func (s *share) acquire(ctx context.Context) error {
	if s == nil {
		return nil
	}
	return s.enter().wait(ctx)
}

// release gives back what a batch took.
func (s *share) release() {
	if s == nil {
		return
	}
	s.l.mu.Lock()
	defer s.l.mu.Unlock()
	s.giveBack()
}

// giveBack is release for who holds l.mu.
func (s *share) giveBack() {
	gone := false
	for _, c := range s.claims {
		c.pool.used -= c.n
		gone = gone || c.pool.used == 0
	}
	s.l.grant()
	if gone && !slices.Contains(s.l.shares, s) {
		s.l.count() // the model has left, and its pools may be nobody's
	}
}

// batches is how many of the model's batches the resources suffice for at once.
func (s *share) batches() int {
	s.l.mu.Lock()
	defer s.l.mu.Unlock()
	return s.most
}

// in tells whether the batch has been let in.
func (t *turn) in() bool {
	select {
	case <-t.granted:
		return true
	default:
		return false
	}
}

// wait returns when the batch is let in, or with the error of ctx: then it holds nothing and is gone from those who wait.
func (t *turn) wait(ctx context.Context) error {
	select {
	case <-t.granted:
		return nil
	case <-ctx.Done():
	}
	l := t.of.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.in() { // in the meantime
		t.of.giveBack()
	} else {
		l.withdraw(t)
	}
	return fmt.Errorf("wait for resources that models share: %w", ctx.Err())
}

// withdraw takes a batch out of those who wait; others need not leave it anything any more. The caller holds l.mu.
func (l *limiter) withdraw(t *turn) {
	if i := slices.Index(l.waiting, t); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
		l.grant()
	}
}

// Level is how much there is of a resource that models share.
type Level struct {
	Resource string
	Place    string // a device, or Everywhere
	Limit    int
	Used     int // by batches that run
}

// levels are those of the resources that a model needs, by name and place.
func (l *limiter) levels() []Level {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]Level, 0, len(l.pools))
	for key, p := range l.pools {
		out = append(out, Level{key.name, key.place, p.limit, p.used})
	}
	slices.SortFunc(out, func(a, b Level) int {
		return cmp.Or(cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Place, b.Place))
	})
	return out
}

// Need is what a batch takes of a resource.
type Need struct {
	Resource string
	Count    int
	Shared   bool // by all devices of the gateway
}

// needs are what a batch takes, by name.
func (s *share) needs() []Need {
	if s == nil {
		return nil
	}
	out := make([]Need, len(s.claims))
	for i, c := range s.claims {
		out[i] = Need{c.key.name, c.n, c.key.place == Everywhere}
	}
	slices.SortFunc(out, func(a, b Need) int { return cmp.Compare(a.Resource, b.Resource) })
	return out
}
