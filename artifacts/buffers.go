package artifacts

import (
	"sync"
	"sync/atomic"
)

// buffers are used again: in memory that is new, touching a page for the first time
// costs more than copying it.
type buffers struct{ groups, packs sync.Pool }

// pack returns an empty buffer that a pack of the usual size fits into.
func (b *buffers) pack() *[]byte { return take(&b.packs, packTarget) }

func take(pool *sync.Pool, size int) *[]byte {
	if p, ok := pool.Get().(*[]byte); ok {
		*p = (*p)[:0]
		return p
	}
	p := make([]byte, 0, size)
	return &p
}

// group is some chunks next to each other.
type group struct {
	data   *[]byte
	chunks []chunk
	users  *atomic.Int32 // who still read data
}

// group returns an empty group that two will use.
func (b *buffers) group() group {
	g := group{data: take(&b.groups, groupBytes), users: new(atomic.Int32)}
	g.users.Store(2)
	return g
}

// release tells that one of a group's users is done with its data.
func (b *buffers) release(g group) {
	if g.users.Add(-1) == 0 {
		b.groups.Put(g.data)
	}
}
