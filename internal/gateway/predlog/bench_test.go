package predlog

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/gateway/predlog/predlogtest"
	"github.com/slipway-ml/slipway/internal/onnx"
)

// BenchmarkWide is what a row of a matrix costs, from the answer to the bytes of its segment and their digest:
// numbers of which no two are the same (noise), and shades of gray, most of them none (pixels). slice-µs is how
// long of a processor's time the log takes without a pause.
func BenchmarkWide(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a benchmark
	noise := func() float32 { return float32(random.NormFloat64()) }
	pixels := func() float32 { return float32(max(0, random.IntN(1280)-1024)) / 255 }
	for _, c := range []struct {
		name  string
		width int
		value func() float32
	}{{"noise", 256, noise}, {"noise", 784, noise}, {"pixels", 256, pixels}, {"pixels", 784, pixels}} {
		b.Run(fmt.Sprintf("%s-%d", c.name, c.width), func(b *testing.B) {
			const many = 2048
			label := int64(1)
			l := &Layout{Model: "m", Version: "1"}
			requests := make([]Request, many)
			for i := range requests {
				floats := make([]float32, c.width)
				for j := range floats {
					floats[j] = c.value()
				}
				requests[i] = Request{
					Layout: l, Time: time.UnixMicro(int64(i)), ID: hex.EncodeToString(fmt.Appendf(nil, "%08d", i*7919%many)), LatencyMS: float64(i%300) / 1000,
					Tensors:     []onnx.Tensor{{Name: "in", Type: onnx.Float32, Shape: []int64{1, int64(c.width)}, Floats: floats}},
					Predictions: []feature.Prediction{{Label: &label, Probabilities: []float64{1 - float64(i)/many, float64(i) / many}}},
				}
			}
			to := &predlogtest.Digester{}
			log, err := New(Config{Gateway: "g", Blobs: to, Ledger: to, Rows: many})
			require.NoError(b, err)
			var took []time.Duration
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			last := time.Duration(0)
			log.pace.worked = func(time.Duration) {
				now := thread(b)
				took, last = append(took, now-last), now
			}
			ended, cancel := context.WithCancel(context.Background())
			cancel()
			b.ReportAllocs()
			n := 0
			for range many { // the first segment makes the buffers
				log.Add(&requests[n])
				n++
			}
			require.NoError(b, log.Run(ended, time.Minute))
			took, last = took[:0], thread(b)
			before := cpu(b)
			for b.Loop() {
				log.Add(&requests[n%many])
				if n++; n%many == 0 {
					last = thread(b)
					require.NoError(b, log.Run(ended, time.Minute))
				}
			}
			b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
			b.StopTimer()
			require.NoError(b, log.Run(ended, time.Minute))
			require.EqualValues(b, n, to.Rows)
			b.ReportMetric(float64(to.Bytes)/float64(to.Rows), "file-B/op")
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "slice-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "slice-p99-µs")
			b.ReportMetric(float64(took[len(took)-1].Microseconds()), "slice-max-µs")
		})
	}
}

// cpu is the time of processors that the process has taken.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// thread is the time of a processor that the thread has taken.
func thread(b *testing.B) time.Duration {
	b.Helper()
	var t unix.Timespec
	require.NoError(b, unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t))
	return time.Duration(t.Nano())
}
