package serving

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// What admits says before a request is read is what enqueue says of it afterwards.
func TestAdmitsWhatWouldBeLetIn(t *testing.T) {
	t.Parallel()
	g := newGate()
	b := NewBatcher(double{run: func(ctx context.Context, _ []onnx.Tensor) error { return g.pass(ctx) }},
		Batching{MaxRows: 4}, Limits{Running: 1, Waiting: 20, Latency: 100 * time.Millisecond}, nil)
	require.NoError(t, b.admits(), "a place is free")
	b.service = 30 * time.Millisecond
	var callers sync.WaitGroup
	callers.Go(func() {
		_, err := b.Infer(context.Background(), request(0, 1, 1), 0)
		require.NoError(t, err)
	})
	<-g.entered
	refused := 0
	for range 20 {
		said := b.admits()
		b.mu.Lock()
		err := b.enqueue(b.newCall(context.Background(), request(1, 1, 1), 0))
		b.mu.Unlock()
		require.Equal(t, err, said)
		if err != nil {
			require.ErrorIs(t, said, ErrBusy)
			refused++
		}
	}
	require.Equal(t, 12, refused)
	close(g.open)
	callers.Wait()
}

// Those who are held back for each other are bounded too, by what a batch has room for at least.
func TestHoldingBackIsBounded(t *testing.T) {
	t.Parallel()
	b := NewBatcher(double{}, Batching{MaxRows: 4, MaxDelay: time.Hour}, Limits{Running: 1, Waiting: 2}, nil)
	b.mu.Lock()
	defer b.mu.Unlock()
	let := 0
	for range 10 {
		c := b.newCall(context.Background(), request(1, 1, 1), 0)
		require.True(t, b.hold(c))
		if err := b.enqueue(c); err != nil {
			require.ErrorIs(t, err, ErrBusy)
			continue
		}
		let++
	}
	require.Equal(t, 4, let)
	b.stopTimer()
}
