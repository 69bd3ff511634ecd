package modelserver

import (
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/sandbox"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// BenchmarkInfer is what the way into another process costs, one call at a time:
// the smallest call there is, and one with a hundred kilobytes.
func BenchmarkInfer(b *testing.B) {
	apart, err := NewONNX(quick(b))
	require.NoError(b, err)
	here := inProcess(b)
	row, err := load(b, here, example(b), spec.Model{}).Tensors(exampleRow())
	require.NoError(b, err)
	images := onnx.Tensor{Name: "pixels", Type: onnx.Float32, Shape: []int64{32, 784}, Floats: make([]float32, 32*784)}
	for _, c := range []struct {
		name     string
		artifact []byte
		in       []onnx.Tensor
	}{
		{"credit-risk-1", example(b), row},
		{"mnist-32", read(b, "../../examples/mnist/models/1.0.0.onnx"), []onnx.Tensor{images}},
	} {
		b.Run(c.name+"/here", func(b *testing.B) { infer(b, here, c.artifact, c.in) })
		b.Run(c.name+"/process", func(b *testing.B) { infer(b, apart, c.artifact, c.in) })
	}
}

func infer(b *testing.B, r serving.Runtime, artifact []byte, in []onnx.Tensor) {
	b.Helper()
	m := load(b, r, artifact, spec.Model{Name: "m", Version: "1"})
	b.ReportAllocs()
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := m.Infer(b.Context(), in); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	// On a machine that others use too, the quickest calls are those that were left alone.
	b.ReportMetric(float64(took[len(took)/10].Nanoseconds())/1e3, "p10-µs")
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1e3, "p50-µs")
}

// BenchmarkLoadUnload loads a model into a process and ends it again. It reports
// how much the memory of this process has grown over all cycles.
func BenchmarkLoadUnload(b *testing.B) {
	r, err := NewONNX(quick(b))
	require.NoError(b, err)
	artifact := example(b)
	cycle := func() {
		m, err := r.Load(b.Context(), artifact, spec.Model{Name: "m", Version: "1", Task: spec.Classification})
		require.NoError(b, err)
		require.NoError(b, m.Close())
	}
	for range 20 { // until the heap has its size
		cycle()
	}
	before := resident(b)
	for b.Loop() {
		cycle()
	}
	b.ReportMetric(float64(resident(b)-before)/1e6, "MB-grown")
}

// resident is the memory of this process after a collection.
func resident(b *testing.B) int64 {
	b.Helper()
	runtime.GC()
	held, err := sandbox.ResidentMemory(os.Getpid())
	require.NoError(b, err)
	return held
}
