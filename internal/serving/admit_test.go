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
