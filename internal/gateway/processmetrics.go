package gateway

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/slipway-ml/slipway/internal/serving"
)

// processCollector tells how the processes of models are, of the versions held here
// that have one of their own. It asks them at each scrape.
type processCollector struct {
	pool                   *serving.Pool
	up, restarts, resident *prometheus.Desc
}

var _ prometheus.Collector = (*processCollector)(nil)

func newProcessCollector(pool *serving.Pool) *processCollector {
	labels := []string{"model", "version"}
	return &processCollector{
		pool:     pool,
		up:       prometheus.NewDesc("slipway_model_process_up", "1 while the process of a model version runs, 0 until it is started again.", labels, nil),
		restarts: prometheus.NewDesc("slipway_model_process_restarts_total", "How often the process of a model version was started again after it had ended by itself.", labels, nil),
		resident: prometheus.NewDesc("slipway_model_process_resident_bytes", "Memory that the process of a model version holds.", labels, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *processCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.up
	ch <- c.restarts
	ch <- c.resident
}

// Collect implements prometheus.Collector.
func (c *processCollector) Collect(ch chan<- prometheus.Metric) {
	seen := map[[2]string]bool{}
	for _, s := range c.pool.Statuses() {
		if s.Process == nil || seen[[2]string{s.Model, s.Version}] {
			continue
		}
		seen[[2]string{s.Model, s.Version}] = true
		up := 0.0
		if s.Process.Down == "" {
			up = 1
		}
		ch <- prometheus.MustNewConstMetric(c.up, prometheus.GaugeValue, up, s.Model, s.Version)
		ch <- prometheus.MustNewConstMetric(c.restarts, prometheus.CounterValue, float64(s.Process.Restarts), s.Model, s.Version)
		ch <- prometheus.MustNewConstMetric(c.resident, prometheus.GaugeValue, float64(s.Process.Resident), s.Model, s.Version)
	}
}
