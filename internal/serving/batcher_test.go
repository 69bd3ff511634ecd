package serving

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// double answers every value times two; run decides what else happens.
type double struct {
	run func(ctx context.Context, in []onnx.Tensor) error
}

func (d double) Infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) {
	if d.run != nil {
		if err := d.run(ctx, in); err != nil {
			return nil, err
		}
	}
	out := onnx.Tensor{Name: "y", Type: onnx.Float64, Shape: in[0].Shape, Doubles: make([]float64, len(in[0].Doubles))}
	for i, v := range in[0].Doubles {
		out.Doubles[i] = 2 * v
	}
	return []onnx.Tensor{out}, nil
}

// request holds n rows of the given width, all of the value v.
func request(v float64, n, width int) []onnx.Tensor {
	t := onnx.Tensor{Name: "x", Type: onnx.Float64, Shape: []int64{int64(n), int64(width)}, Doubles: make([]float64, n*width)}
	for i := range t.Doubles {
		t.Doubles[i] = v
	}
	return []onnx.Tensor{t}
}

// gate makes the first batch wait until the test opens it, so that others queue.
type gate struct {
	entered, open chan struct{}
	once          sync.Once
}

func newGate() *gate { return &gate{entered: make(chan struct{}), open: make(chan struct{})} }

func (g *gate) pass(ctx context.Context) error {
	var err error
	g.once.Do(func() {
		close(g.entered)
		select {
		case <-g.open:
		case <-ctx.Done():
			err = ctx.Err()
		}
	})
	return err
}

func TestEveryCallerGetsItsOwnRows(t *testing.T) {
	t.Parallel()
	var rows, most atomic.Int64
	b := NewBatcher(double{run: func(_ context.Context, in []onnx.Tensor) error {
		for {
			seen := most.Load()
			if in[0].Rows() <= seen || most.CompareAndSwap(seen, in[0].Rows()) {
				return nil
			}
		}
	}}, Batching{MaxRows: 16, MaxDelay: time.Millisecond, Preferred: []int{8}}, Limits{Running: 2, Waiting: 1000}, func(done Batch) { rows.Add(done.Rows) })
	var callers sync.WaitGroup
	var sent atomic.Int64
	for c := range 32 {
		callers.Go(func() {
			for i := range 50 {
				v, n, width := float64(100*c+i), 1+rand.IntN(20), 1+c%3
				sent.Add(int64(n))
				out, err := b.Infer(context.Background(), request(v, n, width), c%4)
				if err != nil || len(out[0].Doubles) != n*width || out[0].Shape[0] != int64(n) {
					panic(fmt.Sprint(err, out))
				}
				for _, got := range out[0].Doubles {
					if got != 2*v {
						panic(fmt.Sprintf("caller of %g was answered %g", v, got))
					}
				}
			}
		})
	}
	callers.Wait()
	require.Equal(t, sent.Load(), rows.Load())
	require.LessOrEqual(t, most.Load(), int64(20), "only what is too large by itself exceeds the batch")
}

// queued starts calls behind a closed gate, in order.
func queued(t *testing.T, b *Batcher, g *gate, requests [][]onnx.Tensor, priority func(i int) int) []chan error {
	t.Helper()
	go func() { _, _ = b.Infer(context.Background(), request(0, 1, 99), Usual) }()
	<-g.entered
	results := make([]chan error, len(requests))
	for i, in := range requests {
		results[i] = make(chan error, 1)
		go func() { _, err := b.Infer(context.Background(), in, priority(i)); results[i] <- err }()
		require.Eventually(t, func() bool { return b.Pending() == i+1 }, patience, 100*time.Microsecond)
	}
	return results
}

func usual(int) int { return Usual }

func TestWhoWaitsSharesABatch(t *testing.T) {
	t.Parallel()
	g := newGate()
	var seen []string
	b := NewBatcher(double{run: func(ctx context.Context, in []onnx.Tensor) error {
		if in[0].Shape[1] != 99 {
			seen = append(seen, fmt.Sprint(in[0].Doubles))
		}
		return g.pass(ctx)
	}}, Batching{MaxRows: 4}, Limits{Running: 1, Waiting: 100}, nil)
	results := queued(t, b, g, [][]onnx.Tensor{
		request(1, 1, 1), request(2, 2, 1), request(3, 1, 2), request(4, 2, 1), request(5, 1, 1), request(6, 9, 1),
	}, usual)
	close(g.open)
	for _, r := range results {
		require.NoError(t, <-r)
	}
	// 4 would make five rows: the batch is cut, and 5, which would fit, does not overtake it.
	require.Equal(t, []string{"[1 2 2]", "[3 3]", "[4 4 5]", "[6 6 6 6 6 6 6 6 6]"}, seen)
}

