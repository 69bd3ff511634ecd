package serving

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/spec"
)

// pairs is a model of two inputs, a number and a word a row, and two outputs: twice the number, and the word twice.
type pairs struct {
	script
	run  func(ctx context.Context, number float64) error // decides what else happens
	rows atomic.Int64                                    // that have run
}

func (m *pairs) Inputs() []onnx.Info {
	return []onnx.Info{{Name: "n", Type: onnx.Float64, Shape: []int64{-1, 1}}, {Name: "w", Type: onnx.String, Shape: []int64{-1, 1}}}
}

func (m *pairs) Outputs() []onnx.Info {
	return []onnx.Info{{Name: "twice", Type: onnx.Float64, Shape: []int64{-1, 1}}, {Name: "words", Type: onnx.String, Shape: []int64{-1, 1}}}
}

func (m *pairs) Infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) {
	m.rows.Add(in[0].Rows())
	if m.run != nil {
		if err := m.run(ctx, in[0].Doubles[0]); err != nil {
			return nil, err
		}
	}
	out := []onnx.Tensor{{Name: "twice", Type: onnx.Float64, Shape: []int64{in[0].Rows(), 1}}, {Name: "words", Type: onnx.String, Shape: []int64{in[0].Rows(), 1}}}
	for i, n := range in[0].Doubles {
		out[0].Doubles = append(out[0].Doubles, 2*n)
		out[1].Strings = append(out[1].Strings, in[1].Strings[i]+in[1].Strings[i])
	}
	return out, nil
}

func (m *pairs) Predictions(out []onnx.Tensor) ([]feature.Prediction, error) {
	predictions := make([]feature.Prediction, len(out[0].Doubles))
	for i := range predictions {
		predictions[i].Value = &out[0].Doubles[i]
	}
	return predictions, nil
}

func (m *pairs) Tensors(in Input) ([]onnx.Tensor, error) {
	if in.Tensors != nil {
		return in.Tensors, nil
	}
	return pair(in.Matrix[0][0], ""), nil
}

// pair is a request of one row.
func pair(n float64, w string) []onnx.Tensor {
	return []onnx.Tensor{{Name: "n", Type: onnx.Float64, Shape: []int64{1, 1}, Doubles: []float64{n}}, {Name: "w", Type: onnx.String, Shape: []int64{1, 1}, Strings: []string{w}}}
}

// remembering is an instance of the model that keeps answers.
func remembering(m Model, l Limits) *Instance {
	l.Cache = 1e6
	return NewInstance(m, l, Batching{MaxRows: 8}, nil)
}

func TestAKeptAnswerIsGivenAgain(t *testing.T) {
	t.Parallel()
	m := &pairs{}
	i, ctx := remembering(m, Limits{}), context.Background()
	first, err := i.Infer(ctx, pair(3, "a"), 0)
	require.NoError(t, err)
	require.Equal(t, []float64{6}, first[0].Doubles)
	again, err := i.Infer(ctx, pair(3, "a"), 0)
	require.NoError(t, err)
	require.Equal(t, first, again)
	again[0].Doubles[0], again[1].Strings[0], again[0].Shape[0] = 99, "spoilt", 7
	first[0].Doubles[0] = 98
	in := pair(3, "a")
	in[0], in[1] = in[1], in[0]
	swapped, err := i.Infer(ctx, in, 7)
	require.NoError(t, err)
	require.Equal(t, []float64{6}, swapped[0].Doubles, "inputs in another order are the same request, and nobody changes what is kept")
	require.Equal(t, []string{"aa"}, swapped[1].Strings)
	predictions, err := i.Predict(ctx, Input{Tensors: pair(3, "a")})
	require.NoError(t, err)
	require.InDelta(t, 6, *predictions[0].Value, 0)
	require.EqualValues(t, 1, m.rows.Load())

	other, err := i.Infer(ctx, pair(3, "b"), 0)
	require.NoError(t, err)
	require.Equal(t, []string{"bb"}, other[1].Strings)
	_, err = i.Infer(ctx, append(pair(3, "a"), pair(1, "z")...), 0)
	require.ErrorIs(t, err, ErrInput)
	_, err = i.Infer(ctx, pair(3, "a")[:1], 0)
	require.ErrorIs(t, err, ErrInput, "half of a request is none")

	c := i.Counts()
	require.EqualValues(t, 3, c.CacheHits.Count)
	require.EqualValues(t, 2, c.CacheMisses.Count)
	require.EqualValues(t, 2, c.Batches)
	require.EqualValues(t, 2, c.Rows)
	require.EqualValues(t, 2, c.Compute.Count)
	require.EqualValues(t, 5, c.Success.Count)
	require.EqualValues(t, 5, c.Queue.Count, "as Triton counts: who was answered at once has waited for nothing")
	require.EqualValues(t, 2, c.Fail.Count)
	require.Positive(t, c.CacheHits.Time)
	require.Positive(t, c.CacheMisses.Time)
	require.NoError(t, i.Health(ctx))
	require.EqualValues(t, 3, m.rows.Load(), "a probe runs the model")
}

