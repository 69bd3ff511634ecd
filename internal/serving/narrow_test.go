package serving

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// sideBySide is a Batcher with one place, or two on a thread each, and what it ran: the rows of each batch, whether it was on one
// thread, and the most at once of either way.
type sideBySide struct {
	*Batcher
	mu           sync.Mutex
	now          map[bool]int
	most         map[bool]int
	mixed        bool
	narrow, wide []int64
}

func newSideBySide() *sideBySide {
	s := &sideBySide{now: map[bool]int{}, most: map[bool]int{}}
	model := double{run: func(ctx context.Context, in []onnx.Tensor) error {
		narrow := OnOneThread(ctx)
		s.mu.Lock()
		s.now[narrow]++
		s.most[narrow] = max(s.most[narrow], s.now[narrow])
		s.mixed = s.mixed || s.now[true] > 0 && s.now[false] > 0
		if narrow {
			s.narrow = append(s.narrow, in[0].Rows())
		} else {
			s.wide = append(s.wide, in[0].Rows())
		}
		s.mu.Unlock()
		time.Sleep(batchTime) // of a bubble
		s.mu.Lock()
		s.now[narrow]--
		s.mu.Unlock()
		return nil
	}}
	s.Batcher = NewBatcher(model, Batching{MaxRows: 16}, Limits{Running: 1, Narrow: 2, Waiting: 1000}, nil)
	return s
}

// callers send one row after the other, each a little apart, so many times.
func (s *sideBySide) callers(t *testing.T, n, times int) {
	t.Helper()
	var all sync.WaitGroup
	for c := range n {
		all.Go(func() {
			time.Sleep(time.Duration(c) * 100 * time.Microsecond)
			for range times {
				_, err := s.Infer(t.Context(), request(1, 1, 1), Usual)
				require.NoError(t, err)
				time.Sleep(time.Duration(c%7) * 50 * time.Microsecond)
			}
		})
	}
	all.Wait()
}

// With several batches in hand they run two at once, of as many rows each, and never beside one that has all threads.
func TestManyCallersAreAnsweredSideBySide(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSideBySide()
		s.callers(t, 48, 40)
		require.Equal(t, map[bool]int{true: 2, false: 1}, s.most)
		require.False(t, s.mixed)
		require.Greater(t, len(s.narrow), 10*len(s.wide))
		full := 0
		for _, rows := range s.narrow {
			if rows == 16 {
				full++
			}
		}
		require.Greater(t, full, len(s.narrow)*3/4, "%v", s.narrow)
	})
}

// Callers that fit one batch have all threads, also after others have gone.
func TestFewCallersHaveAllThreads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSideBySide()
		s.callers(t, 12, 20)
		require.Empty(t, s.narrow)
		s.callers(t, 48, 10)
		before := len(s.narrow)
		require.Positive(t, before)
		time.Sleep(time.Second)
		s.callers(t, 12, 20)
		require.Len(t, s.narrow, before)
		require.False(t, s.mixed)
		require.False(t, s.Batcher.narrow)
	})
}

// A large request that has no company has all threads, also after many callers and if it is of more than a batch.
func TestOneLargeRequestHasAllThreads(t *testing.T) {
	t.Parallel()
	for _, rows := range []int{16, 100} {
		synctest.Test(t, func(t *testing.T) {
			s := newSideBySide()
			s.callers(t, 48, 10)
			require.True(t, s.Batcher.narrow)
			before := len(s.narrow)
			for range 5 {
				_, err := s.Infer(t.Context(), request(1, rows, 1), Usual)
				require.NoError(t, err)
			}
			require.Len(t, s.narrow, before)
			require.Equal(t, 1, s.most[false])
		})
	}
}

// Two callers of large requests have a thread each.
func TestLargeRequestsAreAnsweredSideBySide(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSideBySide()
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				for range 20 {
					_, err := s.Infer(t.Context(), request(1, 16, 1), Usual)
					require.NoError(t, err)
				}
			})
		}
		all.Wait()
		require.Greater(t, len(s.narrow), 30, "%v beside %v", s.narrow, s.wide)
		require.Equal(t, 2, s.most[true])
		require.False(t, s.mixed)
	})
}

// Requests that share no batch, or only a small one, have all threads however many wait.
func TestSmallBatchesHaveAllThreads(t *testing.T) {
	t.Parallel()
	for _, most := range []int{1, leastNarrow - 1, leastNarrow} {
		b := NewBatcher(double{}, Batching{MaxRows: most}, Limits{Running: 1, Narrow: 4, Waiting: 1000}, nil)
		b.rows = 100
		want := 1
		if most >= leastNarrow {
			want = 4
		}
		require.Equal(t, want, b.places(0), most)
		require.Equal(t, want > 1, b.narrow)
		b.apart.Store(true) // found out while it was so
		require.Equal(t, 1, b.places(0))
		require.False(t, b.narrow)
	}
}

// Where rows are few in hand while one batch still runs side by side, the next waits for all threads.
func TestGoingBackToAllThreads(t *testing.T) {
	t.Parallel()
	b := NewBatcher(double{}, Batching{MaxRows: 16}, Limits{Running: 1, Narrow: 4, Waiting: 1000}, nil)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rows = 30
	require.Equal(t, 4, b.places(0))
	require.Equal(t, int64(8), b.share())
	b.running, b.rows, b.busy = 1, 0, 8
	require.Zero(t, b.places(1))
	b.busy = 15
	require.Equal(t, 4, b.places(1))
	b.running, b.busy = 0, 0
	require.Equal(t, 1, b.places(1))
	require.Equal(t, int64(16), b.share())
}