func TestUrgentGoesFirst(t *testing.T) {
	t.Parallel()
	g := newGate()
	var seen []float64
	b := NewBatcher(double{run: func(ctx context.Context, in []onnx.Tensor) error {
		seen = append(seen, in[0].Doubles[0])
		return g.pass(ctx)
	}}, Batching{}, Limits{Running: 1, Waiting: 2}, nil)
	results := queued(t, b, g, [][]onnx.Tensor{request(5, 1, 1), request(5.5, 1, 1), request(1, 1, 1), request(9, 1, 1)},
		func(i int) int { return []int{0, Usual, 1, 9}[i] })
	_, err := b.Infer(context.Background(), request(5, 1, 1), Usual)
	require.ErrorIs(t, err, ErrBusy, "two of this priority wait")
	close(g.open)
	for _, r := range results {
		require.NoError(t, <-r)
	}
	require.Equal(t, []float64{0, 1, 5, 5.5, 9}, seen)
}

func TestOneBadRequestFailsAlone(t *testing.T) {
	t.Parallel()
	g := newGate()
	bad := errors.New("a category that the model does not know")
	b := NewBatcher(double{run: func(ctx context.Context, in []onnx.Tensor) error {
		for _, v := range in[0].Doubles {
			switch v {
			case 13:
				return bad
			case 14:
				panic("index out of range")
			}
		}
		return g.pass(ctx)
	}}, Batching{MaxRows: 8}, Limits{Running: 1, Waiting: 100}, nil)
	results := queued(t, b, g, [][]onnx.Tensor{request(12, 1, 1), request(13, 1, 1), request(14, 1, 1), request(15, 1, 1)}, usual)
	close(g.open)
	require.NoError(t, <-results[0])
	require.ErrorIs(t, <-results[1], bad)
	require.ErrorIs(t, <-results[2], ErrModel)
	require.NoError(t, <-results[3])
}

func TestWhoLeavesIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	g := newGate()
	var ran atomic.Int64
	b := NewBatcher(double{run: func(ctx context.Context, _ []onnx.Tensor) error {
		ran.Add(1)
		return g.pass(ctx)
	}}, Batching{MaxRows: 8}, Limits{Running: 1, Waiting: 100}, nil)
	first, stop := context.WithCancel(context.Background())
	running := make(chan error, 1)
	go func() { _, err := b.Infer(first, request(1, 1, 1), Usual); running <- err }()
	<-g.entered
	ctx, cancel := context.WithCancel(context.Background())
	waiting := make(chan error, 1)
	go func() { _, err := b.Infer(ctx, request(2, 1, 1), Usual); waiting <- err }()
	require.Eventually(t, func() bool { return b.Pending() == 1 }, patience, 100*time.Microsecond)
	cancel()
	require.ErrorIs(t, <-waiting, context.Canceled)
	require.Zero(t, b.Pending(), "it left the queue at once")
	stop()
	require.ErrorIs(t, <-running, context.Canceled, "a batch that nobody waits for is stopped")
	require.Equal(t, int64(1), ran.Load())
}

func TestABatchGoesOnWhileOneCallerWaits(t *testing.T) {
	t.Parallel()
	first, inside, leave := newGate(), make(chan struct{}), make(chan struct{})
	b := NewBatcher(double{run: func(ctx context.Context, in []onnx.Tensor) error {
		if in[0].Rows() == 1 {
			return first.pass(ctx)
		}
		close(inside)
		select {
		case <-leave:
		case <-ctx.Done():
		}
		return ctx.Err()
	}}, Batching{MaxRows: 8}, Limits{Running: 1, Waiting: 100}, nil)
	go func() { _, _ = b.Infer(context.Background(), request(0, 1, 1), Usual) }()
	<-first.entered
	ctx, cancel := context.WithCancel(context.Background())
	gone, stays := make(chan error, 1), make(chan error, 1)
	go func() { _, err := b.Infer(ctx, request(1, 1, 1), Usual); gone <- err }()
	go func() { _, err := b.Infer(context.Background(), request(2, 1, 1), Usual); stays <- err }()
	require.Eventually(t, func() bool { return b.Pending() == 2 }, patience, 100*time.Microsecond)
	close(first.open)
	<-inside
	cancel()
	require.ErrorIs(t, <-gone, context.Canceled, "its caller does not wait for the others")
	close(leave)
	require.NoError(t, <-stays)
}

func TestHoldingBackThatGainsNothingIsGivenUp(t *testing.T) {
	t.Parallel()
	cuts := map[Cut]int{}
	b := NewBatcher(double{}, Batching{MaxRows: 8, MaxDelay: time.Millisecond}, Limits{Running: 1, Waiting: 8}, func(done Batch) { cuts[done.Cut]++ })
	for range 1000 {
		_, err := b.Infer(context.Background(), request(1, 1, 1), Usual)
		require.NoError(t, err)
	}
	require.LessOrEqual(t, cuts[CutDelay], 12, "a lone caller waits in vain a few times only")
	require.Equal(t, 1000-cuts[CutDelay], cuts[CutIdle])
}

