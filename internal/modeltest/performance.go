package modeltest

import (
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/slipway-ml/slipway/internal/stats"
)

const (
	warmUpRuns    = 10
	measuredRuns  = 100
	memoryBatches = 10
	megabyte      = 1e6
	// A batch size is measured over this many batches and at most this long.
	throughputBatches = 50
	throughputTime    = 500 * time.Millisecond
)

// throughputSizes are the batch sizes, in rows, at which throughput is measured.
func throughputSizes() []int { return []int{1, 8, 32} }

// Throughput is how many rows a model answers in batches of one size, one batch after the other.
type Throughput struct {
	Batch   int     `json:"batch"` // rows
	Batches int     `json:"batches"`
	Rows    float64 `json:"rows_per_second"`
	// P50MS to P99MS are quantiles of the time of a batch, in milliseconds.
	P50MS float64 `json:"p50_ms"`
	P95MS float64 `json:"p95_ms"`
	P99MS float64 `json:"p99_ms"`
}

// latency measures single rows (C3): 10 runs to warm up, then 100 measured,
// one after the other; the limit holds for the mean. What batches of 8 and 32
// rows bring is measured beside it.
func (s *suite) latency() Test {
	limit := s.in.Tests.LatencyMS
	took, err := s.timeBatches(1, warmUpRuns, measuredRuns, 0)
	if err != nil {
		return fail(nil, limit, "%s", err)
	}
	slices.Sort(took)
	s.report.Latencies = took
	single, err := throughput(1, took)
	if err != nil {
		return fail(nil, limit, "%s", err)
	}
	mean := stats.Describe(took).Mean
	s.report.measure("latency_mean_ms", mean)
	s.report.measure("latency_p50_ms", single.P50MS)
	s.report.measure("latency_p95_ms", single.P95MS)
	s.report.measure("latency_p99_ms", single.P99MS)
	detail := fmt.Sprintf("milliseconds: mean %.3f, p50 %.3f, p95 %.3f, p99 %.3f over %d single rows after %d to warm up",
		mean, single.P50MS, single.P95MS, single.P99MS, measuredRuns, warmUpRuns)
	t := pass(number(mean), limit, "%s%s", detail, s.throughputs())
	if !(mean <= limit) {
		return t.failed("the mean latency is above the limit (milliseconds); make the model smaller or raise tests.latency_ms")
	}
	return t
}

// throughputs measures each batch size and says the result. A model that takes
// only single rows has been told so elsewhere.
func (s *suite) throughputs() string {
	said := ""
	for _, size := range throughputSizes() {
		if size > s.in.Test.Rows() && size > 1 {
			break
		}
		took, err := s.timeBatches(size, 1, throughputBatches, throughputTime)
		if err != nil {
			return said + fmt.Sprintf("; batches of %d: %s", size, err)
		}
		slices.Sort(took)
		t, err := throughput(size, took)
		if err != nil {
			return said + "; " + err.Error()
		}
		s.report.Throughput = append(s.report.Throughput, t)
		s.report.measure(fmt.Sprintf("throughput_%d", size), t.Rows)
		said += fmt.Sprintf("; %.0f rows/s in batches of %d", t.Rows, size)
	}
	return said
}

// timeBatches runs batches of a size over the test table, after some to warm
// up, and returns what each took in milliseconds. A most of 0 does not end it.
func (s *suite) timeBatches(size, warm, measured int, most time.Duration) ([]float64, error) {
	took := make([]float64, 0, measured)
	places := s.in.Test.Rows() - size + 1
	began := time.Now()
	for i := range warm + measured {
		lo := i * size % places
		in, err := s.inputs(lo, lo+size)
		if err != nil {
			return nil, err
		}
		started := time.Now()
		_, err = s.session.Run(s.ctx, in)
		elapsed := time.Since(started)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.lines(lo, lo+size), err)
		}
		if i < warm {
			continue
		}
		took = append(took, float64(elapsed)/float64(time.Millisecond))
		if most > 0 && time.Since(began) > most {
			break
		}
	}
	return took, nil
}

// throughput sums ascending times of batches up.
func throughput(size int, sorted []float64) (Throughput, error) {
	t := Throughput{Batch: size, Batches: len(sorted)}
	total := 0.0
	for _, ms := range sorted {
		total += ms
	}
	t.Rows = float64(size*len(sorted)) / max(total, 1e-6) * 1000
	for _, q := range []struct {
		to *float64
		at float64
	}{{&t.P50MS, 0.5}, {&t.P95MS, 0.95}, {&t.P99MS, 0.99}} {
		var err error
		if *q.to, err = stats.Quantile(sorted, q.at); err != nil {
			return t, err
		}
	}
	return t, nil
}

// memoryUsage measures how much the process grows over 10 batches (C3).
func (s *suite) memoryUsage() Test {
	limit := s.in.Tests.MemoryMB
	before, err := s.residentNow()
	if err != nil {
		return fail(nil, limit, "%s", err)
	}
	for i := range memoryBatches {
		lo, hi := s.rows(i)
		if _, err := s.answers(lo, hi); err != nil {
			return fail(nil, limit, "%s: %s", s.lines(lo, hi), err)
		}
	}
	after, err := s.residentNow()
	if err != nil {
		return fail(nil, limit, "%s", err)
	}
	grown := max(0, float64(after-before)/megabyte)
	s.report.measure("memory_growth_mb", grown)
	t := pass(number(grown), limit, "megabytes of resident memory over %d batches of up to %d rows, %.0f MB held at the end", memoryBatches, s.batch, float64(after)/megabyte)
	if !(grown <= limit) {
		return t.failed("the process grew by more than the limit (megabytes); use smaller batches or raise tests.memory_mb")
	}
	return t
}

// residentNow is the resident memory, after what Go has no use for was given back.
func (s *suite) residentNow() (int64, error) {
	debug.FreeOSMemory()
	now, _, err := s.memory.Resident()
	return now, err
}
