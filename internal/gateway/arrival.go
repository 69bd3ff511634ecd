package gateway

import (
	"context"
	"encoding/binary"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

// arrival is a call, as its context, and what has come of its messages.
type arrival struct {
	context.Context
	cancel    context.CancelFunc
	conn      *arrivalConn
	streaming bool  // it may have many messages, and any time between them
	refused   error // it is not to be served; nothing of it is read

	// Below the connection's lock.
	prev, next *arrival
	stream     transportStream // nil before the handler begins
	waits      bool
	until      time.Time // what it waits for must have come by then; zero: any time
	ended      error
	endedAt    time.Time

	held   int64               // bytes that gRPC holds of its messages, and what each message takes beside them
	prefix [messagePrefix]byte // of the message that is coming
	got    int                 // bytes of the prefix
	left   uint32              // bytes of the message after the prefix that are yet to come
	unread []uint32            // lengths of the messages that came whole and were not read
	few    [2]uint32           // where unread begins
}

// messagePrefix is the length of what gRPC puts before each message: whether it is compressed, and its length.
const messagePrefix = 5

// messageOverhead is about what keeping a message takes beside its bytes.
const messageOverhead = 16

type arrivalKey struct{}

// Value implements context.Context.
func (a *arrival) Value(key any) any {
	if key == (arrivalKey{}) {
		return a
	}
	return a.Context.Value(key)
}

// transportStream is what gRPC's transport can do for a call. It writes one status, the first.
type transportStream interface {
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

// partial tells that a message has begun and has not come whole. The caller holds the connection's lock.
func (a *arrival) partial() bool { return a.got > 0 }

// arrived notes a part of the messages; of a stream, a message has its time from its first byte. The caller holds the connection's lock.
func (a *arrival) arrived(data []byte, now func() time.Time) {
	a.held += int64(len(data))
	for len(data) > 0 {
		if a.got < messagePrefix {
			if a.got == 0 {
				a.held += messageOverhead
				if a.streaming {
					a.until = now().Add(readTimeout)
				}
			}
			n := copy(a.prefix[a.got:], data)
			data = data[n:]
			if a.got += n; a.got < messagePrefix {
				return
			}
			a.left = binary.BigEndian.Uint32(a.prefix[1:])
		}
		n := min(uint64(a.left), uint64(len(data)))
		data = data[n:]
		if a.left -= uint32(n); a.left > 0 { //nolint:gosec // at most left
			return
		}
		if a.unread == nil {
			a.unread = a.few[:0]
		}
		a.unread = append(a.unread, binary.BigEndian.Uint32(a.prefix[1:]))
		if a.got = 0; a.streaming {
			a.until = time.Time{}
		}
	}
}

// awaits notes that a stream's handler waits for the next message. What has begun has its time from then on: before, there may
// have been no room for the rest.
func (a *arrival) awaits() {
	a.conn.mu.Lock()
	defer a.conn.mu.Unlock()
	if a.partial() {
		a.until = a.conn.arrivals.now().Add(readTimeout)
	}
	a.conn.wait(a)
}

// receive reads a call's next message; an error is why it was ended, if it was.
func (a *arrival) receive(read func(any) error, into any) error {
	err := read(into)
	c := a.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leave(a)
	if err == nil && len(a.unread) > 0 {
		n := min(a.held, int64(a.unread[0])+messagePrefix+messageOverhead) // nothing is held of a stream that is over
		a.held -= n
		c.held -= n
		if a.unread = a.unread[1:]; len(a.unread) == 0 {
			a.unread = a.few[:0]
		}
	}
	if a.ended != nil {
		return a.ended
	}
	return err
}

// gone notes that a call is answered.
func (a *arrival) gone() {
	a.conn.mu.Lock()
	defer a.conn.mu.Unlock()
	a.conn.leave(a)
}