func TestWithoutACacheNothingIsKept(t *testing.T) {
	t.Parallel()
	m := &pairs{}
	i := NewInstance(m, Limits{}, Batching{}, nil)
	for range 3 {
		_, err := i.Infer(context.Background(), pair(3, "a"), 0)
		require.NoError(t, err)
	}
	require.EqualValues(t, 3, m.rows.Load())
	_, ok := i.Cache()
	require.False(t, ok)
	c := i.Counts()
	require.Zero(t, c.CacheHits.Count+c.CacheMisses.Count)
}

func TestFailuresAreNotKept(t *testing.T) {
	t.Parallel()
	failing := true
	m := &pairs{run: func(context.Context, float64) error {
		if failing {
			return ErrModel
		}
		return nil
	}}
	i, ctx := remembering(m, Limits{}), context.Background()
	for range 2 {
		_, err := i.Infer(ctx, pair(1, "a"), 0)
		require.ErrorIs(t, err, ErrModel)
	}
	failing = false
	out, err := i.Infer(ctx, pair(1, "a"), 0)
	require.NoError(t, err)
	require.Equal(t, []float64{2}, out[0].Doubles)
	require.EqualValues(t, 3, m.rows.Load())
	require.EqualValues(t, 3, i.Counts().CacheMisses.Count)

	for range 2 {
		_, err = i.Infer(ctx, pair(math.Inf(1), "a"), 0)
		require.NoError(t, err, "tensors were asked for, and are the answer")
	}
	require.EqualValues(t, 5, m.rows.Load(), "predictions that are no numbers are a failure")
	held, _ := i.Cache()
	require.Equal(t, 1, held.Entries)
}

func TestATimeThatIsOverIsNotAnswered(t *testing.T) {
	t.Parallel()
	i := remembering(&pairs{}, Limits{})
	_, err := i.Infer(context.Background(), pair(1, "a"), 0)
	require.NoError(t, err)
	over, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	_, err = i.Infer(over, pair(1, "a"), 0)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = i.Infer(gone, pair(1, "a"), 0)
	require.ErrorIs(t, err, context.Canceled)
}

// Under overload what is kept is still given; all else is refused as without a cache.
func TestOverloadRefusesWhatIsNotKept(t *testing.T) {
	t.Parallel()
	g := newGate()
	m := &pairs{run: func(ctx context.Context, n float64) error {
		if n == 0 {
			return nil
		}
		return g.pass(ctx)
	}}
	i, ctx := NewInstance(m, Limits{Running: 1, Waiting: 0, Cache: 1e6}, Batching{}, nil), context.Background()
	done := make(chan error, 1)
	go func() { _, err := i.Infer(ctx, pair(1, ""), 0); done <- err }()
	<-g.entered
	require.ErrorIs(t, i.Admits(), ErrBusy, "nothing is kept that could be given")
	close(g.open)
	require.NoError(t, <-done)
	_, err := i.Infer(ctx, pair(0, ""), 0)
	require.NoError(t, err)

	g2 := newGate()
	m.run = func(ctx context.Context, _ float64) error { return g2.pass(ctx) }
	go func() { _, err := i.Infer(ctx, pair(2, ""), 0); done <- err }()
	<-g2.entered
	require.NoError(t, i.Admits(), "it has to be read first")
	_, err = i.Infer(ctx, pair(0, ""), 0)
	require.NoError(t, err)
	_, err = i.Infer(ctx, pair(3, ""), 0)
	require.ErrorIs(t, err, ErrBusy)
	close(g2.open)
	require.NoError(t, <-done)
}

