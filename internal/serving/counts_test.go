package serving

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// The parts of a batch are measured apart: requests that shared one have an input and an output, one alone has neither.
func TestPhasesOfABatch(t *testing.T) {
	t.Parallel()
	g := newGate()
	var batches []Batch
	var c counts
	b := NewBatcher(double{run: func(ctx context.Context, _ []onnx.Tensor) error { return g.pass(ctx) }},
		Batching{MaxRows: 1000}, Limits{Running: 1, Waiting: 10}, func(done Batch) { batches = append(batches, done); c.add(done) })
	results := queued(t, b, g, [][]onnx.Tensor{request(1, 100, 200), request(2, 100, 200)}, usual)
	close(g.open)
	for _, r := range results {
		require.NoError(t, <-r)
	}
	require.Len(t, batches, 2)
	require.Zero(t, batches[0].Input+batches[0].Output)
	both := batches[1]
	require.Equal(t, 2, both.Requests)
	require.Positive(t, both.Input)
	require.Positive(t, both.Output)
	require.Less(t, both.Input+both.Output, both.Compute)

	got := c.read()
	require.Equal(t, Phases{Count: 1, Input: both.Input, Infer: both.Compute - both.Input - both.Output, Output: both.Output}, got.Sizes[200])
	require.Equal(t, Phases{Count: 3, Input: 2 * both.Input, Infer: batches[0].Compute + 2*got.Sizes[200].Infer, Output: 2 * both.Output}, got.Compute, "of each request")
}

func TestPhasesAddUpToWhatABatchTook(t *testing.T) {
	t.Parallel()
	var p Phases
	p.add(3, &Batch{Compute: 10 * time.Millisecond, Input: 2 * time.Millisecond, Output: time.Millisecond})
	require.Equal(t, Phases{Count: 3, Input: 6 * time.Millisecond, Infer: 21 * time.Millisecond, Output: 3 * time.Millisecond}, p)
}
