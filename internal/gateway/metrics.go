package gateway

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/slipway-ml/slipway/internal/serving"
)

// Outcomes of a prediction, as slipway_predictions_total counts them.
const (
	outcomeOK        = "ok"
	outcomeError     = "error"     // the model failed
	outcomeBusy      = "busy"      // the version had too many requests waiting
	outcomeThrottled = "throttled" // the release allows no more requests a second
	outcomeInvalid   = "invalid"   // the client's input does not fit
	outcomeCanceled  = "canceled"  // the client went away
)

// metrics are what GET /metrics serves. Names and labels are part of the API.
type metrics struct {
	predictions *prometheus.CounterVec
	seconds     *prometheus.HistogramVec
	dropped     prometheus.Counter
	bare        prometheus.Counter
	unflushed   prometheus.Gauge
	batches     *batchMetrics
}

func newMetrics(reg *prometheus.Registry, table *Table, pool *serving.Pool, checks *prober, held *budget, contact func() (time.Time, bool), log *slog.Logger) (*metrics, error) {
	m := &metrics{
		batches: newBatchMetrics(),
		predictions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "slipway_predictions_total", Help: "Requests for predictions by the version that took them and how they ended: ok, error, busy, throttled, invalid or canceled.",
		}, []string{"model", "version", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "slipway_prediction_seconds", Help: "Time from the choice of a version to its answer, of the requests answered.",
			Buckets: prometheus.ExponentialBucketsRange(0.0001, 10, 26),
		}, []string{"model", "version"}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "slipway_prediction_log_dropped_total", Help: "Predictions that are missing in the prediction log, because it could not be written fast enough.",
		}),
		bare: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "slipway_prediction_log_bare_total", Help: "Predictions that are in the prediction log without their features, because it can't hold rows of their form.",
		}),
		unflushed: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "slipway_traffic_flush_failing", Help: "1 while the counts for canary analysis can't be delivered to the catalog.",
		}),
	}
	last := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "slipway_catalog_last_contact_timestamp_seconds", Help: "Unix time at which the catalog last answered; 0 if it has not since the start.",
	}, func() float64 {
		at, ok := contact()
		if !ok {
			return 0
		}
		return float64(at.UnixMilli()) / 1000
	})
	all := append(held.metrics(),
		m.predictions, m.seconds, m.dropped, m.bare, m.unflushed, last, m.batches.queue, m.batches.compute, m.batches.rows, m.batches.cuts, m.batches.waits, newResourceCollector(pool), newInferenceCollector(pool), newCacheCollector(pool), newProcessCollector(pool), newStepCollector(pool), newCheckCollector(checks), newGPUCollector(gpus(log)), &routeCollector{
			table:  table,
			weight: prometheus.NewDesc("slipway_route_weight", "Share of a model's traffic that a version is given, 0 to 1.", []string{"model", "version"}, nil),
			rev:    prometheus.NewDesc("slipway_route_revision", "Revision of the route in force.", []string{"model"}, nil),
		},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	if host := newHostCollector("/proc"); host != nil {
		all = append(all, host)
	}
	for _, c := range all {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

// routeCollector reads the table at each scrape, so a version that left the
// route leaves the metrics too.
type routeCollector struct {
	table       *Table
	weight, rev *prometheus.Desc
}

var _ prometheus.Collector = (*routeCollector)(nil)

// Describe implements prometheus.Collector.
func (c *routeCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.weight
	ch <- c.rev
}

// Collect implements prometheus.Collector.
func (c *routeCollector) Collect(ch chan<- prometheus.Metric) {
	for model, r := range c.table.Routes() {
		canary := float64(r.CanaryPermille) / 1000
		if r.Stable != "" {
			ch <- prometheus.MustNewConstMetric(c.weight, prometheus.GaugeValue, 1-canary, model, r.Stable)
		}
		if r.Canary != "" && r.Canary != r.Stable {
			ch <- prometheus.MustNewConstMetric(c.weight, prometheus.GaugeValue, canary, model, r.Canary)
		}
		ch <- prometheus.MustNewConstMetric(c.rev, prometheus.GaugeValue, float64(r.Rev), model)
	}
}
