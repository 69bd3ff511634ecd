package gateway

import "github.com/prometheus/client_golang/prometheus"

// checkCollector tells what the last health check of each version said. It asks at
// each scrape, so a version that was dropped leaves the metrics too.
type checkCollector struct {
	prober *prober
	ok, at *prometheus.Desc
}

var _ prometheus.Collector = (*checkCollector)(nil)

func newCheckCollector(p *prober) *checkCollector {
	labels := []string{"model", "version"}
	return &checkCollector{
		prober: p,
		ok:     prometheus.NewDesc("slipway_health_check_ok", "1 while the last health check of a model version was passed, 0 while it was not.", labels, nil),
		at:     prometheus.NewDesc("slipway_health_check_timestamp_seconds", "Unix time of the last health check of a model version.", labels, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *checkCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.ok
	ch <- c.at
}

// Collect implements prometheus.Collector.
func (c *checkCollector) Collect(ch chan<- prometheus.Metric) {
	seen := map[[2]string]bool{}
	for _, s := range c.prober.pool.Statuses() {
		last, ok := c.prober.last(s.Key)
		if !ok || seen[[2]string{s.Model, s.Version}] {
			continue
		}
		seen[[2]string{s.Model, s.Version}] = true
		passed := 1.0
		if last.err != nil {
			passed = 0
		}
		ch <- prometheus.MustNewConstMetric(c.ok, prometheus.GaugeValue, passed, s.Model, s.Version)
		ch <- prometheus.MustNewConstMetric(c.at, prometheus.GaugeValue, float64(last.at.UnixMilli())/1000, s.Model, s.Version)
	}
}
