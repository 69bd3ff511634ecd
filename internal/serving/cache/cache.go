package cache

import (
	"encoding/binary"
	"sync"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// What a cache takes beside the blocks of its answers, in bytes; a test compares the sum
// with what the runtime allocates.
const (
	baseBytes   = 512 // the cache itself
	entryBytes  = 80  // an entry
	bucketBytes = 8   // a bucket of the table
)

// perBucket is how many bytes of the limit there are for each bucket. The smallest answers take more than a third of
// it, so that chains are short; the table, which is made at once and never grows, takes 3 % of the limit.
const perBucket = 256

// Cache keeps answers within a limit of bytes. Its methods may be called at the same time.
type Cache struct {
	names   []onnx.Info
	hashers sync.Pool

	mu    sync.Mutex
	limit int64
	bytes int64
	// table has the entries by key, those of a bucket as a chain. A map would hold the keys twice, and memory
	// that it does not tell of.
	table   []*entry
	count   int
	evicted uint64
	newest  *entry // of a ring by use; nil: there are none
}

// entry is an answer in the ring, where older follows newer and the newest follows the oldest, and in a chain of the table.
type entry struct {
	key          Key
	answer       Answer
	older, newer *entry
	chain        *entry
}

// Usage is what a cache holds.
type Usage struct {
	Bytes, Limit int64
	Entries      int
	// Evicted counts the answers that were let go for others.
	Evicted uint64
}

// New makes a cache of at most so many bytes, but at least of what an empty one takes, for a model with these outputs.
func New(limit int64, outputs []onnx.Info) *Cache {
	c := &Cache{names: outputs, hashers: sync.Pool{New: newHasher}, limit: limit, table: make([]*entry, max(limit/perBucket, 1))}
	c.bytes = baseBytes + int64(len(c.table))*bucketBytes
	return c
}

// Get copies the outputs that are kept for a key.
func (c *Cache) Get(k Key) ([]onnx.Tensor, bool) {
	c.mu.Lock()
	var e *entry
	if c.table != nil {
		e = *c.find(k)
	}
	if e == nil {
		c.mu.Unlock()
		return nil, false
	}
	c.leave(e)
	c.enter(e)
	c.mu.Unlock()
	return c.Tensors(e.answer), true
}

// Has tells whether an answer is kept for a key, which does not count as a use.
func (c *Cache) Has(k Key) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.table != nil && *c.find(k) != nil
}

// Tensors copies the outputs out of an answer.
func (c *Cache) Tensors(a Answer) []onnx.Tensor { return a.Tensors(c.names) }

// Put keeps an answer instead of those that were used least recently, unless it is too large for
// the cache by itself or the cache is closed.
func (c *Cache) Put(k Key, a Answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.table == nil {
		return
	}
	if old := *c.find(k); old != nil {
		c.drop(old)
	}
	e := &entry{key: k, answer: a}
	if c.empty()+e.bytes() > c.limit {
		return
	}
	for c.bytes+e.bytes() > c.limit {
		c.evicted++
		c.drop(c.newest.newer)
	}
	c.bytes += e.bytes()
	*c.find(k) = e
	c.count++
	c.enter(e)
}

// empty is what the cache takes without an answer. The caller holds c.mu.
func (c *Cache) empty() int64 { return baseBytes + int64(len(c.table))*bucketBytes }

func (e *entry) bytes() int64 { return entryBytes + e.answer.bytes() }

// find is where the table has an entry of the key, or would have it. The caller holds c.mu.
func (c *Cache) find(k Key) **entry {
	at := &c.table[binary.LittleEndian.Uint64(k[:])%uint64(len(c.table))]
	for *at != nil && (*at).key != k {
		at = &(*at).chain
	}
	return at
}

// drop forgets an entry. The caller holds c.mu.
func (c *Cache) drop(e *entry) {
	*c.find(e.key) = e.chain
	c.leave(e)
	c.count--
	c.bytes -= e.bytes()
}

// enter makes an entry the newest. The caller holds c.mu.
func (c *Cache) enter(e *entry) {
	if c.newest == nil {
		e.older, e.newer = e, e
	} else {
		oldest := c.newest.newer
		e.older, e.newer = c.newest, oldest
		oldest.older, c.newest.newer = e, e
	}
	c.newest = e
}

// leave takes an entry out of the ring. The caller holds c.mu.
func (c *Cache) leave(e *entry) {
	if e.older == e {
		c.newest = nil
		return
	}
	e.newer.older, e.older.newer = e.older, e.newer
	if c.newest == e {
		c.newest = e.older
	}
}

// Usage tells what the cache holds.
func (c *Cache) Usage() Usage {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Usage{Bytes: c.bytes, Limit: c.limit, Entries: c.count, Evicted: c.evicted}
}

// Close forgets everything, for good.
func (c *Cache) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.table, c.newest, c.count, c.bytes = nil, nil, 0, 0
}
