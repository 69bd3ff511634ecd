package gateway

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// countingCredentials add no security: their handshake is where gRPC lets a server put its own
// connection in place and hands it to each call, as the peer's AuthInfo.
type countingCredentials struct {
	credentials.TransportCredentials
	arrivals *arrivals
}

func newCountingCredentials(a *arrivals) credentials.TransportCredentials {
	return countingCredentials{insecure.NewCredentials(), a}
}

// ServerHandshake implements credentials.TransportCredentials.
func (c countingCredentials) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if !c.arrivals.connections.take() {
		return nil, nil, errManyConnections
	}
	conn := newArrivalConn(raw, c.arrivals)
	return conn, conn, nil
}

var errManyConnections = errors.New("there are as many connections as there may be")

// Clone implements credentials.TransportCredentials.
func (c countingCredentials) Clone() credentials.TransportCredentials { return c }

// arrivalConn is a connection that knows what has come for each of its calls. It hands out what it reads up to the end of a
// request's headers at most: gRPC has begun a call before it asks for what follows them.
type arrivalConn struct {
	net.Conn
	arrivals *arrivals

	// Of the reading goroutine.
	in      frames
	rest    []byte // was read and not handed out
	restErr error  // came with it
	opened  uint32 // the stream whose headers came last

	out frames // of the writing goroutine

	mu          sync.Mutex
	calls       map[uint32]*arrival // by stream, until the stream's end has been sent or received
	held        int64               // what they hold together
	first, last *arrival            // those that wait for a message, in the order in which they began to
	waiting     int64
	known       bool // arrivals has it
	closed      bool
}

func newArrivalConn(raw net.Conn, a *arrivals) *arrivalConn {
	return &arrivalConn{Conn: raw, arrivals: a, in: newFrames(), calls: map[uint32]*arrival{}}
}

// AuthType implements credentials.AuthInfo.
func (c *arrivalConn) AuthType() string { return "none" }

// maxRest is the largest buffer that is kept for what is handed out later.
const maxRest = 4 << 10

// Read implements net.Conn.
func (c *arrivalConn) Read(p []byte) (int, error) {
	if len(c.rest) > 0 {
		n := copy(p, c.rest)
		n = c.received(p[:n])
		if c.rest = c.rest[n:]; len(c.rest) > 0 {
			return n, nil
		}
		err := c.restErr
		c.restErr = nil
		return n, err
	}
	n, err := c.Conn.Read(p)
	used := c.received(p[:n])
	if used == n {
		return n, err
	}
	if cap(c.rest) > maxRest {
		c.rest = nil
	}
	c.rest, c.restErr = append(c.rest[:0], p[used:n]...), err
	return used, nil
}

// received notes what came, up to the end of headers, and tells how much that is.
func (c *arrivalConn) received(p []byte) int {
	used, data := 0, 0
	for opened := false; used < len(p) && !opened; {
		n, event := c.in.step(p[used:])
		used += n
		switch {
		case event.opened:
			c.opened, opened = event.stream, true
		case event.reset:
			c.over(event.stream)
		case len(event.data) > 0:
			data += len(event.data)
			c.arrived(event.stream, event.data)
		}
	}
	c.arrivals.came(int64(data))
	return used
}

// Write implements net.Conn.
func (c *arrivalConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	for sent := p[:n]; len(sent) > 0; {
		n, event := c.out.step(sent)
		if sent = sent[n:]; event.ended || event.reset {
			c.over(event.stream)
		}
	}
	return n, err
}

// Close implements net.Conn.
func (c *arrivalConn) Close() error {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		c.arrivals.connections.give()
		c.arrivals.calls.Add(-int64(len(c.calls)))
		clear(c.calls)
	}
	c.mu.Unlock()
	c.arrivals.forget(c)
	return c.Conn.Close()
}

// begin notes a call whose headers came last, and that it waits for a message.
func (c *arrivalConn) begin(a *arrival) {
	a.conn = c
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.calls[c.opened] = a
	c.arrivals.calls.Add(1)
	c.wait(a)
}

// arrived notes a part of a call's messages.
func (c *arrivalConn) arrived(stream uint32, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.calls[stream]; a != nil {
		before := a.held
		a.arrived(data, c.arrivals.now)
		c.held += a.held - before
	}
}

// over notes that a stream is no more: gRPC holds nothing of it.
func (c *arrivalConn) over(stream uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.calls[stream]; a != nil {
		delete(c.calls, stream)
		c.arrivals.calls.Add(-1)
		c.leave(a)
		c.held -= a.held
		a.held = 0
	}
}

// wait notes that a call waits for a message. The caller holds the lock.
func (c *arrivalConn) wait(a *arrival) {
	if !c.known && !c.closed {
		c.known = true
		c.arrivals.learn(c)
	}
	if a.waits = true; c.last == nil {
		c.first = a
	} else {
		c.last.next, a.prev = a, c.last
	}
	c.last = a
	c.waiting++
}

// leave takes a call out of those that wait, if it is one. The caller holds the lock.
func (c *arrivalConn) leave(a *arrival) {
	if !a.waits {
		return
	}
	if a.prev == nil {
		c.first = a.next
	} else {
		a.prev.next = a.next
	}
	if a.next == nil {
		c.last = a.prev
	} else {
		a.next.prev = a.prev
	}
	a.prev, a.next, a.waits = nil, nil, false
	c.waiting--
}

// end answers why and makes gRPC drop what has come of a call. The caller holds the lock.
func (c *arrivalConn) end(a *arrival, now time.Time, why error) {
	a.ended, a.endedAt = why, now
	c.leave(a)
	if a.stream != nil {
		_ = a.stream.WriteStatus(status.Convert(why)) // before gRPC says no more than that it was cancelled; a client that left is no trouble
	}
	a.cancel()
}

// connOf is the connection by which a call came.
func connOf(ctx context.Context) *arrivalConn {
	if p, ok := peer.FromContext(ctx); ok {
		c, _ := p.AuthInfo.(*arrivalConn)
		return c
	}
	return nil
}
