package modeltest

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Report is the outcome of the tests of one model (capability C5).
type Report struct {
	Model   string `json:"model"`
	Version string `json:"version"`
	Digest  string `json:"digest"`  // of the model's bytes, sha256:<hex>
	Device  string `json:"device"`  // that the tests ran on: cpu or cuda
	Runtime string `json:"runtime"` // ONNX Runtime and its version
	Rows    int    `json:"rows"`    // of the test table
	Passed  bool   `json:"passed"`
	Tests   []Test `json:"tests"`
	// Metrics are finite numbers by name: accuracy, precision, recall, f1, auc,
	// log_loss or rmse, mae, r2; latency_mean_ms, latency_p50_ms,
	// latency_p95_ms, latency_p99_ms; throughput_1, throughput_8, throughput_32
	// (rows a second in batches of 1, 8 and 32); memory_growth_mb,
	// memory_peak_mb, parameters, model_bytes. One that could not be measured is absent.
	Metrics map[string]float64 `json:"metrics"`
	// Confusion is nil for a regression, or if the rows could not be predicted.
	Confusion *Confusion `json:"confusion,omitempty"`
	// Latencies are the measured single-row inferences in milliseconds, ascending.
	Latencies []float64 `json:"latencies_ms,omitempty"`
	Started   time.Time `json:"started"`
	Seconds   float64   `json:"seconds"`
	// Graph is what the model's file says of itself; nil if it could not be read.
	Graph *Graph `json:"graph,omitempty"`
	// Throughput is measured at several batch sizes, ascending.
	Throughput []Throughput `json:"throughput,omitempty"`
	// Process is what the tests ran in.
	Process *Process `json:"process,omitempty"`
	Evidence
}

// Status is how a test ended.
type Status string

// Statuses. Skipped says that a test could not run for a reason outside the
// model, such as nothing in production to compare with; it is not passed.
const (
	StatusPassed  Status = "passed"
	StatusFailed  Status = "failed"
	StatusSkipped Status = "skipped"
)

// Test is one check. Value and Limit are numbers or text and valid JSON.
type Test struct {
	ID     string `json:"id"` // of the capability: C1 to C4
	Name   string `json:"name"`
	Status Status `json:"status"`
	// Passed tells that Status is passed. A skipped test is neither passed nor
	// what stops a release, unless the spec says so.
	Passed bool `json:"passed"`
	Value  any  `json:"value,omitempty"`
	Limit  any  `json:"limit,omitempty"`
	// Error says why the test did not pass: why it failed, or why it was skipped.
	Error string `json:"error,omitempty"`
	// Detail says more about a test, passed or not.
	Detail string `json:"detail,omitempty"`
}

// Confusion counts predictions: Counts[i][j] rows of class i were called class j.
type Confusion struct {
	Classes []string  `json:"classes"`
	Counts  [][]int64 `json:"counts"`
}

// Summary says the outcome in a line: how many tests passed and how many were
// skipped, or the first that stopped the model, with its reason.
func (r Report) Summary() string {
	if r.Passed {
		return r.Tally()
	}
	culprit := StatusFailed
	if r.count(StatusFailed) == 0 {
		culprit = StatusSkipped // the spec says that these stop a model too
	}
	for _, t := range r.Tests {
		if t.Status == culprit {
			return fmt.Sprintf("%s: %s (%s)", t.Name, t.Error, r.Tally())
		}
	}
	return r.Tally()
}

// Tally counts the tests by how they ended.
func (r Report) Tally() string {
	passed, failed, skipped := r.count(StatusPassed), r.count(StatusFailed), r.count(StatusSkipped)
	switch {
	case passed == len(r.Tests):
		return fmt.Sprintf("%d of %d tests passed", passed, passed)
	case failed == 0:
		return fmt.Sprintf("%d passed, %d skipped", passed, skipped)
	}
	return fmt.Sprintf("%d failed, %d passed, %d skipped", failed, passed, skipped)
}

func (r Report) count(s Status) int {
	n := 0
	for _, t := range r.Tests {
		if t.Status == s {
			n++
		}
	}
	return n
}

// pass, fail and skip make tests; the suite fills in ID and Name.
func pass(value, limit any, detail string, args ...any) Test {
	return Test{Status: StatusPassed, Passed: true, Value: value, Limit: limit, Detail: fmt.Sprintf(detail, args...)}
}

func fail(value, limit any, reason string, args ...any) Test {
	return Test{Status: StatusFailed, Value: value, Limit: limit, Error: fmt.Sprintf(reason, args...)}
}

// skip is a test that could not run for a reason outside the model. What the
// model is to blame for is a fail.
func skip(reason string, args ...any) Test {
	return Test{Status: StatusSkipped, Error: fmt.Sprintf(reason, args...)}
}

// failed turns a test that passed into one that did not, its numbers kept.
func (t Test) failed(reason string, args ...any) Test {
	t.Status, t.Passed, t.Error = StatusFailed, false, fmt.Sprintf(reason, args...)
	return t
}

// number makes a value JSON can carry: text for NaN and the infinities.
func number(v float64) any {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return v
}

// measure records a metric if it is finite.
func (r *Report) measure(name string, v float64) {
	if !math.IsNaN(v) && !math.IsInf(v, 0) {
		r.Metrics[name] = v
	}
}
