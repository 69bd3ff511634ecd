package modelserver

import (
	"context"
	"net"
	"sync"
	"time"
)

// lane carries one call at a time: who calls writes the request and waits for the answer
// himself, so that a call wakes one thread on each side and no more.
type lane struct {
	conn  net.Conn
	watch *watcher    // of conn
	frame frameReader // of what is being read; a caller that leaves may have read a part
	out   []byte      // for the next request
	call  uint64      // the last one: the lane's number in the lowest byte, and how many calls it has carried
}

// maxLanes is how many lanes a pipe has at most: their numbers fit a byte.
const maxLanes = 256

// laneOf is the number of the lane that a call came by.
func laneOf(call uint64) int { return int(call % maxLanes) }

// maxKept is how large a buffer may be that is kept for the next call, in bytes.
const maxKept = 1 << 20

func newLane(conn net.Conn, number int) *lane {
	w := newWatcher(conn)
	return &lane{conn: conn, watch: w, frame: newFrameReader(w), call: uint64(number)} //nolint:gosec // small
}

// send writes a frame that was built in the lane's buffer.
func (l *lane) send(b []byte) error {
	if cap(b) <= maxKept {
		l.out = b
	}
	_, err := l.conn.Write(b)
	return err
}

// receive waits for the next frame, or until ctx ends; then left is true, and
// another receive goes on where this one stopped.
func (l *lane) receive(ctx context.Context) (f frame, left bool, err error) {
	if ctx.Done() == nil {
		f, err = l.frame.next()
		return f, false, err
	}
	interrupted := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { interrupted <- l.conn.SetReadDeadline(time.Unix(1, 0)) })
	f, err = l.frame.next()
	if stop() {
		return f, false, err
	}
	if failed := <-interrupted; failed != nil {
		return f, false, failed
	}
	if failed := l.conn.SetReadDeadline(time.Time{}); failed != nil {
		return f, false, failed
	}
	if timeout(err) {
		return frame{}, true, nil
	}
	return f, false, err
}

// laneStack holds the lanes that no call uses. The last one put back is the first taken: the
// thread at its other end is the one most likely to be awake.
type laneStack struct {
	tokens chan struct{} // as many as there are lanes; who has one may take a lane

	mu    sync.Mutex
	lanes []*lane
}

func newLaneStack(size int) *laneStack {
	return &laneStack{tokens: make(chan struct{}, size), lanes: make([]*lane, 0, size)}
}

// put gives a lane back.
func (s *laneStack) put(l *lane) {
	s.mu.Lock()
	s.lanes = append(s.lanes, l)
	s.mu.Unlock()
	s.tokens <- struct{}{}
}

// take is a lane for a token.
func (s *laneStack) take() *lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.lanes) - 1
	l := s.lanes[last]
	s.lanes = s.lanes[:last]
	return l
}

// full tells whether all lanes are free but as many as are named.
func (s *laneStack) full(but int) bool { return len(s.tokens) == cap(s.tokens)-but }
