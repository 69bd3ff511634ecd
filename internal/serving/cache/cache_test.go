package cache

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
)

func key(n int) (k Key) {
	binary.LittleEndian.PutUint64(k[:], uint64(n)*0x9e3779b97f4a7c15) //nolint:gosec // a spread, no number
	return k
}

// text is an answer of about n bytes that tells which it is.
func text(n int, tag string) []onnx.Tensor {
	return []onnx.Tensor{words("out", tag+strings.Repeat(".", n))}
}

// reference is a cache that is right because it is slow: the newest first.
type reference struct {
	keys    []int
	answers map[int]string
}

func (r *reference) use(k int) {
	if i := slices.Index(r.keys, k); i >= 0 {
		r.keys = slices.Delete(r.keys, i, i+1)
	}
	r.keys = slices.Insert(r.keys, 0, k)
}

// check compares a cache with what it should hold: those used last, as many as it still has.
func (r *reference) check(t *testing.T, c *Cache) {
	t.Helper()
	u := c.Usage()
	sum, at := c.empty(), c.newest
	if u.Bytes > u.Limit || u.Entries > len(r.keys) {
		t.Fatalf("%+v, %d were put in", u, len(r.keys))
	}
	for _, k := range r.keys[:u.Entries] {
		if at.key != key(k) {
			t.Fatal("not in the order of their use")
		}
		sum += at.bytes()
		at = at.older
	}
	if at != c.newest || sum != u.Bytes {
		t.Fatalf("the ring closes: %t; %d bytes, the entries have %d", at == c.newest, u.Bytes, sum)
	}
	r.keys = r.keys[:u.Entries]
}

func TestBytesNeverExceedTheLimit(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test that can be repeated
		limit := int64(3000 + random.IntN(60000))
		c, want := New(limit, nil), reference{answers: map[int]string{}}
		for range 2000 {
			k := random.IntN(200)
			if random.IntN(3) == 0 {
				got, ok := c.Get(key(k))
				held := slices.Contains(want.keys, k)
				if held != ok || ok && want.answers[k] != got[0].Strings[0] {
					t.Fatalf("%d: held %t, got %t %v", k, held, ok, got)
				}
				if ok {
					want.use(k)
				}
				continue
			}
			size := random.IntN(300)
			if random.IntN(50) == 0 {
				size = random.IntN(int(limit) + 2000)
			}
			out := text(size, string(rune('a'+random.IntN(26))))
			a := NewAnswer(out)
			c.Put(key(k), a)
			if i := slices.Index(want.keys, k); i >= 0 {
				want.keys = slices.Delete(want.keys, i, i+1)
			}
			if c.empty()+entryBytes+a.bytes() <= limit {
				want.use(k)
				want.answers[k] = out[0].Strings[0]
			}
			want.check(t, c)
		}
		require.Positive(t, c.Usage().Evicted)
	}
}

func TestNothingIsLetGoNeedlessly(t *testing.T) {
	t.Parallel()
	a := NewAnswer(text(100, "a"))
	c := New(4000, nil)
	room := int((c.limit - c.empty()) / (entryBytes + a.bytes()))
	for i := range room + 1 {
		c.Put(key(i), a)
	}
	require.Equal(t, Usage{Bytes: c.empty() + int64(room)*(entryBytes+a.bytes()), Limit: 4000, Entries: room, Evicted: 1}, c.Usage())
	_, ok := c.Get(key(0))
	require.False(t, ok, "the one used least recently")
	c.Put(key(5), NewAnswer(text(int(c.Usage().Limit), "b")))
	require.Equal(t, room-1, c.Usage().Entries, "what is too large takes no other's place, and what it would replace is old")
}

func TestClosedCacheHoldsNothing(t *testing.T) {
	t.Parallel()
	c := New(1<<20, nil)
	c.Put(key(1), NewAnswer(everyType()))
	c.Close()
	c.Put(key(2), NewAnswer(everyType()))
	for i := range 3 {
		_, ok := c.Get(key(i))
		require.False(t, ok)
	}
	require.Equal(t, Usage{Limit: 1 << 20}, c.Usage())
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	c := New(20000, nil)
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(g), 2)) //nolint:gosec // a test that can be repeated
			for range 2000 {
				k := random.IntN(100)
				tag := string(rune('A' + k))
				if out, ok := c.Get(key(k)); ok {
					if !strings.HasPrefix(out[0].Strings[0], tag) {
						t.Errorf("%d is answered with %s", k, out[0].Strings[0])
					}
					continue
				}
				c.Put(key(k), NewAnswer(text(random.IntN(400), tag)))
			}
		})
	}
	all.Wait()
	u := c.Usage()
	require.LessOrEqual(t, u.Bytes, u.Limit)
	require.Positive(t, u.Entries)
}

// What a cache says it holds is no less than what the runtime has allocated for it. It does not run beside other tests.
func TestBytesAreThoseOfTheHeap(t *testing.T) { //nolint:paralleltest // it measures the heap
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc) //nolint:gosec // no such heap
	}
	for _, size := range []int{0, 3, 90, 700, 5000, 40000} {
		before := heap()
		c := New(8e6, nil)
		for i := 0; c.Usage().Evicted < 2000; i++ {
			c.Put(key(i), NewAnswer(text(size+i%7, "x")))
		}
		held, u := heap()-before, c.Usage()
		t.Logf("answers of %d bytes: %d entries, %d bytes counted, %d on the heap", size, u.Entries, u.Bytes, held)
		require.LessOrEqual(t, held, u.Bytes+64<<10, "%d", size)
		require.Greater(t, u.Bytes, u.Limit*9/10, "the limit is made use of")
		runtime.KeepAlive(c)
	}
}
