package serving

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/spec"
)

// gated is a Batcher as slow makes it, that has a share.
func gated(s *share, b Batching) (*Batcher, func() []Batch) {
	out, ran := slow(b)
	out.gate = s
	return out, ran
}

func one(t *testing.T, b *Batcher, ctx context.Context) error {
	t.Helper()
	_, err := b.Infer(ctx, request(1, 1, 1), Usual)
	return err
}

// Who arrives while the resources are taken is in the batch that gets them: it is closed as late as can be.
func TestRequestsJoinABatchThatWaitsForResources(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(nil)
		other := joined(t, l, 1, spec.Resources{"r": 1})
		b, ran := gated(joined(t, l, 1, spec.Resources{"r": 1}), Batching{MaxRows: 8})
		require.NoError(t, one(t, b, t.Context()))
		require.Equal(t, Batch{Rows: 1, Requests: 1, Cut: CutIdle, Queue: []time.Duration{0}, Compute: batchTime, Shares: true}, ran()[0])
		require.NoError(t, other.acquire(t.Context()))
		var all sync.WaitGroup
		for i := range 11 {
			all.Go(func() { time.Sleep(time.Duration(i) * time.Second); require.NoError(t, one(t, b, t.Context())) })
		}
		time.Sleep(time.Minute)
		require.Equal(t, 11, b.Pending())
		other.release()
		synctest.Wait()
		require.Equal(t, 3, b.Pending(), "a batch has as many as it can")
		all.Wait()
		require.Equal(t, []int{1, 8, 3}, []int{ran()[0].Requests, ran()[1].Requests, ran()[2].Requests})
		require.Equal(t, CutFull, ran()[1].Cut)
		require.Equal(t, time.Minute, ran()[1].Wait)
		require.Equal(t, time.Minute-7*time.Second, ran()[1].Queue[7])
		require.Equal(t, CutDelay, ran()[2].Cut, "those whom a batch has just answered are waited for, as ever")
		synctest.Wait()
		require.Zero(t, l.levels()[0].Used)
		require.True(t, other.try(), "nobody waits any more")
	})
}

// A request whose time is over while its model waits for resources is answered on time, and others need not leave it anything.
func TestRequestsLeaveWhileTheirModelWaitsForResources(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(Stock{"r": {eachDevice: 2}})
		small, large := joined(t, l, 1, spec.Resources{"r": 1}), joined(t, l, 1, spec.Resources{"r": 2})
		require.NoError(t, small.acquire(t.Context()))
		b, ran := gated(large, Batching{MaxRows: 4})
		b.limits.Waiting = 0 // for a place, of which there is one
		start := time.Now()
		var all sync.WaitGroup
		for i := range 3 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i+1)*time.Second)
				defer cancel()
				require.ErrorIs(t, one(t, b, ctx), context.DeadlineExceeded)
				require.Equal(t, time.Duration(i+1)*time.Second, time.Since(start))
			})
		}
		synctest.Wait()
		require.False(t, small.try())
		all.Wait()
		synctest.Wait()
		require.True(t, small.try(), "nobody waits any more")
		require.Empty(t, ran())
		small.release()
		small.release()
		require.NoError(t, one(t, b, t.Context()), "the place is free again")
		synctest.Wait()
		require.Zero(t, l.levels()[0].Used)
	})
}

// Under load two models that can't run together have the turns that their priorities say.
func TestBatchersShareTurnsByPriority(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(nil)
		var running, most atomic.Int32
		var turns [2]atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for i, priority := range []int{1, 3} {
			model := double{run: func(context.Context, []onnx.Tensor) error {
				most.Store(max(most.Load(), running.Add(1)))
				defer running.Add(-1)
				time.Sleep(time.Duration(1+2*i) * time.Millisecond) // turns count, not time
				turns[i].Add(1)
				return nil
			}}
			b := NewBatcher(model, Batching{MaxRows: 2}, Limits{Running: 4, Waiting: 100}, nil)
			b.gate = joined(t, l, priority, spec.Resources{"r": 1})
			for range 12 {
				all.Go(func() {
					for ctx.Err() == nil {
						if err := one(t, b, ctx); err != nil {
							require.ErrorIs(t, err, context.Canceled)
						}
					}
				})
			}
		}
		time.Sleep(3 * time.Second)
		cancel()
		all.Wait()
		time.Sleep(time.Second) // the last batches end, which nobody waits for
		require.EqualValues(t, 1, most.Load(), "there is one")
		require.InDelta(t, 3, float64(turns[0].Load())/float64(turns[1].Load()), 0.02)
		require.Greater(t, turns[1].Load(), int64(300))
		require.Zero(t, l.levels()[0].Used)
	})
}

// Whatever requests do, no more runs than there is, and all of it is back when they have left.
func TestNoResourceIsLost(t *testing.T) {
	t.Parallel()
	l := newLimiter(Stock{"r": {eachDevice: 5}, "one": {Everywhere: 1}})
	needs := []spec.Resources{{"r": 1}, {"r": 2, "one": 1}, {"r": 5}, {"one": 1}}
	var used [2]atomic.Int64
	var callers sync.WaitGroup
	for i, need := range needs {
		model := double{run: func(ctx context.Context, in []onnx.Tensor) error {
			if n := used[0].Add(int64(need["r"])); n > 5 {
				t.Errorf("%d of 5 are used", n)
			}
			if n := used[1].Add(int64(need["one"])); n > 1 {
				t.Errorf("%d of 1 are used", n)
			}
			defer used[0].Add(-int64(need["r"]))
			defer used[1].Add(-int64(need["one"]))
			switch rand.IntN(8) {
			case 0:
				panic("a model")
			case 1:
				return errors.New("a model")
			case 2:
				<-ctx.Done()
			}
			return ctx.Err()
		}}
		b := NewBatcher(model, Batching{MaxRows: 4}, Limits{Running: 3, Waiting: 20}, nil)
		b.gate = joined(t, l, 1+i, need)
		for range 10 {
			callers.Go(func() {
				for range 100 {
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rand.IntN(2000))*time.Microsecond)
					_ = one(t, b, ctx) // any outcome will do
					cancel()
				}
			})
		}
	}
	callers.Wait()
	for _, need := range needs {
		s := joined(t, l, 1, need)
		require.NoError(t, s.acquire(t.Context()))
		s.release()
	}
	require.Eventually(t, func() bool {
		for _, level := range l.levels() {
			if level.Used != 0 {
				return false
			}
		}
		return true
	}, patience, time.Millisecond)
	l.mu.Lock()
	defer l.mu.Unlock()
	require.Empty(t, l.waiting)
}

