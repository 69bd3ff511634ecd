package predlog

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/onnx"
)

// BenchmarkLog is what a row costs from Add to the bytes of its segment.
func BenchmarkLog(b *testing.B) {
	words := [][]string{{"male", "female"}, {"own", "free", "rent"}, {"little", "moderate", "quite rich", "rich"}, {"A40", "A41", "A42", "A43", "A44", "A45", "A46", "A48", "A49"}}
	credit := &Layout{Model: "credit-risk", Version: "1", Sensitive: []string{"sex"}}
	for i := range 20 {
		credit.Columns = append(credit.Columns, fmt.Sprintf("column_%02d", i))
	}
	for name, c := range map[string]struct {
		layout  *Layout
		tensors func(i int) []onnx.Tensor
	}{
		"credit-risk": {credit, func(i int) []onnx.Tensor {
			out := make([]onnx.Tensor, len(credit.Columns))
			for j := range out {
				t := onnx.Tensor{Name: credit.Columns[j], Shape: []int64{1, 1}}
				if j < 13 {
					t.Type, t.Strings = onnx.String, []string{words[j%4][(i*7+j)*31%97%len(words[j%4])]}
				} else {
					t.Type, t.Floats = onnx.Float32, []float32{float32(i * (j + 7919) % (1 << (j - 10)))}
				}
				out[j] = t
			}
			return out
		}},
		"image": {&Layout{Model: "image", Version: "1"}, func(i int) []onnx.Tensor {
			image := make([]float32, 28*28) // a fifth is ink, in a box that moves
			for j := range image {
				if x, y := j%28-i%7, j/28-i%5; x > 5 && x < 17 && y > 4 && y < 22 && (i+j*7919)%3 > 0 {
					image[j] = float32((i+1)*j*7919%256) / 255
				}
			}
			return []onnx.Tensor{{Name: "pixels", Type: onnx.Float32, Shape: []int64{1, 28 * 28}, Floats: image}}
		}},
	} {
		b.Run(name, func(b *testing.B) {
			label := int64(1)
			requests := make([]Request, 2048)
			for i := range requests {
				p := float64(i*7919%1000) / 1000
				requests[i] = Request{
					Layout: c.layout, Time: time.UnixMicro(int64(i) * 97), ID: fmt.Sprintf("%024x", (i+1)*7919*104729), LatencyMS: float64(i*31%1000) / 1000,
					Tensors: c.tensors(i), Predictions: []feature.Prediction{{Label: &label, Probabilities: []float64{1 - p, p}}},
				}
			}
			log, err := New(Config{Gateway: "g", Blobs: newLedger(b), Ledger: newLedger(b)})
			require.NoError(b, err)
			bytes, rows := 0, 0
			b.ReportAllocs()
			for b.Loop() {
				log.Add(&requests[rows%len(requests)])
				if rows++; rows%len(requests) == 0 {
					log.gather()
					for _, s := range log.sealed {
						bytes += len(s.bytes)
					}
					log.sealed = nil
				}
			}
			require.Zero(b, log.Dropped())
			b.ReportMetric(float64(bytes)/float64(rows), "file-B/op")
		})
	}
}