// Requests of one row and of several, in batches and alone, again and again: each gets exactly its answer, and the cache
// stays within its bounds while it lets go of others.
func TestEveryAnswerIsExact(t *testing.T) {
	t.Parallel()
	var most atomic.Int64
	i := NewInstance(&pairs{}, Limits{Running: 2, Waiting: 1000, Cache: 20000}, Batching{MaxRows: 8, MaxDelay: time.Millisecond}, nil)
	var callers sync.WaitGroup
	for range 16 {
		callers.Go(func() {
			for range 300 {
				rows, base := 1+rand.IntN(3), rand.IntN(100)
				in := []onnx.Tensor{{Name: "w", Type: onnx.String, Shape: []int64{int64(rows), 1}}, {Name: "n", Type: onnx.Float64, Shape: []int64{int64(rows), 1}}}
				for r := range rows {
					in[0].Strings = append(in[0].Strings, fmt.Sprint("w", base+r))
					in[1].Doubles = append(in[1].Doubles, float64(base*r))
				}
				out, err := i.Infer(context.Background(), in, rand.IntN(3))
				if err != nil || len(out[0].Doubles) != rows {
					t.Error(out, err)
					return
				}
				for r := range rows {
					if out[0].Doubles[r] != 2*in[1].Doubles[r] || out[1].Strings[r] != in[0].Strings[r]+in[0].Strings[r] {
						t.Errorf("%v is answered with %v", in, out)
					}
				}
				held, _ := i.Cache()
				if held.Bytes > held.Limit {
					most.Store(held.Bytes)
				}
			}
		})
	}
	callers.Wait()
	require.Zero(t, most.Load())
	held, _ := i.Cache()
	require.Positive(t, held.Evicted)
	c := i.Counts()
	require.EqualValues(t, 16*300, c.CacheHits.Count+c.CacheMisses.Count)
	require.Positive(t, c.CacheHits.Count)
	require.Equal(t, c.Compute.Count, c.CacheMisses.Count)
}

func TestTracesTellOfHits(t *testing.T) {
	t.Parallel()
	i := remembering(&pairs{}, Limits{})
	var passed []Passage
	i.batcher.trace = func(_ context.Context, p Passage) { passed = append(passed, p) }
	for range 2 {
		_, err := i.Infer(context.Background(), pair(1, "a"), 0)
		require.NoError(t, err)
	}
	require.Len(t, passed, 2)
	require.Empty(t, passed[0].Cached)
	require.Equal(t, CachedHit, passed[1].Cached)
	require.True(t, passed[1].Started.IsZero(), "nothing ran")
}

// A version that is loaded again, or in another way, begins with nothing, and what it held is given back.
func TestPoolKeepsAnswersOfTheVersionOnly(t *testing.T) {
	t.Parallel()
	p, _ := newPool(t, func(string, spec.Model) (Model, error) { return &pairs{}, nil })
	d := want("1")
	d.Config.Deployment.ResponseCacheMB = 2
	load := func() (*Instance, Lease) {
		require.NoError(t, p.Ensure([]Desired{d}))
		require.NoError(t, p.Await(context.Background(), d.Key))
		l, err := p.Acquire(d.Key)
		require.NoError(t, err)
		return l.Instance, l
	}
	one, lease := load()
	_, err := one.Infer(context.Background(), pair(1, "a"), 0)
	require.NoError(t, err)
	held, ok := one.Cache()
	require.True(t, ok)
	require.Equal(t, 1, held.Entries)
	require.EqualValues(t, 2e6, held.Limit)
	lease.Release()

	d.Config.Deployment.MaxLatencyMS = 7
	two, lease := load()
	require.NotSame(t, one, two)
	held, _ = two.Cache()
	require.Zero(t, held.Entries)
	require.Eventually(t, func() bool { u, _ := one.Cache(); return u.Bytes == 0 }, patience, time.Millisecond, "the old one's memory is given back")
	_, err = two.Infer(context.Background(), pair(1, "a"), 0)
	require.NoError(t, err)
	lease.Release()
	require.NoError(t, p.Ensure(nil))
	require.Eventually(t, func() bool { u, _ := two.Cache(); return u.Bytes == 0 }, patience, time.Millisecond)

	d.Config.Deployment.ResponseCacheMB = 0
	three, lease := load()
	_, ok = three.Cache()
	require.False(t, ok)
	lease.Release()
}
