package modelserver

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/sandbox"
	"github.com/slipway-ml/slipway/internal/serving"
)

// burner is a model that never stops to compute once it has seen the poison, whatever it is told.
type burner struct{ trick }

func (b burner) Infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) {
	for in[0].Floats[0] == poison { //nolint:staticcheck // it shall burn
	}
	return b.trick.Infer(ctx, in)
}

// A program that has used up its processor time is ended, says so, and is not
// started again to burn more.
func TestProgramThatBurns(t *testing.T) {
	t.Parallel()
	program, _ := testdataProgram(t)
	cfg := quick(t)
	cfg.CPU, cfg.CheckTimeout = time.Second, patience
	r, err := NewProgram(cfg, program)
	require.NoError(t, err)
	m := load(t, r, []byte("burning"), named("burning"))
	out, err := m.Infer(t.Context(), column(1))
	require.NoError(t, err)
	require.Equal(t, []float32{2}, out[0].Floats)
	require.Contains(t, processOf(t, m).Barriers, "1 s of processor time")

	_, err = m.Infer(t.Context(), column(poison))
	require.ErrorIs(t, err, serving.ErrSpent)
	require.ErrorIs(t, err, serving.ErrNotReady)
	require.ErrorContains(t, err, "used up the 1s of processor time")
	require.Eventually(t, func() bool { return processOf(t, m).Down != "" }, patience, time.Millisecond)
	_, err = m.Infer(t.Context(), column(1))
	require.ErrorIs(t, err, serving.ErrSpent)
	require.Zero(t, processOf(t, m).Restarts)
}

// A model of our own is held to it, too.
func TestModelThatBurns(t *testing.T) {
	t.Parallel()
	cfg := quick(t)
	cfg.CPU, cfg.CheckTimeout = 2*time.Second, patience
	r, err := NewONNX(cfg)
	require.NoError(t, err)
	m := load(t, r, testdata(t, "endless"), named("endless"))
	_, err = m.Infer(t.Context(), column(1e9))
	require.ErrorIs(t, err, serving.ErrSpent)
}

func TestBudget(t *testing.T) {
	t.Parallel()
	b := budget{most: 10 * time.Second}
	crash := &sandbox.Death{Cause: sandbox.CauseCrash}
	require.Equal(t, 10*time.Second, b.left())
	b.take(sandbox.Usage{CPU: 6 * time.Second}, crash)
	require.False(t, b.spent.Load())
	require.Equal(t, 4*time.Second, b.left(), "a process that is started again has what is left")
	b.take(sandbox.Usage{CPU: 3500 * time.Millisecond}, crash)
	require.True(t, b.spent.Load())
	require.Positive(t, b.left(), "0 would mean any")

	b = budget{most: 10 * time.Second}
	b.take(sandbox.Usage{CPU: 8 * time.Second}, errors.Join(&sandbox.Death{Cause: sandbox.CauseCPU}))
	require.True(t, b.spent.Load())

	var unbound budget
	unbound.take(sandbox.Usage{CPU: time.Hour}, crash)
	require.Zero(t, unbound.left())
	require.False(t, unbound.spent.Load())
}
