package procs

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// process is one that is governed: its load is set by the test.
type process struct {
	mu     sync.Mutex
	peak   int           // in every watch
	queue  time.Duration // that goroutines wait in every watch
	waited time.Duration
	one    bool
	sets   int
}

func (p *process) load(peak int, queue time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.peak, p.queue = peak, queue
}

func (p *process) state() (one bool, sets int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.one, p.sets
}

func governed(t *testing.T) *process {
	t.Helper()
	p := &process{}
	g := &Governor{
		Peak: func() int { p.mu.Lock(); defer p.mu.Unlock(); return p.peak },
		Waited: func() time.Duration {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.waited += p.queue
			return p.waited
		},
		One: func(one bool) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.one, p.sets = one, p.sets+1
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); g.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
		one, _ := p.state()
		require.False(t, one, "in the end all threads run")
	})
	return p
}

// after lets so much of the bubble's time pass.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestOneThreadWhileRequestsComeOneAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := governed(t)
		is := func(want bool, why string) {
			t.Helper()
			one, _ := p.state()
			require.Equal(t, want, one, why)
		}
		after(3 * look)
		is(false, "nothing comes")
		p.load(2, 0)
		after(3 * look)
		is(false, "two at once")
		p.load(1, 2*watch)
		after(look + watch)
		is(true, "one at a time")
		after(10 * look)
		is(true, "and it goes on")
		p.load(1, 10*watch)
		after(2 * watch)
		p.load(1, 2*watch)
		after(10 * watch)
		is(true, "many waited, but not for long")
		p.load(1, 5*watch)
		after(5 * watch)
		is(false, "many wait for the thread all the time")
		p.load(1, 0)
		after(look + watch)
		is(true, "as it was long enough before")
		after(2 * look)
		p.load(2, 0)
		after(2 * watch)
		is(false, "two at once")
		p.load(1, 0)
		after(look + watch)
		p.load(0, 0)
		after(look - 2*watch)
		is(true, "a pause")
		after(4 * watch)
		is(false, "nothing came for long")
	})
}

func TestNotOneThreadAgainAndAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := governed(t)
		p.load(1, 9*watch) // one at a time, but one thread is never enough
		after(200 * look)
		_, sets := p.state()
		require.Equal(t, 2*8, sets, "tried after 1, 2 more, 4, 8, 16, 32, 64 and 64 looks left out in 200")
	})
}

// Goroutines that are ready and find no thread are seen to wait.
func TestWaits(t *testing.T) { //nolint:paralleltest // others would wait as well
	w := newWaits()
	before := w.total()
	const hogs = 64
	var all sync.WaitGroup
	for range hogs {
		all.Go(func() {
			for range 200 {
				x := 0
				for i := range 20_000 {
					x += i
				}
				runtime.KeepAlive(x)
				runtime.Gosched()
			}
		})
	}
	all.Wait()
	require.Greater(t, w.total(), before)
}
