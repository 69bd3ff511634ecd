package batch

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/modelserver"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/spec"
)

const onnxTestdata = "../onnx/testdata"

func toy() Model { return Model{Name: "toy", Version: "1", Task: spec.Classification} }

func run(ctx context.Context, t *testing.T, m Inferer) error {
	t.Helper()
	job := Job{Plan: &Plan{Model: toy(), Exclude: []string{"label"}, BatchRows: 4}, Model: m}
	_, err := job.Run(ctx, table(t, string(content(t, onnxTestdata, "rows.csv"))), io.Discard)
	return err
}

// A model that hangs, eats memory or is no model breaks its own process; the next one works.
func TestHostileModels(t *testing.T) {
	t.Parallel()
	load := func(l Loader, name string) (Inferer, error) {
		l.Config.Device = onnx.DeviceCPU
		return l.Load(t.Context(), content(t, onnxTestdata, name), toy(), 1)
	}
	m, err := load(Loader{BatchTime: 500 * time.Millisecond}, "hanging.onnx")
	require.NoError(t, err)
	err = run(t.Context(), t, m)
	require.ErrorIs(t, err, ErrBroken)
	require.ErrorContains(t, err, "rows 1 to 4: the model broke: it did not answer a batch within 500ms")
	require.NoError(t, m.Close())

	m, err = load(Loader{Config: modelserver.Config{Memory: 512 << 20}}, "hungry.onnx")
	if err == nil { // memory may be asked for only as it runs
		err = run(t.Context(), t, m)
		require.NoError(t, m.Close())
	}
	require.Error(t, err)

	_, err = Loader{}.Load(t.Context(), []byte("no model"), toy(), 1)
	require.ErrorIs(t, err, ErrBroken)

	m, err = load(Loader{}, "good.onnx")
	require.NoError(t, err)
	require.NoError(t, run(t.Context(), t, m))
	require.NoError(t, m.Close())
}

// The end of the context ends the process, while it loads or runs.
func TestLoadCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	m, err := Loader{Config: modelserver.Config{Device: onnx.DeviceCPU}}.Load(ctx, content(t, onnxTestdata, "hanging.onnx"), toy(), 1)
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, t, m) }()
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.NoError(t, m.Close())
	_, err = Loader{Config: modelserver.Config{Device: onnx.DeviceCPU}}.Load(ctx, content(t, onnxTestdata, "good.onnx"), toy(), 1)
	require.ErrorIs(t, err, context.Canceled)
}
