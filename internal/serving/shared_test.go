package serving

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Requests with the same inputs that come at the same time run once.
func TestWhoWaitsForTheSameSharesARun(t *testing.T) {
	t.Parallel()
	g := newGate()
	m := &pairs{run: func(ctx context.Context, _ float64) error { return g.pass(ctx) }}
	i := remembering(m, Limits{Running: 4, Waiting: 100})
	var callers sync.WaitGroup
	for range 10 {
		callers.Go(func() {
			out, err := i.Infer(context.Background(), pair(4, "a"), 0)
			if err != nil || out[0].Doubles[0] != 8 || out[1].Strings[0] != "aa" {
				t.Error(out, err)
				return
			}
			out[0].Doubles[0] = 0 // it is this caller's alone
		})
	}
	<-g.entered
	require.Eventually(t, func() bool { return waiting(i) == 10 }, patience, time.Millisecond)
	close(g.open)
	callers.Wait()
	require.EqualValues(t, 1, m.rows.Load())
	c := i.Counts()
	require.EqualValues(t, 9, c.CacheHits.Count)
	require.EqualValues(t, 1, c.CacheMisses.Count)
	require.Greater(t, c.Queue.Time, c.CacheHits.Time, "they have waited, and the cache took little of it")
	require.Empty(t, i.responses.flights)
}

// waiting is how many requests wait for flights.
func waiting(i *Instance) int {
	i.responses.mu.Lock()
	defer i.responses.mu.Unlock()
	n := 0
	for _, f := range i.responses.flights {
		n += f.waiting
	}
	return n
}

func TestAFailureIsThatOfAllWhoShareIt(t *testing.T) {
	t.Parallel()
	g := newGate()
	m := &pairs{run: func(ctx context.Context, _ float64) error { return errors.Join(g.pass(ctx), ErrModel) }}
	i := remembering(m, Limits{})
	results := make(chan error, 3)
	for range 3 {
		go func() { _, err := i.Infer(context.Background(), pair(4, "a"), 0); results <- err }()
	}
	<-g.entered
	require.Eventually(t, func() bool { return waiting(i) == 3 }, patience, time.Millisecond)
	close(g.open)
	for range 3 {
		require.ErrorIs(t, <-results, ErrModel)
	}
	c := i.Counts()
	require.EqualValues(t, 3, c.CacheMisses.Count)
	require.Zero(t, c.CacheHits.Count)
}

// Each of those who share a run waits for as long as its own context lasts, whoever came first.
func TestWhoSharesARunLeavesAlone(t *testing.T) {
	t.Parallel()
	g := newGate()
	m := &pairs{run: func(ctx context.Context, _ float64) error { return g.pass(ctx) }}
	i := remembering(m, Limits{})
	leave := make([]context.CancelFunc, 3)
	results := make([]chan error, 3)
	for n := range results {
		var ctx context.Context
		ctx, leave[n] = context.WithCancel(context.Background())
		defer leave[n]()
		results[n] = make(chan error, 1)
		go func() { _, err := i.Infer(ctx, pair(4, "a"), 0); results[n] <- err }()
		require.Eventually(t, func() bool { return waiting(i) == n+1 }, patience, time.Millisecond)
	}
	leave[0]() // the one that the model runs for
	require.ErrorIs(t, <-results[0], context.Canceled)
	leave[2]()
	require.ErrorIs(t, <-results[2], context.Canceled)
	close(g.open)
	require.NoError(t, <-results[1])
	require.EqualValues(t, 1, m.rows.Load())
}

func TestARunThatNobodyWaitsForIsStopped(t *testing.T) {
	t.Parallel()
	g, stopped := newGate(), make(chan error, 1)
	m := &pairs{run: func(ctx context.Context, n float64) error {
		if n != 4 {
			return nil
		}
		err := g.pass(ctx)
		stopped <- err
		return err
	}}
	i := remembering(m, Limits{})
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 2)
	for range 2 {
		go func() { _, err := i.Infer(ctx, pair(4, "a"), 0); result <- err }()
	}
	<-g.entered
	require.Eventually(t, func() bool { return waiting(i) == 2 }, patience, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-result, context.Canceled)
	require.ErrorIs(t, <-result, context.Canceled)
	require.ErrorIs(t, <-stopped, context.Canceled)
	require.Zero(t, waiting(i), "the next request does not wait for it")
	held, _ := i.Cache()
	require.Zero(t, held.Entries)
}

// A request does not wait for the turn of a less urgent one.
func TestUrgentRequestsRunThemselves(t *testing.T) {
	t.Parallel()
	g := newGate()
	var mu sync.Mutex
	var order []float64
	m := &pairs{run: func(ctx context.Context, n float64) error {
		mu.Lock()
		order = append(order, n)
		mu.Unlock()
		return g.pass(ctx)
	}}
	i := NewInstance(m, Limits{Running: 1, Waiting: 10, Cache: 1e6}, Batching{}, nil)
	var callers sync.WaitGroup
	call := func(n float64, priority, pending, waits int) {
		callers.Go(func() {
			if _, err := i.Infer(context.Background(), pair(n, ""), priority); err != nil {
				t.Error(err)
			}
		})
		require.Eventually(t, func() bool { return i.Pending() == pending && waiting(i) == waits }, patience, time.Millisecond)
	}
	call(0, 5, 0, 1)
	<-g.entered
	call(1, 9, 1, 2)
	call(2, 5, 2, 3)
	call(1, 1, 3, 3) // it takes the place of the first, for those who come later
	call(1, 2, 3, 4) // which is more urgent than itself
	close(g.open)
	callers.Wait()
	require.Equal(t, []float64{0, 1, 2, 1}, order)
	require.EqualValues(t, 1, i.Counts().CacheHits.Count)
}
