package gateway

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
)

// arrivals bounds what gRPC holds for calls before their handlers see it. Who may not call is turned away before a message is
// kept; messages that nobody has read may hold what the budget has left, and once begun must come whole within readTimeout. One
// goroutine looks after all calls.
type arrivals struct {
	budget    *budget
	authorize func(method string, md metadata.MD) error
	streams   map[string]bool // the methods that are served; of streams true
	now       func() time.Time
	wake      chan struct{}
	unseen    atomic.Int64 // bytes that came since the last look
	calls     atomic.Int64 // that gRPC holds anything for

	connections *connections

	mu    sync.Mutex
	conns map[*arrivalConn]struct{}
}

// lookAfter is how many bytes come, of all connections together, until calls are looked at again.
const lookAfter = 4 << 20

// lookEvery is how often calls are looked at if fewer come.
const lookEvery = time.Second

// maxCalls is how many calls there may be at once, idle streams among them, which take about 20 KiB each.
const maxCalls = 10_000

var (
	errUnfinished = status.Errorf(codes.DeadlineExceeded, "the request did not come whole within %s", readTimeout)
	errNoRoom     = status.Error(codes.Unavailable, errOverBudget.Error())
	errManyCalls  = status.Errorf(codes.Unavailable, "there are as many calls and streams as there may be, %d: try again soon", maxCalls)
)

func newArrivals(b *budget, authorize func(method string, md metadata.MD) error) *arrivals {
	return &arrivals{
		budget: b, authorize: authorize, streams: map[string]bool{}, now: time.Now, wake: make(chan struct{}, 1),
		conns: map[*arrivalConn]struct{}{}, connections: newConnections(),
	}
}

// begin is gRPC's tap: it sees each call when its headers have come.
func (t *arrivals) begin(ctx context.Context, info *tap.Info) (context.Context, error) {
	conn := connOf(ctx)
	if conn == nil {
		return ctx, nil
	}
	a := &arrival{refused: t.refusal(info)}
	if _, timed := ctx.Deadline(); a.refused != nil && !timed {
		return nil, a.refused // gRPC drops what follows; of a call with a deadline it would keep a timer, which its end stops
	}
	if a.streaming = t.streams[info.FullMethodName]; !a.streaming {
		a.until = t.now().Add(readTimeout)
	}
	a.Context, a.cancel = context.WithCancel(ctx)
	conn.begin(a)
	return a, nil
}

// refusal is why a call is not served.
func (t *arrivals) refusal(info *tap.Info) error {
	if _, known := t.streams[info.FullMethodName]; !known {
		return status.Errorf(codes.Unimplemented, "unknown method %s", clip(info.FullMethodName))
	}
	if err := t.authorize(info.FullMethodName, info.Header); err != nil {
		return err
	}
	if t.calls.Load() >= maxCalls {
		return errManyCalls
	}
	return nil
}

func (t *arrivals) learn(c *arrivalConn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.conns[c] = struct{}{}
}

func (t *arrivals) forget(c *arrivalConn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.conns, c)
}

// came counts bytes of messages.
func (t *arrivals) came(bytes int64) {
	if t.unseen.Add(bytes) < lookAfter {
		return
	}
	t.unseen.Store(0)
	select {
	case t.wake <- struct{}{}:
	default: // it is about to look
	}
}

// run looks after calls until ctx ends.
func (t *arrivals) run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-t.wake:
		}
		t.look()
	}
}

// look ends the calls that took too long, and as many as must end for the rest to hold what the budget has left: of the
// connection that holds most, the one that has waited the longest, or any that holds something. A connection that holds too much
// by calls that are over, as its client does not read their answers, is closed.
func (t *arrivals) look() {
	t.mu.Lock()
	conns := slices.Collect(maps.Keys(t.conns))
	t.mu.Unlock()
	now := t.now()
	held, total := make([]int64, len(conns)), t.budget.held.Load()
	for i, c := range conns {
		c.expire(now)
		held[i] = c.holds(now)
		total += held[i]
	}
	for total > t.budget.limit {
		most := -1
		for i, n := range held {
			if n > 0 && (most < 0 || n > held[most]) {
				most = i
			}
		}
		if most < 0 {
			return
		}
		n := conns[most].endOne(now)
		if n == 0 {
			_ = conns[most].Close() // there is nothing more to be done for it
			n = held[most]
		}
		t.budget.refused.Inc()
		held[most] -= n
		total -= n
	}
}

// holds is how many bytes the calls hold. One that was ended lately is left out: its answer is on the way.
func (c *arrivalConn) holds(now time.Time) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	held := c.held
	for _, a := range c.calls {
		if a.ended != nil && now.Sub(a.endedAt) <= lookEvery {
			held -= a.held
		}
	}
	return held
}

// endOne ends a call that holds something, and tells how much.
func (c *arrivalConn) endOne(now time.Time) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	for a := c.first; a != nil; a = a.next {
		if a.held > 0 {
			c.end(a, now, errNoRoom)
			return a.held
		}
	}
	for _, a := range c.calls {
		if a.held > 0 && a.ended == nil {
			c.end(a, now, errNoRoom)
			return a.held
		}
	}
	return 0
}

// expire ends the calls whose time is over, and forgets those that ended by themselves.
func (c *arrivalConn) expire(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for a := c.first; a != nil; {
		next := a.next
		switch {
		case a.Err() != nil:
			c.leave(a)
		case !a.until.IsZero() && now.After(a.until):
			c.end(a, now, errUnfinished)
		}
		a = next
	}
}