// The time that a model waits for resources counts where a request is refused because its answer would be late.
func TestWaitingForResourcesCountsForAdmission(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(nil)
		other := joined(t, l, 1, spec.Resources{"r": 1})
		b, ran := gated(joined(t, l, 1, spec.Resources{"r": 1}), Batching{MaxRows: 2})
		b.limits.Latency = 10 * batchTime
		require.NoError(t, one(t, b, t.Context()))
		require.NoError(t, other.acquire(t.Context()))
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { require.NoError(t, one(t, b, t.Context())) })
			synctest.Wait()
			require.NoError(t, b.admits(), "nothing is known against it")
		}
		time.Sleep(5 * batchTime)
		require.ErrorIs(t, one(t, b, t.Context()), ErrBusy, "three turns of what the wait has taken so far are too long")
		require.ErrorIs(t, b.admits(), ErrBusy)
		other.release()
		all.Wait()
		require.Len(t, ran(), 3)

		// What was learned holds on when resources are free.
		b.waited = 4 * batchTime
		require.Equal(t, 4*batchTime, b.waits())
	})
}

// Full batches before readiness take their turn; what tells whether a model works does not wait.
func TestWarmUpWaitsAndHealthDoesNot(t *testing.T) {
	t.Parallel()
	var used, most atomic.Int32
	m := &rowwise{refuse: func(_ context.Context, in []float64) error {
		if len(in) > 1 {
			most.Store(max(most.Load(), used.Add(1)))
			used.Add(-1)
		}
		return nil
	}}
	p, _ := newPool(t, func(string, spec.Model) (Model, error) { return m, nil })
	other := joined(t, p.limiter, 1, spec.Resources{"r": 2})
	require.NoError(t, other.acquire(t.Context()))
	d := batched("1", 4)
	d.Config.Deployment.Resources = spec.Resources{"r": 1}
	require.NoError(t, p.Ensure([]Desired{d}))
	waits := func() bool { p.limiter.mu.Lock(); defer p.limiter.mu.Unlock(); return len(p.limiter.waiting) == 1 }
	require.Eventually(t, waits, patience, time.Millisecond)
	require.Equal(t, Loading, p.Statuses()[0].State)
	require.Zero(t, most.Load(), "no batch has run")
	other.release()
	lease := await(t, p, d.Key)
	defer lease.Release()
	require.Equal(t, []int{1, 2, 4}, p.Statuses()[0].WarmUp.Sizes)

	require.NoError(t, other.acquire(t.Context()))
	require.NoError(t, lease.Health(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := lease.Predict(ctx, Input{Matrix: [][]float64{{1}}})
	require.ErrorIs(t, err, context.DeadlineExceeded, "a request waits")
	other.release()
	_, err = lease.Predict(t.Context(), Input{Matrix: [][]float64{{1}}})
	require.NoError(t, err)
}

// A model whose batches could never run is not loaded, and the reason is told.
func TestPoolRefusesNeedsBeyondTheStock(t *testing.T) {
	t.Parallel()
	var opened atomic.Int32
	p, err := NewPool(PoolConfig{
		Runtime: scripts{func(string, spec.Model) (Model, error) { opened.Add(1); return &script{}, nil }}, Retry: time.Millisecond,
		Fetch: func(context.Context, string) ([]byte, error) { return nil, nil },
		Stock: Stock{"slots": {eachDevice: 2}, "memory": {"cpu": 4}},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close(context.Background())) })
	many, much, fits := want("many"), want("much"), want("fits")
	many.Config.Deployment.Resources = spec.Resources{"slots": 3}
	much.Config.Deployment.Resources = spec.Resources{"memory": 5, "slots": 1}
	fits.Config.Deployment.Resources = spec.Resources{"memory": 4, "slots": 2, "other": 9}
	require.NoError(t, p.Ensure([]Desired{many}))
	require.ErrorContains(t, p.Await(t.Context(), many.Key), `a batch takes 3 of the resource "slots", and there are 2 on each device`)
	require.Zero(t, opened.Load(), "it is refused before it is opened")
	require.NoError(t, p.Ensure([]Desired{much}))
	require.ErrorContains(t, p.Await(t.Context(), much.Key), `a batch takes 5 of the resource "memory", and there are 4 on cpu`)
	require.NoError(t, p.Ensure([]Desired{fits}))
	require.NoError(t, p.Await(t.Context(), fits.Key))
	require.Equal(t, []Level{{"memory", "cpu", 4, 0}, {"other", "cpu", 9, 0}, {"slots", "cpu", 2, 0}}, p.Resources())
	require.NoError(t, p.Ensure(nil))
	require.Eventually(t, func() bool { return len(p.Resources()) == 0 }, patience, time.Millisecond)
}
