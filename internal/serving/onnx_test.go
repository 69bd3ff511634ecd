package serving_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

const creditRisk = "../../examples/credit-risk"

// runtime serves on the real library; a machine without it fails: `make test` sets it up.
func runtime(t testing.TB) *serving.ONNX {
	t.Helper()
	library, err := onnx.FindLibrary()
	require.NoError(t, err)
	r, err := onnx.Start(library)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	s, err := serving.NewONNX(r, onnx.Options{Device: device(t), Threads: 1})
	require.NoError(t, err)
	return s
}

// rows reads the example's table as a client would send it.
func rows(t testing.TB, limit int) []map[string]any {
	t.Helper()
	f, err := os.Open(filepath.Join(creditRisk, "data", "test.csv"))
	require.NoError(t, err)
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	var out []map[string]any
	for _, record := range records[1:min(limit+1, len(records))] {
		row := map[string]any{}
		for i, name := range records[0] {
			if name == "risk" {
				continue
			}
			if v, err := strconv.ParseFloat(record[i], 64); err == nil {
				row[name] = v
			} else {
				row[name] = record[i]
			}
		}
		out = append(out, row)
	}
	return out
}

func TestONNXServesTheExample(t *testing.T) {
	t.Parallel()
	rt := runtime(t)
	p, err := serving.NewPool(serving.PoolConfig{
		Runtime: rt, Limits: serving.Limits{Running: 2, Waiting: 8},
		Fetch: func(_ context.Context, version string) ([]byte, error) {
			return os.ReadFile(filepath.Join(creditRisk, "models", version+".onnx"))
		},
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close(context.Background())) }()
	config := spec.Model{Task: spec.Classification}
	one := serving.Key{Model: "credit-risk", Version: "1.0.0", Digest: "1.0.0"}
	broken := serving.Key{Model: "credit-risk", Version: "9", Digest: "9"}
	require.NoError(t, p.Ensure([]serving.Desired{{Key: one, Config: config}, {Key: broken, Config: config}}))
	require.Eventually(t, func() bool { return p.Ready(one) }, 30*time.Second, 5*time.Millisecond)

	l, err := p.Acquire(one)
	require.NoError(t, err)
	defer l.Release()
	input := serving.Input{Rows: rows(t, 50)}
	require.NotEmpty(t, l.Columns())
	require.NoError(t, l.Accepts(input))
	out, err := l.Predict(context.Background(), input)
	require.NoError(t, err)
	require.Len(t, out, 50)
	for _, p := range out {
		require.NotNil(t, p.Label)
		require.Len(t, p.Probabilities, 2)
		require.InDelta(t, 1, p.Probabilities[0]+p.Probabilities[1], 1e-5)
	}
	require.NoError(t, l.Health(context.Background()))

	delete(input.Rows[3], "age")
	_, err = l.Predict(context.Background(), input)
	require.ErrorIs(t, err, serving.ErrInput)
	require.ErrorContains(t, err, "age")
	_, err = l.Predict(context.Background(), serving.Input{})
	require.ErrorIs(t, err, serving.ErrInput)
	require.Eventually(t, func() bool {
		_, err := p.Acquire(broken)
		return err != nil && p.Statuses()[1].State == serving.Failed
	}, 30*time.Second, 5*time.Millisecond)
}

// device is where the models of the tests run: the CPU, unless `make gpu-check` asks for another.
func device(t testing.TB) onnx.Device {
	t.Helper()
	name := os.Getenv("SLIPWAY_TEST_DEVICE")
	if name == "" {
		return onnx.DeviceCPU
	}
	d, err := onnx.ParseDevice(name)
	require.NoError(t, err)
	return d
}

// A large model answers the same on one thread, beside others, as on all.
func TestLargeModelOnOneThread(t *testing.T) {
	t.Parallel()
	library, err := onnx.FindLibrary()
	require.NoError(t, err)
	r, err := onnx.Start(library)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	s, err := serving.NewONNX(r, onnx.Options{Device: onnx.DeviceCPU})
	require.NoError(t, err)
	artifact, err := os.ReadFile("../../examples/mnist/models/1.0.0.onnx")
	require.NoError(t, err)
	const size = 17 << 20
	artifact = protowire.AppendTag(artifact, 6, protowire.BytesType) // doc_string, which makes it large
	artifact = protowire.AppendBytes(artifact, bytes.Repeat([]byte(" "), size))
	m, err := s.Narrowed().Load(t.Context(), artifact, spec.Model{Task: spec.Classification})
	require.NoError(t, err)
	defer func() { require.NoError(t, m.Close()) }()
	require.Equal(t, serving.SideBySide(spec.Deployment{}, size, serving.Cores(), 0), m.(serving.Narrowable).Narrow())
	in := []onnx.Tensor{{Name: m.Inputs()[0].Name, Type: onnx.Float32, Shape: []int64{2, 784}, Floats: make([]float32, 2*784)}}
	for i := range in[0].Floats {
		in[0].Floats[i] = float32(i%11) / 11
	}
	want, err := m.Infer(t.Context(), in)
	require.NoError(t, err)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			got, err := m.Infer(serving.WithOneThread(t.Context()), in)
			assert.NoError(t, err)
			assert.Equal(t, want, got)
		})
	}
	all.Wait()
}
