package gateway

import (
	"context"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/spec"
)

// BenchmarkResponseCache compares an answer of the cache with a run of the model, from a request's tensors to its outputs:
// routing, counts and the prediction log are among it, the protocol and the network are not. SLIPWAY_BENCH_NETWORK names
// the file of a larger model of one input of 256 numbers, such as that of `make bench-serving`.
func BenchmarkResponseCache(b *testing.B) {
	w := newWorld(b)
	type subject struct {
		name    string
		tensors []onnx.Tensor
	}
	models := []subject{{"credit", creditTensors(b)}, {"mnist", vector("pixels", 784)}}
	w.register(b, "credit", creditRisk+"/models/1.0.0.onnx", spec.Classification)
	w.register(b, "mnist", "../../examples/mnist/models/1.0.0.onnx", spec.Classification)
	if file := os.Getenv("SLIPWAY_BENCH_NETWORK"); file != "" {
		w.register(b, "network", file, spec.Classification)
		models = append(models, subject{"network", vector("features", 256)})
	}
	g := w.start(b, b.TempDir(), func(c *Config) { c.ModelControl = true })
	backend := inference{g.Gateway}
	number := float32(0)
	for _, m := range models {
		for _, run := range []struct {
			name, config string
			fresh        bool // each request is another one
		}{
			{"off", `{"response_cache":{"enable":false}}`, true},
			{"miss", `{"response_cache":{"enable":true}}`, true},
			{"hit", `{"response_cache":{"enable":true}}`, false},
		} {
			b.Run(m.name+"/"+run.name, func(b *testing.B) {
				require.NoError(b, backend.Load(context.Background(), oip.LoadRequest{Model: m.name, Config: run.config}))
				request := oip.Request{Model: m.name, Inputs: m.tensors}
				b.ReportAllocs()
				for b.Loop() {
					if run.fresh { // the log still makes use of the one before
						number++
						request.Inputs = slices.Clone(m.tensors)
						request.Inputs[0].Floats = slices.Clone(m.tensors[0].Floats)
						request.Inputs[0].Floats[0] = number
					}
					if _, err := backend.Infer(context.Background(), request); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// creditTensors is a row of the example as tensors, a column of numbers first.
func creditTensors(b *testing.B) []onnx.Tensor {
	b.Helper()
	var numbers, words []onnx.Tensor
	for _, in := range typedInputs(rows(b, "test.csv")[0]) {
		t := onnx.Tensor{Name: in.GetName(), Shape: in.GetShape()}
		if in.GetDatatype() == "BYTES" {
			t.Type, t.Strings = onnx.String, []string{string(in.GetContents().GetBytesContents()[0])}
			words = append(words, t)
			continue
		}
		t.Type, t.Floats = onnx.Float32, in.GetContents().GetFp32Contents()
		numbers = append(numbers, t)
	}
	return append(numbers, words...)
}

func vector(name string, n int) []onnx.Tensor {
	t := onnx.Tensor{Name: name, Type: onnx.Float32, Shape: []int64{1, int64(n)}, Floats: make([]float32, n)}
	for i := range t.Floats {
		t.Floats[i] = float32(i%17) / 17
	}
	return []onnx.Tensor{t}
}
