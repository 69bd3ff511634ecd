package gateway

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/slipway-ml/slipway/internal/serving"
)

// stepCollector tells what the steps of ensembles have done, at each scrape.
type stepCollector struct {
	pool                    *serving.Pool
	runs, failures, seconds *prometheus.Desc
}

var _ prometheus.Collector = (*stepCollector)(nil)

func newStepCollector(pool *serving.Pool) *stepCollector {
	labels := []string{"model", "version", "step"}
	return &stepCollector{
		pool:     pool,
		runs:     prometheus.NewDesc("slipway_ensemble_step_runs_total", "Runs of a step of an ensemble that succeeded, one for each batch.", labels, nil),
		failures: prometheus.NewDesc("slipway_ensemble_step_failures_total", "Runs of a step of an ensemble that failed or were ended.", labels, nil),
		seconds:  prometheus.NewDesc("slipway_ensemble_step_seconds_total", "Time that the runs of a step of an ensemble took, those that failed included.", labels, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *stepCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.runs
	ch <- c.failures
	ch <- c.seconds
}

// Collect implements prometheus.Collector.
func (c *stepCollector) Collect(ch chan<- prometheus.Metric) {
	seen := map[[2]string]bool{}
	for _, s := range c.pool.Statuses() {
		version := [2]string{s.Model, s.Version}
		lease, err := c.pool.Acquire(s.Key)
		if err != nil {
			continue
		}
		steps := lease.Steps()
		lease.Release()
		if seen[version] { // the same name with other bytes, on its way out
			continue
		}
		seen[version] = true
		for _, step := range steps {
			counter := func(d *prometheus.Desc, v float64) {
				ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, s.Model, s.Version, step.Name)
			}
			counter(c.runs, float64(step.Counts.Success.Count))
			counter(c.failures, float64(step.Counts.Fail.Count))
			counter(c.seconds, (step.Counts.Success.Time + step.Counts.Fail.Time).Seconds())
		}
	}
}
