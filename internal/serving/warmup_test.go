package serving

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/spec"
)

// rowwise is a model that takes any number of rows and notes them; refuse may fail a run.
type rowwise struct {
	script
	refuse func(ctx context.Context, in []float64) error
	// outputs is how many rows it answers n with; nil: n.
	outputs func(n int) int

	mu    sync.Mutex
	sizes []int
}

func (m *rowwise) Outputs() []onnx.Info {
	return []onnx.Info{{Name: "y", Type: onnx.Float64, Shape: []int64{-1, 1}}}
}

func (m *rowwise) Infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) {
	m.mu.Lock()
	m.sizes = append(m.sizes, len(in[0].Doubles))
	m.mu.Unlock()
	if m.refuse != nil {
		if err := m.refuse(ctx, in[0].Doubles); err != nil {
			return nil, err
		}
	}
	n := len(in[0].Doubles)
	if m.outputs != nil {
		n = m.outputs(n)
	}
	return []onnx.Tensor{{Name: "y", Type: onnx.Float64, Shape: []int64{int64(n), 1}, Doubles: make([]float64, n)}}, nil
}

func (m *rowwise) Predictions(out []onnx.Tensor) ([]feature.Prediction, error) {
	return make([]feature.Prediction, out[0].Rows()), nil
}

// held loads the model and returns its status once it is ready, and its instance.
func held(t *testing.T, p *Pool, d Desired) (Status, Lease) {
	t.Helper()
	require.NoError(t, p.Ensure([]Desired{d}))
	require.NoError(t, p.Await(context.Background(), d.Key))
	l, err := p.Acquire(d.Key)
	require.NoError(t, err)
	t.Cleanup(l.Release)
	return p.Statuses()[0], l
}

func batched(version string, rows int, preferred ...int) Desired {
	d := want(version)
	d.Batching = &Batching{MaxRows: rows, Preferred: preferred}
	return d
}

func TestEveryBatchSizeRunsBeforeReady(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rows      int
		preferred []int
		sizes     []int
	}{
		"alone":          {1, nil, []int{1}},
		"a power of two": {8, nil, []int{1, 2, 4, 8}},
		"another":        {48, nil, []int{1, 2, 4, 8, 16, 32, 48}},
		"preferred":      {12, []int{6, 10, 99}, []int{1, 2, 4, 6, 8, 10, 12}},
	} {
		m := &rowwise{}
		p, _ := newPool(t, func(string, spec.Model) (Model, error) { return m, nil })
		s, _ := held(t, p, batched("1", c.rows, c.preferred...))
		require.Equal(t, c.sizes, s.WarmUp.Sizes, name)
		require.Empty(t, s.WarmUp.Left, name)
		require.Positive(t, s.WarmUp.Took, name)
		require.Equal(t, 4, s.Instances, "as many as the limits say")
		runs := map[int]int{}
		for _, n := range m.sizes {
			runs[n]++
		}
		for _, n := range c.sizes {
			require.GreaterOrEqual(t, runs[n], warmRounds*s.Instances, "%s: %d rows on each instance", name, n)
		}
	}
}

func TestWarmUpIsBounded(t *testing.T) {
	t.Parallel()
	m := &rowwise{refuse: func(ctx context.Context, in []float64) error {
		if len(in) < 4 {
			return nil
		}
		<-ctx.Done() // as slow as it may be
		return ctx.Err()
	}}
	p, err := NewPool(PoolConfig{
		Runtime: scripts{func(string, spec.Model) (Model, error) { return m, nil }}, WarmUp: 500 * time.Millisecond,
		Fetch: func(context.Context, string) ([]byte, error) { return nil, nil },
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close(context.Background())) })
	s, _ := held(t, p, batched("1", 64))
	require.Equal(t, Ready, s.State)
	require.Equal(t, []int{1, 2}, s.WarmUp.Sizes)
	require.Contains(t, s.WarmUp.Left, "were over at 4 rows")
}

func TestWarmUpFindsWhatCannotBeBatched(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]*rowwise{
		"refuses two rows": {refuse: func(_ context.Context, in []float64) error {
			if len(in) > 1 {
				return fmt.Errorf("%w: Reshape: wants one row", ErrModel)
			}
			return nil
		}},
		"one answer for all": {outputs: func(int) int { return 1 }},
	} {
		p, _ := newPool(t, func(string, spec.Model) (Model, error) { return m, nil })
		s, l := held(t, p, batched("1", 8))
		require.Equal(t, []int{1}, s.WarmUp.Sizes, name)
		require.Contains(t, s.WarmUp.Left, "requests are not put together: 2 rows", name)
		require.True(t, l.batcher.apart.Load(), name)
	}
}

