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

// window is what a stretch of time saw: answers of a server, or Runs of ONNX Runtime.
type window struct {
	rate          float64 // answers a second, or rows
	p50, p95, p99 time.Duration
	cpu           time.Duration // of the server for each answer; 0: not known
	load          time.Duration // of the clients for each answer
}

// newWindow sorts the times that answers, or Runs, took.
func newWindow(rate float64, times []time.Duration) window {
	return window{rate: rate, p50: quantile(times, 0.5), p95: quantile(times, 0.95), p99: quantile(times, 0.99)}
}

// cut takes the window of the given length out of samples of a closed loop; what was answered before start or after the end does not count.
//
// The rate is that of whole rounds of all clients: from the window's first answer to the one that is a multiple of the clients after it. Answers
// to a batch come all at once and the clients have begun together: by the window's length alone a batch too many or too few would count, and the
// same at each load.
func cut(samples []sample, start time.Time, length time.Duration, clients int) window {
	var times, ends []time.Duration
	for _, s := range samples {
		if at := s.end.Sub(start); at >= 0 && at < length {
			times, ends = append(times, s.latency), append(ends, at)
		}
	}
	slices.Sort(ends)
	rate := float64(len(ends)) / length.Seconds()
	if whole := (len(ends) - 1) / clients * clients; whole > 0 && ends[whole] > ends[0] {
		rate = float64(whole) / (ends[whole] - ends[0]).Seconds()
	}
	return newWindow(rate, times)
}

// figure is what all windows say together; the zero value says nothing.
type figure struct {
	windows []window
	// idle is the time of processors that it took in the time away, in which others were measured.
	idle, away time.Duration
	absent     string // why there is none
}

func (f figure) has() bool { return f.absent == "" && len(f.windows) > 0 }

// restless is the share of a processor that it took while others were measured.
func (f figure) restless() float64 {
	if f.away == 0 {
		return 0
	}
	return f.idle.Seconds() / f.away.Seconds()
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
func (f figure) cpu() time.Duration { return middle(f, func(w window) time.Duration { return w.cpu }) }
func (f figure) load() time.Duration {
	return middle(f, func(w window) time.Duration { return w.load })
}
