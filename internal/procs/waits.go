package procs

import (
	"math"
	"runtime/metrics"
	"time"
)

// tracked is how many times goroutines become ready for each that the runtime measures (gTrackingPeriod).
const tracked = 8

// waits reads for how long goroutines have waited for a thread.
type waits struct{ sample []metrics.Sample }

func newWaits() *waits {
	return &waits{sample: []metrics.Sample{{Name: "/sched/latencies:seconds"}}}
}

// total is that time, all together, as far as the runtime's histogram tells it: its buckets are 6 to 12 % wide.
func (w *waits) total() time.Duration {
	metrics.Read(w.sample)
	if w.sample[0].Value.Kind() != metrics.KindFloat64Histogram {
		return 0
	}
	h := w.sample[0].Value.Float64Histogram()
	seconds := 0.0
	for i, n := range h.Counts {
		if n > 0 {
			seconds += float64(n) * middle(h.Buckets[i], h.Buckets[i+1])
		}
	}
	return time.Duration(tracked * seconds * float64(time.Second))
}

// middle of a bucket; of one without an end, the other end.
func middle(low, high float64) float64 {
	switch {
	case math.IsInf(low, -1):
		return max(high, 0)
	case math.IsInf(high, 1):
		return low
	}
	return (low + high) / 2
}
