package gateway

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/slipway-ml/slipway/internal/serving"
)

// resourceCollector tells how much there is of resources that models share, at each scrape.
type resourceCollector struct {
	pool         *serving.Pool
	limit, inUse *prometheus.Desc
}

var _ prometheus.Collector = (*resourceCollector)(nil)

func newResourceCollector(pool *serving.Pool) *resourceCollector {
	labels := []string{"resource", "device"}
	return &resourceCollector{
		pool:  pool,
		limit: prometheus.NewDesc("slipway_resource_limit", "How much there is of a resource that models share, on a device or on all together.", labels, nil),
		inUse: prometheus.NewDesc("slipway_resource_in_use", "How much of a resource that models share is taken by batches that run.", labels, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *resourceCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.limit
	ch <- c.inUse
}

// Collect implements prometheus.Collector.
func (c *resourceCollector) Collect(ch chan<- prometheus.Metric) {
	for _, r := range c.pool.Resources() {
		ch <- prometheus.MustNewConstMetric(c.limit, prometheus.GaugeValue, float64(r.Limit), r.Resource, r.Place)
		ch <- prometheus.MustNewConstMetric(c.inUse, prometheus.GaugeValue, float64(r.Used), r.Resource, r.Place)
	}
}
