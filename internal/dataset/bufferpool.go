package dataset

import (
	"math/bits"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/memory"
)

// bufferPool is an Arrow allocator that hands out again what was freed, so that
// the pages of each row group lie where those of the group before lay. Memory
// that it hands out again is not cleared.
type bufferPool struct {
	mu   sync.Mutex
	free map[int][][]byte // by capacity
}

var _ memory.Allocator = (*bufferPool)(nil)

// leastPooled is the smallest buffer that is worth keeping.
const leastPooled = 1 << 10

// pooledSize rounds up, by an eighth at most, so that buffers of about one size stand in for each other.
func pooledSize(size int) int {
	unit := 1 << max(0, bits.Len(uint(size))-4)
	return (size + unit - 1) / unit * unit
}

// Allocate implements memory.Allocator.
func (p *bufferPool) Allocate(size int) []byte {
	if size < leastPooled {
		return make([]byte, size)
	}
	capacity := pooledSize(size)
	p.mu.Lock()
	defer p.mu.Unlock()
	if free := p.free[capacity]; len(free) > 0 {
		p.free[capacity] = free[:len(free)-1]
		return free[len(free)-1][:size]
	}
	return make([]byte, size, capacity)
}

// Reallocate implements memory.Allocator.
func (p *bufferPool) Reallocate(size int, b []byte) []byte {
	if cap(b) >= size {
		return b[:size]
	}
	out := p.Allocate(size)
	copy(out, b)
	p.Free(b)
	return out
}

// Free implements memory.Allocator.
func (p *bufferPool) Free(b []byte) {
	capacity := cap(b)
	if capacity < leastPooled || pooledSize(capacity) != capacity {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.free == nil {
		p.free = map[int][][]byte{}
	}
	p.free[capacity] = append(p.free[capacity], b[:0])
}
