package modeltest_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/modelserver"
	"github.com/slipway-ml/slipway/internal/modeltest"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// elsewhere says that a model runs on another runtime, which in truth is ONNX
// Runtime: so the answers are known.
func elsewhere(t testing.TB, in modeltest.Input) modeltest.Input {
	t.Helper()
	r, err := serving.NewONNX(start(t), onnx.Options{Device: onnx.DeviceCPU})
	require.NoError(t, err)
	in.Spec.Runtime, in.Runtime = "other", r
	return in
}

// What needs only answers is found as in an ONNX model; what looks into the graph is skipped, which is not passed.
func TestAnotherRuntime(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"good", "worse", "nan_output", "columns", "random", "hidden_scalar"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := input(t, name)
			in.Production, in.ProductionVersion = model(t, "good"), "0"
			want := run(t, in)
			got, err := modeltest.Isolated(t.Context(), elsewhere(t, in), nil, nil)
			require.NoError(t, err)
			require.Equal(t, "the runtime other", got.Runtime)
			require.Nil(t, got.Graph)
			for i, test := range got.Tests {
				switch test.Name {
				case "parameter_count", "operators", "gradient_computation":
					require.Equal(t, modeltest.StatusSkipped, test.Status, test.Name)
					require.Contains(t, test.Error, "runs on other")
				default:
					require.Equal(t, want.Tests[i].Status, test.Status, "%s: %s", test.Name, test.Error)
				}
			}
			require.Equal(t, want.Metrics["accuracy"], got.Metrics["accuracy"])
			require.Equal(t, want.Comparison, got.Comparison)
		})
	}
}

func TestAnotherRuntimeSkippedFails(t *testing.T) {
	t.Parallel()
	in := elsewhere(t, input(t, "good"))
	in.Tests.Skipped = spec.SkippedFails
	r, err := modeltest.Isolated(t.Context(), in, nil, nil)
	require.NoError(t, err)
	require.False(t, r.Passed)
	require.Contains(t, r.Summary(), "parameter_count: not run: it looks into the graph of an ONNX model")
}

func TestAnotherRuntimeCannotLoad(t *testing.T) {
	t.Parallel()
	in := elsewhere(t, input(t, "good"))
	in.Model = []byte("no model")
	r, err := modeltest.Isolated(t.Context(), in, nil, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"forward_pass"}, failures(r))
	require.Contains(t, r.Summary(), "forward_pass: the model cannot be loaded: ")
	in.Runtime = nil
	_, err = modeltest.Isolated(t.Context(), in, nil, nil)
	require.ErrorIs(t, err, serving.ErrNoRuntime)
}

func TestAnotherRuntimeHangs(t *testing.T) {
	t.Parallel()
	in := elsewhere(t, input(t, "hanging"))
	in.Tests.Process.Time = spec.Duration(2 * time.Second)
	r, err := modeltest.Isolated(t.Context(), in, nil, nil)
	require.NoError(t, err)
	require.False(t, r.Passed)
	require.Equal(t, []string{"forward_pass"}, failures(r))
	require.Contains(t, r.Summary(), "the tests took longer than 2s")
}

// TestAnotherRuntimeBurns has a model that computes for ever, in a process with 2 s of processor time.
func TestAnotherRuntimeBurns(t *testing.T) {
	t.Parallel()
	in := input(t, "hanging")
	in.Tests.Process.CPUTime = spec.Duration(2 * time.Second)
	r, err := modelserver.NewONNX(modelserver.Config{Device: onnx.DeviceCPU, Threads: 1, CPU: in.Tests.Process.CPUTime.D(), Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	in.Spec.Runtime, in.Runtime = "other", r
	report, err := modeltest.Isolated(t.Context(), in, nil, nil)
	require.NoError(t, err)
	require.False(t, report.Passed)
	require.Equal(t, []string{"forward_pass"}, failures(report))
	require.Contains(t, report.Summary(), "forward_pass: the model used up its 2s of processor time (tests.process.cpu_time)")
	require.Equal(t, modeltest.StatusSkipped, named(t, report, "output_consistency").Status)
}

// archived is a runtime whose models are archives, which in truth hold ONNX.
type archived struct{ *serving.ONNX }

const header = "PK\x03\x04"

func (a archived) Load(ctx context.Context, artifact []byte, config spec.Model) (serving.Model, error) {
	return a.ONNX.Load(ctx, bytes.TrimPrefix(artifact, []byte(header)), config)
}

// A candidate in ONNX is tested in its own child, and still compared with production in another runtime.
func TestProductionInAnotherRuntime(t *testing.T) {
	t.Parallel()
	in := input(t, "good")
	in.Production, in.ProductionVersion = model(t, "slightly_worse"), "0"
	want := isolated(t, in)
	require.NotNil(t, want.Comparison)

	r, err := serving.NewONNX(start(t), onnx.Options{Device: onnx.DeviceCPU})
	require.NoError(t, err)
	in.Production, in.Runtime = append([]byte(header), in.Production...), archived{r}
	got := isolated(t, in)
	require.Equal(t, want.Comparison, got.Comparison)

	in.Production = []byte(header)
	test := named(t, isolated(t, in), "accuracy_against_production")
	require.Equal(t, modeltest.StatusSkipped, test.Status)
	require.Contains(t, test.Error, "cannot answer these rows: the model cannot be loaded")
	in.Runtime = nil
	require.Contains(t, named(t, isolated(t, in), "accuracy_against_production").Error, "it runs on torch")
}
