package modeltest

import (
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/internal/stats"
)

const (
	warmUpRuns    = 10
	measuredRuns  = 100
	memoryBatches = 10
	megabyte      = 1e6
)

// latency measures single rows (C3): 10 runs to warm up, then 100 measured,
// one after the other; the limit holds for the mean.
func (s *suite) latency() Test {
	limit := s.in.Tests.LatencyMS
	took := make([]float64, 0, measuredRuns)
	for i := range warmUpRuns + measuredRuns {
		at := i % s.in.Test.Rows()
		in, err := s.inputs(at, at+1)
		if err != nil {
			return fail(nil, limit, "%s", err)
		}
		started := time.Now()
		_, err = s.session.Run(s.ctx, in)
		elapsed := time.Since(started)
		if err != nil {
			return fail(nil, limit, "%s: %s", s.lines(at, at+1), err)
		}
		if i >= warmUpRuns {
			took = append(took, float64(elapsed)/float64(time.Millisecond))
		}
	}
	slices.Sort(took)
	s.report.Latencies = took
	mean := stats.Describe(took).Mean
	s.report.measure("latency_mean_ms", mean)
	quantiles := map[string]float64{}
	for name, q := range map[string]float64{"p50": 0.5, "p95": 0.95, "p99": 0.99} {
		v, err := stats.Quantile(took, q)
		if err != nil {
			return fail(number(mean), limit, "%s", err)
		}
		quantiles[name] = v
		s.report.measure("latency_"+name+"_ms", v)
	}
	t := pass(number(mean), limit, "milliseconds: mean %.3f, p50 %.3f, p95 %.3f, p99 %.3f over %d single rows after %d to warm up",
		mean, quantiles["p50"], quantiles["p95"], quantiles["p99"], measuredRuns, warmUpRuns)
	if !(mean <= limit) {
		return t.failed("the mean latency is above the limit (milliseconds); make the model smaller or raise tests.latency_ms")
	}
	return t
}

// memory measures how much the process grows over 10 batches (C3).
func (s *suite) memory() Test {
	limit := s.in.Tests.MemoryMB
	before, source := residentBytes()
	for i := range memoryBatches {
		lo, hi := s.rows(i)
		if _, err := s.answers(lo, hi); err != nil {
			return fail(nil, limit, "%s: %s", s.lines(lo, hi), err)
		}
	}
	after, _ := residentBytes()
	grown := max(0, float64(after-before)/megabyte)
	s.report.measure("memory_growth_mb", grown)
	t := pass(number(grown), limit, "megabytes of %s over %d batches of up to %d rows", source, memoryBatches, s.batch)
	if !(grown <= limit) {
		return t.failed("the process grew by more than the limit (megabytes); use smaller batches or raise tests.memory_mb")
	}
	return t
}

// residentBytes is the resident memory of the process, after what Go has no
// use for was given back; where the system does not tell, what Go holds.
func residentBytes() (bytes int64, source string) {
	debug.FreeOSMemory()
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if fields := strings.Fields(string(text)); len(fields) > 1 {
			if pages, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
				return pages * int64(os.Getpagesize()), "resident memory"
			}
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys), "memory held by Go (the system does not tell resident memory)"
}
