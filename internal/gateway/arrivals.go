package gateway

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	"github.com/slipway-ml/slipway/internal/oip"
)

// arrivals bounds what gRPC holds of messages that have not come whole, which no handler sees: they may hold
// what the budget has left, and those that are not of a stream must come whole within readTimeout. One
// goroutine looks after all calls.
type arrivals struct {
	budget  *budget
	most    int64           // bytes that gRPC takes in for one call before its message is whole
	streams map[string]bool // the methods whose handlers tell that a message has come; of streams true
	now     func() time.Time
	wake    chan struct{}
	unseen  atomic.Int64 // bytes that came since the last look

	mu    sync.Mutex
	conns map[*arrivalConn]struct{}
}

// lookAfter is how many bytes come, of all connections together, until calls are looked at again.
const lookAfter = 4 << 20

// lookEvery is how often calls are looked at if fewer come.
const lookEvery = time.Second

var (
	errUnfinished = status.Errorf(codes.DeadlineExceeded, "the request did not come whole within %s", readTimeout)
	errNoRoom     = status.Error(codes.Unavailable, errOverBudget.Error())
)

func newArrivals(b *budget, maxMessage int64) *arrivals {
	return &arrivals{
		budget: b, most: maxMessage + streamWindow, streams: map[string]bool{}, now: time.Now,
		wake: make(chan struct{}, 1), conns: map[*arrivalConn]struct{}{},
	}
}

// arrival is a call, as its context, of which a message is awaited.
type arrival struct {
	context.Context
	cancel  context.CancelFunc
	conn    *arrivalConn
	message oip.Sized

	// Below the connection's lock.
	prev, next *arrival
	stream     transportStream // nil before the handler begins
	waits      bool
	start      int64     // the connection's pending bytes when it began to wait
	until      time.Time // zero: it may take any time, as a stream whose client has nothing to ask
	ended      error
}

type arrivalKey struct{}

// Value implements context.Context.
func (a *arrival) Value(key any) any {
	if key == (arrivalKey{}) {
		return a
	}
	return a.Context.Value(key)
}

// begin is gRPC's tap: it sees each call when its headers have come.
func (t *arrivals) begin(ctx context.Context, info *tap.Info) (context.Context, error) {
	conn := connOf(ctx)
	stream, known := t.streams[info.FullMethodName]
	if conn == nil || !known {
		return ctx, nil
	}
	a := &arrival{conn: conn}
	if !stream {
		a.until = t.now().Add(readTimeout)
	}
	a.Context, a.cancel = context.WithCancel(ctx)
	conn.wait(a)
	return a, nil
}

// transportStream is what gRPC's transport can do for a call. It writes one status, the first.
type transportStream interface {
	RecvCompress() string
	WriteStatus(s *status.Status) error
}

// attach tells a call's stream, when its handler begins.
func (a *arrival) attach(ctx context.Context) {
	s, _ := grpc.ServerTransportStreamFromContext(ctx).(transportStream)
	a.conn.mu.Lock()
	defer a.conn.mu.Unlock()
	if a.stream = s; s != nil && a.ended != nil { // there was nobody to answer
		_ = s.WriteStatus(status.Convert(a.ended)) // as in end
	}
}

// compressed tells that the length of messages is not what came of them, as far as is known.
func (a *arrival) compressed() bool {
	if a.stream == nil {
		return true
	}
	c := a.stream.RecvCompress()
	return c != "" && c != encoding.Identity
}

// receive reads a call's next message; an error is why it was ended, if it was.
func (a *arrival) receive(read func(any) error, into any) error {
	a.message = oip.Sized{Message: into}
	err := read(&a.message)
	if n := int64(a.message.Bytes); err == nil && !a.compressed() { // else it keeps counting
		a.conn.pending.Add(-n - messagePrefix)
	}
	a.conn.mu.Lock()
	defer a.conn.mu.Unlock()
	a.conn.leave(a)
	if a.ended != nil {
		return a.ended
	}
	return err
}

// messagePrefix is the length of what gRPC puts before each message.
const messagePrefix = 5

// gone forgets a call that is answered.
func (a *arrival) gone() {
	a.conn.mu.Lock()
	defer a.conn.mu.Unlock()
	a.conn.leave(a)
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

// look ends the calls that took too long, and as many as must end for the rest to hold what the budget has left: of
// the connection that holds most, the one that has waited the longest.
func (t *arrivals) look() {
	t.mu.Lock()
	conns := slices.Collect(maps.Keys(t.conns))
	t.mu.Unlock()
	now := t.now()
	held, total := make([]int64, len(conns)), t.budget.held.Load()
	for i, c := range conns {
		c.expire(now)
		held[i] = c.held()
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
		if conns[most].endOldest(errNoRoom) {
			t.budget.refused.Inc()
		}
		total -= held[most]
		held[most] = conns[most].held()
		total += held[most]
	}
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
			c.end(a, errUnfinished)
		}
		a = next
	}
}
