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

const batchTime = 16 * time.Millisecond

// slow is a Batcher of a model that takes batchTime for a batch, and the batches that it ran.
func slow(b Batching) (*Batcher, func() []Batch) {
	var mu sync.Mutex
	var ran []Batch
	model := double{run: func(context.Context, []onnx.Tensor) error { time.Sleep(batchTime); return nil }} // of a bubble
	return NewBatcher(model, b, Limits{Running: 1, Waiting: 1000}, func(done Batch) {
			mu.Lock()
			defer mu.Unlock()
			ran = append(ran, done)
		}), func() []Batch {
			mu.Lock()
			defer mu.Unlock()
			return ran
		}
}

// Callers who come back one after the other are answered together: no batch of theirs is cut in two.
func TestCallersOfABatchAreWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const callers, turns = 12, 50
		b, ran := slow(Batching{MaxRows: 64})
		var all sync.WaitGroup
		for c := range callers {
			all.Go(func() {
				time.Sleep(time.Duration(c) * 3 * time.Millisecond) // they do not start together
				for range turns {
					time.Sleep(time.Duration(c) * 200 * time.Microsecond)
					_, err := b.Infer(t.Context(), request(1, 1, 1), Usual)
					require.NoError(t, err)
				}
			})
		}
		all.Wait()
		whole := 0
		for _, r := range ran() {
			if r.Rows == callers {
				whole++
				require.Contains(t, []Cut{CutTogether, CutDelay}, r.Cut)
			}
		}
		require.Greater(t, whole, turns*3/4)
	})
}

// Who is alone waits for nobody, also if a request has many rows.
func TestNobodyIsWaitedForWhoIsNotExpected(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, ran := slow(Batching{MaxRows: 64})
		start := time.Now()
		for range 20 {
			_, err := b.Infer(t.Context(), request(1, 8, 1), Usual)
			require.NoError(t, err)
		}
		require.Equal(t, 20*batchTime, time.Since(start))
		require.Len(t, ran(), 20)
	})
}

// Callers who do not come back cost the next one a quarter of a batch, and soon nothing.
func TestWaitingForCallersInVainEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, ran := slow(Batching{MaxRows: 64})
		burst := func() {
			var all sync.WaitGroup
			for range 9 {
				all.Go(func() { _, err := b.Infer(t.Context(), request(1, 1, 1), Usual); require.NoError(t, err) })
			}
			all.Wait()
		}
		var waits []time.Duration
		for range 12 {
			burst() // a batch of one, and one of eight
			start := time.Now()
			_, err := b.Infer(t.Context(), request(1, 1, 1), Usual)
			require.NoError(t, err)
			waits = append(waits, time.Since(start)-batchTime)
			time.Sleep(time.Second)
		}
		require.Equal(t, batchTime/firstShare, waits[0])
		late := 0
		for _, w := range waits[1:] {
			if w > 0 {
				late++
			}
		}
		require.LessOrEqual(t, late, 3, "%v", waits)
		require.NotEmpty(t, ran())
	})
}
