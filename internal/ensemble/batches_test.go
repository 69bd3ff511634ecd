package ensemble

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// As many batches run side by side as every member can take, and members hear that each is to have one thread.
func TestBatchesSideBySide(t *testing.T) {
	t.Parallel()
	small := serving.Places(spec.Deployment{}, 0, serving.Cores())
	for name, c := range map[string]struct {
		change func(m fakes)
		want   int
	}{
		"members without a way of their own": {func(fakes) {}, small},
		"a large one":                        {func(m fakes) { m["left"].places = 1 }, 1},
		"several large ones": {func(m fakes) {
			for i, name := range []string{"first", "left", "right", "add"} {
				m[name].places = small + 4 - i
			}
		}, small + 1},
		"a device": {func(m fakes) { m["left"].places, m["add"].device = 2, "cuda" }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := members()
			c.change(m)
			require.Equal(t, c.want, load(t, diamond, m).(serving.Narrowable).Narrow())
		})
	}

	m := members()
	var narrow atomic.Int32
	m["left"].infer = func(ctx context.Context) error {
		if serving.OnOneThread(ctx) {
			narrow.Add(1)
		}
		return nil
	}
	model := load(t, diamond, m)
	_, err := model.Infer(t.Context(), column(1))
	require.NoError(t, err)
	require.Zero(t, narrow.Load())
	_, err = model.Infer(serving.WithOneThread(t.Context()), column(1))
	require.NoError(t, err)
	require.EqualValues(t, 1, narrow.Load())
}

// Who traces a request hears which steps its batch took, and which failed.
func TestPassageHasSteps(t *testing.T) {
	t.Parallel()
	m := members()
	passages := make(chan serving.Passage, 1)
	artifact := pack(t, diamond)
	p, err := serving.NewPool(serving.PoolConfig{
		Runtime: Runtime{Members: m}, Limits: serving.Limits{Running: 1, Waiting: 8}, Fetch: func(context.Context, string) ([]byte, error) { return artifact, nil },
		Trace: func(_ context.Context, p serving.Passage) { passages <- p },
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close(context.Background())) }()
	key := serving.Key{Model: "e", Version: "3", Digest: "d"}
	require.NoError(t, p.Ensure([]serving.Desired{{Key: key, Config: spec.Model{Name: "e", Version: "3"}}}))
	require.Eventually(t, func() bool { return p.Ready(key) }, 30*time.Second, time.Millisecond)
	l, err := p.Acquire(key)
	require.NoError(t, err)
	defer l.Release()

	_, err = l.Infer(t.Context(), column(1, 2), 0)
	require.NoError(t, err)
	passed := <-passages
	require.Len(t, passed.Steps, 4)
	for i, s := range passed.Steps {
		require.False(t, s.Started.Before(passed.Started), s.Name)
		require.False(t, s.Ended.Before(s.Started), s.Name)
		require.NoError(t, s.Err)
		require.Equal(t, []string{"e." + s.Name, "3"}, []string{s.Model, s.Version}, i)
	}
	require.Equal(t, []string{"first", "last"}, []string{passed.Steps[0].Name, passed.Steps[3].Name})

	m["first"].infer = func(context.Context) error { return serving.ErrModel }
	_, err = l.Infer(t.Context(), column(1), 0)
	require.ErrorIs(t, err, serving.ErrModel)
	passed = <-passages
	require.Len(t, passed.Steps, 1, "no other began")
	require.ErrorIs(t, passed.Steps[0].Err, serving.ErrModel)
}
