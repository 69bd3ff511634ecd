package main

import (
	"math"
	"slices"
	"time"
)

// sample is one request that was answered.
type sample struct {
	end     time.Time
	latency time.Duration
	status  int // of HTTP
}

func (s sample) start() time.Time { return s.end.Add(-s.latency) }

// window is what a stretch of time saw.
type window struct {
	rate          float64 // answers a second
	p50, p95, p99 time.Duration
}

// figure is what all windows say together; the zero value says nothing.
type figure struct {
	windows []window
	cpu     time.Duration // of the server for each answer; 0: not known
	load    time.Duration // of the clients for each answer
	absent  string        // why there is none
}

func (f figure) has() bool { return f.absent == "" && len(f.windows) > 0 }

// cut sorts samples into n windows of the given length; those before start and after the last do not count.
func cut(samples []sample, start time.Time, length time.Duration, n int) figure {
	latencies := make([][]time.Duration, n)
	for _, s := range samples {
		if i := int(s.end.Sub(start) / length); !s.end.Before(start) && i < n {
			latencies[i] = append(latencies[i], s.latency)
		}
	}
	var f figure
	for _, l := range latencies {
		w := window{rate: float64(len(l)) / length.Seconds()}
		w.p50, w.p95, w.p99 = quantile(l, 0.5), quantile(l, 0.95), quantile(l, 0.99)
		f.windows = append(f.windows, w)
	}
	return f
}

// quantile is the smallest that a share of q is not above; 0 for none. It sorts its input.
func quantile(times []time.Duration, q float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[max(0, int(math.Ceil(q*float64(len(times))))-1)]
}

func median[T float64 | time.Duration](values []T) T {
	slices.Sort(values)
	n := len(values)
	if n == 0 {
		return 0
	}
	return (values[(n-1)/2] + values[n/2]) / 2
}

func middle[T float64 | time.Duration](f figure, of func(window) T) T {
	all := make([]T, len(f.windows))
	for i, w := range f.windows {
		all[i] = of(w)
	}
	return median(all)
}

func (f figure) rate() float64      { return middle(f, func(w window) float64 { return w.rate }) }
func (f figure) p50() time.Duration { return middle(f, func(w window) time.Duration { return w.p50 }) }
func (f figure) p95() time.Duration { return middle(f, func(w window) time.Duration { return w.p95 }) }
func (f figure) p99() time.Duration { return middle(f, func(w window) time.Duration { return w.p99 }) }
