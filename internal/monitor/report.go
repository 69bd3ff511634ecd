package monitor

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/slipway-ml/slipway/internal/stats"
)

// Report is the monitoring report of one window (capability M6).
type Report struct {
	Model   string    `json:"model"`
	Version string    `json:"version"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Result  Result    `json:"result"`
	Service Service   `json:"service"`
}

// Service describes how the version answered in the window.
type Service struct {
	Predictions int     `json:"predictions"`
	Errors      int     `json:"errors"`
	ErrorRate   float64 `json:"error_rate"`
	// Latency in milliseconds, of the answers that were no errors; nil without any.
	Latency *stats.Summary `json:"latency_ms,omitempty"`
	P95     float64        `json:"latency_p95_ms"`
	P99     float64        `json:"latency_p99_ms"`
}

// Serve summarises the answers of a window: the latencies of the good ones in
// milliseconds, and the number of those that failed.
func Serve(latencyMS []float64, errors int) (Service, error) {
	good := present(latencyMS)
	out := Service{Predictions: len(good) + errors, Errors: errors}
	if out.Predictions > 0 {
		out.ErrorRate = float64(errors) / float64(out.Predictions)
	}
	if len(good) == 0 {
		return out, nil
	}
	for _, v := range good {
		if math.IsInf(v, 0) {
			return Service{}, fmt.Errorf("a latency is infinite")
		}
	}
	var err error
	if out.P95, err = stats.Quantile(good, 0.95); err != nil {
		return Service{}, fmt.Errorf("latency: %w", err)
	}
	if out.P99, err = stats.Quantile(good, 0.99); err != nil {
		return Service{}, fmt.Errorf("latency: %w", err)
	}
	s := stats.Describe(good)
	out.Latency = &s
	return out, nil
}

// JSON is the report as stored.
func (r Report) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write monitoring report of %s/%s: %w", r.Model, r.Version, err)
	}
	return b, nil
}
