package gateway

import (
	"context"
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"

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
	conn := &arrivalConn{Conn: raw, arrivals: c.arrivals, frames: newFrames()}
	return conn, conn, nil
}

// Clone implements credentials.TransportCredentials.
func (c countingCredentials) Clone() credentials.TransportCredentials { return c }

// arrivalConn is a connection that counts the bytes of messages that come in, and knows
// the calls whose message has not come whole.
type arrivalConn struct {
	net.Conn
	arrivals *arrivals
	frames   frames       // of the reading goroutine
	pending  atomic.Int64 // bytes that came, less those of messages that came whole

	mu          sync.Mutex
	first, last *arrival // in the order in which they began to wait
	waiting     int64
	known       bool // arrivals has it
	closed      bool
}

// AuthType implements credentials.AuthInfo.
func (c *arrivalConn) AuthType() string { return "none" }

// Read implements net.Conn.
func (c *arrivalConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if bytes := c.frames.data(p[:n]); bytes > 0 {
		c.pending.Add(bytes)
		c.arrivals.came(bytes)
	}
	return n, err
}

// Close implements net.Conn.
func (c *arrivalConn) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.arrivals.forget(c)
	return c.Conn.Close()
}

// wait notes that a call waits for a message.
func (c *arrivalConn) wait(a *arrival) {
	a.start = c.pending.Load()
	c.mu.Lock()
	defer c.mu.Unlock()
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

// leave takes a call out, if it is in. The caller holds the lock.
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

// held is how many bytes its waiting calls hold at most: what came since the oldest of them began
// and was not a message that came whole, and no more than flow control lets through.
func (c *arrivalConn) held() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first == nil {
		return 0
	}
	return max(0, min(c.waiting*c.arrivals.most, c.pending.Load()-c.first.start))
}

// endOldest ends the call that has waited the longest, and tells whether there was one.
func (c *arrivalConn) endOldest(why error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first == nil {
		return false
	}
	c.end(c.first, why)
	return true
}

// end answers why and makes gRPC drop what has come of a call. The caller holds the lock.
func (c *arrivalConn) end(a *arrival, why error) {
	a.ended = why
	c.leave(a)
	if a.stream != nil {
		_ = a.stream.WriteStatus(status.Convert(why)) // before gRPC says no more than that it was cancelled; a client that left is no trouble
	}
	a.cancel()
}

// prefaceLength and frameHeaderLength are RFC 9113's, sections 3.4 and 4.1.
const (
	prefaceLength     = 24
	frameHeaderLength = 9
)

// frames tells the bytes of DATA frames from others in what an HTTP/2 client sends.
type frames struct {
	header [frameHeaderLength]byte
	got    int    // bytes of the header
	left   uint32 // bytes of the frame that are yet to come
	isData bool
}

func newFrames() frames { return frames{left: prefaceLength} }

// data counts the payloads of DATA frames in the bytes that came next.
func (f *frames) data(p []byte) int64 {
	bytes := int64(0)
	for len(p) > 0 {
		if f.left == 0 {
			n := copy(f.header[f.got:], p)
			p = p[n:]
			if f.got += n; f.got == frameHeaderLength {
				f.got, f.isData = 0, f.header[3] == 0
				f.left = binary.BigEndian.Uint32(f.header[:4]) >> 8
			}
			continue
		}
		n := min(uint64(f.left), uint64(len(p)))
		if f.isData {
			bytes += int64(n) //nolint:gosec // at most a slice's length
		}
		p = p[n:]
		f.left -= uint32(n) //nolint:gosec // at most left
	}
	return bytes
}

// connOf is the connection by which a call came.
func connOf(ctx context.Context) *arrivalConn {
	if p, ok := peer.FromContext(ctx); ok {
		c, _ := p.AuthInfo.(*arrivalConn)
		return c
	}
	return nil
}