// A model that refuses zeros is warmed up with a row that another version has answered.
func TestWarmUpBorrowsARow(t *testing.T) {
	t.Parallel()
	picky := func() *rowwise {
		return &rowwise{refuse: func(_ context.Context, in []float64) error {
			if in[0] != 7 {
				return fmt.Errorf("%w: unknown category", ErrModel)
			}
			return nil
		}}
	}
	p, _ := newPool(t, func(string, spec.Model) (Model, error) { return picky(), nil })
	s, l := held(t, p, batched("1", 4))
	require.Empty(t, s.WarmUp.Sizes)
	require.Contains(t, s.WarmUp.Left, "no row is known")
	require.Contains(t, s.Error, "row of zeros")
	_, err := l.Predict(context.Background(), Input{Matrix: [][]float64{{7}, {7}}})
	require.NoError(t, err)

	second := batched("2", 4)
	require.NoError(t, p.Ensure([]Desired{batched("1", 4), second}))
	require.NoError(t, p.Await(context.Background(), second.Key))
	s = p.Statuses()[1]
	require.Equal(t, []int{1, 2, 4}, s.WarmUp.Sizes)
	require.Empty(t, s.Error)
}

func TestAwaitTellsOfTheLastLoad(t *testing.T) {
	t.Parallel()
	p, _ := newPool(t, func(_ string, c spec.Model) (Model, error) {
		if c.Description == "broken" {
			return nil, errors.New("bad configuration")
		}
		return &script{}, nil
	})
	d := want("1")
	require.ErrorIs(t, p.Await(context.Background(), d.Key), ErrNotReady)
	held(t, p, d)
	broken := d
	broken.Config.Description = "broken"
	require.NoError(t, p.Ensure([]Desired{broken}))
	require.ErrorContains(t, p.Await(context.Background(), d.Key), "bad configuration")
	require.NoError(t, p.Ensure([]Desired{d}))
	require.NoError(t, p.Await(context.Background(), d.Key))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	slow := want("2")
	block := make(chan struct{})
	q, _ := newPool(t, func(string, spec.Model) (Model, error) { <-block; return &script{}, nil })
	t.Cleanup(func() { close(block) })
	require.NoError(t, q.Ensure([]Desired{slow}))
	require.ErrorIs(t, q.Await(ctx, slow.Key), context.Canceled)
}

func TestSpreadOver(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		instances, size int
		device          string
		cores           int
		want            spread
	}{
		{0, 1 << 20, "cpu", 8, spread{8, 1, 0}},
		{0, 100 << 20, "cpu", 8, spread{2, 4, 8}},
		{0, 100 << 20, "cpu", 2, spread{1, 2, 2}},
		{0, 1 << 20, "cuda", 8, spread{1, 8, 0}},
		{3, 1 << 20, "cpu", 8, spread{3, 2, 0}},
		{16, 100 << 20, "cpu", 4, spread{16, 1, 0}},
		{2, 1, "cuda", 1, spread{2, 1, 0}},
	} {
		require.Equal(t, c.want, spreadOver(spec.Deployment{Instances: c.instances}, c.size, c.device, c.cores), c)
	}
}

func TestInputRows(t *testing.T) {
	t.Parallel()
	one := onnx.Tensor{Name: "x", Type: onnx.Float16, Shape: []int64{1, 2}, Halves: []uint16{1, 2}}
	two := onnx.Tensor{Name: "x", Type: onnx.Float16, Shape: []int64{2, 2}, Halves: []uint16{1, 2, 3, 4}}
	require.Equal(t, 2, Input{Tensors: []onnx.Tensor{two}}.Len())
	require.Equal(t, []onnx.Tensor{one}, Input{Tensors: []onnx.Tensor{two}}.first().Tensors)
	require.Equal(t, []uint16{1, 2, 1, 2, 1, 2}, Input{Tensors: []onnx.Tensor{two}}.times(3).Tensors[0].Halves)
	require.Equal(t, Input{Matrix: [][]float64{{5}, {5}}}, Input{Matrix: [][]float64{{5}, {6}}}.times(2))
	require.Len(t, Input{Rows: []map[string]any{{"a": 1}, {"a": 2}}}.times(4).Rows, 4)
}
