package serving

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/feature"
)

var row = Input{Matrix: [][]float64{{1}}}

func TestPredictRefusesWhatIsNoAnswer(t *testing.T) {
	t.Parallel()
	nan, inf := math.NaN(), math.Inf(1)
	for name, out := range map[string][]feature.Prediction{
		"no number":    {{Value: &nan}},
		"infinite":     {{Probabilities: []float64{0.5, inf}}},
		"too few":      {},
		"too many":     {{}, {}},
		"panic (none)": nil,
	} {
		i := NewInstance(&script{predict: func(context.Context, Input) ([]feature.Prediction, error) {
			if out == nil {
				panic("index out of range")
			}
			return out, nil
		}}, Limits{}, Batching{}, nil)
		_, err := i.Predict(context.Background(), row)
		require.ErrorIs(t, err, ErrModel, name)
		require.NotContains(t, err.Error(), "goroutine", "the stack is for the log")
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}, 10), make(chan struct{})
	i := NewInstance(&script{predict: func(_ context.Context, in Input) ([]feature.Prediction, error) {
		entered <- struct{}{}
		<-leave
		return answers(in), nil
	}}, Limits{Running: 1, Waiting: 1}, Batching{}, nil)
	results := make(chan error, 2)
	call := func() { _, err := i.Predict(context.Background(), row); results <- err }
	go call()
	<-entered
	go call()
	require.Eventually(t, func() bool { return i.Pending() == 1 }, patience, 1e6)
	_, err := i.Predict(context.Background(), row)
	require.ErrorIs(t, err, ErrBusy)
	close(leave)
	require.NoError(t, <-results)
	require.NoError(t, <-results)
	_, err = i.Predict(context.Background(), row)
	require.NoError(t, err)
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	i := NewInstance(&script{predict: func(_ context.Context, in Input) ([]feature.Prediction, error) {
		close(entered)
		<-leave
		return answers(in), nil
	}}, Limits{Running: 1, Waiting: 1}, Batching{}, nil)
	done := make(chan error, 1)
	go func() { _, err := i.Predict(context.Background(), row); done <- err }()
	<-entered
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := i.Predict(ctx, row)
	require.ErrorIs(t, err, context.Canceled)
	close(leave)
	require.NoError(t, <-done)
}

func TestHealthRunsAnAnsweredRow(t *testing.T) {
	t.Parallel()
	broken := false
	i := NewInstance(&script{predict: func(_ context.Context, in Input) ([]feature.Prediction, error) {
		if broken {
			panic("device lost")
		}
		return answers(in), nil
	}}, Limits{}, Batching{}, nil)
	require.NoError(t, i.Health(context.Background()))
	broken = true
	require.NotErrorIs(t, i.Health(context.Background()), ErrUnproven, "it has answered zeros before")
	broken = false
	_, err := i.Predict(context.Background(), row)
	require.NoError(t, err)
	broken = true
	err = i.Health(context.Background())
	require.ErrorIs(t, err, ErrModel)
	require.NotErrorIs(t, err, ErrUnproven)
}