func TestHeldBackUntilThePreferredSize(t *testing.T) {
	t.Parallel()
	done := make(chan Batch, 1)
	b := NewBatcher(double{}, Batching{MaxRows: 8, MaxDelay: time.Hour, Preferred: []int{3}}, Limits{Running: 1, Waiting: 8}, func(b Batch) { done <- b })
	var callers sync.WaitGroup
	for range 3 {
		callers.Go(func() { _, _ = b.Infer(context.Background(), request(1, 1, 1), Usual) })
	}
	callers.Wait()
	got := <-done
	require.Equal(t, int64(3), got.Rows)
	require.Equal(t, CutPreferred, got.Cut)
}

func TestOutputsThatCannotBeTakenApart(t *testing.T) {
	t.Parallel()
	g := newGate()
	var sizes []int64
	total := func(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) { // one number for all rows
		sizes = append(sizes, in[0].Rows())
		return []onnx.Tensor{{Name: "sum", Type: onnx.Int64, Shape: []int64{1}, Ints: []int64{in[0].Rows()}}}, g.pass(ctx)
	}
	b := NewBatcher(infer(total), Batching{MaxRows: 8}, Limits{Running: 1, Waiting: 100}, nil)
	for _, r := range queued(t, b, g, nil, usual) {
		require.NoError(t, <-r)
	}
	results := make(chan error, 2)
	for range 2 {
		go func() { _, err := b.Infer(context.Background(), request(1, 1, 1), Usual); results <- err }()
	}
	require.Eventually(t, func() bool { return b.Pending() == 2 }, patience, 100*time.Microsecond)
	close(g.open)
	require.NoError(t, <-results)
	require.NoError(t, <-results)
	require.Equal(t, []int64{1, 2, 1, 1}, sizes, "tried together once, then each alone")
	require.True(t, b.apart.Load())
}

type infer func(context.Context, []onnx.Tensor) ([]onnx.Tensor, error)

func (f infer) Infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) { return f(ctx, in) }

// TestRefusesWhatWouldComeTooLate lets one batch wait whatever the model takes, and more only
// as long as callers can rely on their answers.
func TestRefusesWhatWouldComeTooLate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		service, latency time.Duration
		accepted         int // of requests of one row, in batches of 4, one at a time
	}{
		"no bound":                  {service: time.Hour, accepted: 20},
		"nothing has run yet":       {latency: time.Millisecond, accepted: 20},
		"slower than what is asked": {service: time.Hour, latency: time.Millisecond, accepted: 4},
		"two batches":               {service: 40 * time.Millisecond, latency: 100 * time.Millisecond, accepted: 4},
		"three batches":             {service: 30 * time.Millisecond, latency: 100 * time.Millisecond, accepted: 8},
		"far from it":               {service: time.Microsecond, latency: 100 * time.Millisecond, accepted: 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGate()
			b := NewBatcher(double{run: func(ctx context.Context, _ []onnx.Tensor) error { return g.pass(ctx) }},
				Batching{MaxRows: 4}, Limits{Running: 1, Waiting: 1000, Latency: c.latency}, nil)
			b.service = c.service
			var callers sync.WaitGroup
			callers.Go(func() {
				_, err := b.Infer(context.Background(), request(0, 1, 1), 0)
				require.NoError(t, err)
			})
			<-g.entered
			ask := func(priority int) error {
				b.mu.Lock()
				defer b.mu.Unlock()
				return b.enqueue(b.newCall(context.Background(), request(1, 1, 1), priority))
			}
			for i := range 20 {
				err := ask(0)
				require.Equal(t, i < c.accepted, err == nil, "request %d: %v", i, err)
				if err != nil {
					require.ErrorIs(t, err, ErrBusy)
				}
			}
			require.NoError(t, ask(1), "the urgent have nobody before them")
			require.Equal(t, int64(c.accepted+1), b.rows)
			close(g.open)
			callers.Wait()
		})
	}
}

// TestTheQueueStaysInOrder puts requests of many priorities in, and takes them out sorted.
func TestTheQueueStaysInOrder(t *testing.T) {
	t.Parallel()
	b := NewBatcher(double{}, Batching{}, Limits{Waiting: 20}, nil)
	rng := rand.New(rand.NewPCG(5, 7))
	accepted := map[int]int{}
	for i := range 500 {
		priority := 1 + rng.IntN(9)
		err := b.enqueue(b.newCall(context.Background(), request(float64(i), 1+rng.IntN(3), 1), priority))
		require.Equal(t, accepted[priority] < 20, err == nil)
		if err == nil {
			accepted[priority]++
		}
	}
	rows, last := int64(0), b.queue[0]
	for _, c := range b.queue[1:] {
		require.True(t, last.urgency < c.urgency || last.urgency == c.urgency && last.in[0].Doubles[0] < c.in[0].Doubles[0])
		last = c
	}
	for len(b.queue) > 0 {
		b.leave(b.queue[len(b.queue)/2])
		rows = 0
		for _, c := range b.queue {
			rows += c.rows
		}
		require.Equal(t, rows, b.rows)
	}
}
