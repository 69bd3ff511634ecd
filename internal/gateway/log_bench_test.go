package gateway

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/gateway/predlog"
	"github.com/slipway-ml/slipway/internal/gateway/predlog/predlogtest"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// BenchmarkLog is what the prediction log costs a request of one row, from the
// answer to the bytes of its segment.
func BenchmarkLog(b *testing.B) {
	w := newWorld(b)
	w.promote(b, w.stage(b, "1.0.0"))
	w.register(b, "mnist", filepath.Join("..", "..", "examples", "mnist", "models", "1.0.0.onnx"), spec.Classification)
	g := w.start(b, b.TempDir(), func(c *Config) { c.ModelControl = true })
	g.await(b, "1.0.0", 0)
	require.Equal(b, 200, g.send(b, "/v2/repository/models/mnist/load", "{}").status)
	sent := rows(b, "test.csv")
	for name, in := range map[string]func(i int) []onnx.Tensor{
		model: func(i int) []onnx.Tensor {
			var out []onnx.Tensor
			for _, name := range slices.Sorted(maps.Keys(sent[0])) {
				v := sent[i%len(sent)][name]
				t := onnx.Tensor{Name: name, Shape: []int64{1, 1}}
				switch v := v.(type) {
				case string:
					t.Type, t.Strings = onnx.String, []string{v}
				case float64:
					t.Type, t.Floats = onnx.Float32, []float32{float32(v)}
				}
				out = append(out, t)
			}
			return out
		},
		"mnist": func(i int) []onnx.Tensor {
			image := make([]float32, 28*28) // a fifth is ink, in a box that moves
			for j := range image {
				if x, y := j%28-i%7, j/28-i%5; x > 5 && x < 17 && y > 4 && y < 22 && (i+j*7919)%3 > 0 {
					image[j] = float32((i+1)*j*7919%256) / 255
				}
			}
			return []onnx.Tensor{{Name: "pixels", Type: onnx.Float32, Shape: []int64{1, 28 * 28}, Floats: image}}
		},
	} {
		b.Run(name, func(b *testing.B) {
			const many = 2048
			c, err := inference{g.Gateway}.acquire(name, "", "")
			require.NoError(b, err)
			defer c.Release()
			ins := make([][]onnx.Tensor, many)
			for i := range ins {
				ins[i] = in(i)
			}
			out, err := c.Infer(context.Background(), ins[0], 0)
			require.NoError(b, err)
			predictions, err := read(c, out, 1)
			require.NoError(b, err)
			ids := make([]string, many)
			for i := range ids {
				ids[i] = randomID()
			}
			to := &predlogtest.Digester{}
			mine := &Gateway{cfg: g.cfg, sync: g.sync, layouts: g.layouts}
			mine.log, err = predlog.New(predlog.Config{Gateway: "g", Blobs: to, Ledger: to, Rows: many})
			require.NoError(b, err)
			done, cancel := context.WithCancel(context.Background())
			cancel()
			at := time.Now()
			a := answer{key: c.key, predictions: predictions, latency: 300 * time.Microsecond}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				i := n % many
				mine.noteTensors(c, ids[i], at.Add(time.Duration(n)*time.Microsecond), ins[i], a)
				if n++; n%many == 0 {
					require.NoError(b, mine.log.Run(done, time.Minute))
				}
			}
			b.StopTimer()
			require.NoError(b, mine.log.Run(done, time.Minute))
			require.EqualValues(b, n, to.Rows)
			b.ReportMetric(float64(to.Bytes)/float64(to.Rows), "file-B/op")
		})
	}
}

func (g *Gateway) noteTensors(c choice, id string, at time.Time, in []onnx.Tensor, a answer) {
	g.note(c, id, at, "", serving.Input{Tensors: in}, a, nil)
}
