package artifacts

import (
	"sync"
	"sync/atomic"
)

// buffers are used again as long as an upload lasts: in memory that is new, touching
// a page for the first time costs more than copying it. A sync.Pool would lose
// them at every other garbage collection. Each fits a pack of the usual size.
type buffers struct{ free freeList }

// pack returns an empty buffer for a pack.
func (b *buffers) pack() *[]byte { return b.free.take(packTarget) }

// freeList is buffers that nobody uses.
type freeList struct {
	mu   sync.Mutex
	free []*[]byte
}

// take returns an empty buffer, aligned for direct writes.
func (l *freeList) take(size int) *[]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.free); n > 0 {
		p := l.free[n-1]
		l.free = l.free[:n-1]
		*p = (*p)[:0]
		return p
	}
	p := alignedBuffer(size)
	return &p
}

// give takes a buffer back.
func (l *freeList) give(p *[]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free = append(l.free, p)
}

// group is some chunks next to each other, where they would be in a pack of them all.
type group struct {
	buffer *[]byte // room for the header of a pack, then the chunks
	data   []byte  // of the chunks, once they are cut
	chunks []chunk
	users  *atomic.Int32 // who still read the buffer
}

// group returns an empty group that two will use.
func (b *buffers) group() group {
	g := group{buffer: b.pack(), users: new(atomic.Int32)}
	*g.buffer = (*g.buffer)[:packHeader]
	g.users.Store(2)
	return g
}

// release tells that one of a group's users is done with its data.
func (b *buffers) release(g group) {
	if g.users.Add(-1) == 0 {
		b.free.give(g.buffer)
	}
}
