package gateway

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/slipway-ml/slipway/internal/serving"
)

// batchMetrics are histograms of what the batches were like. Unlike sums they
// can be added over gateways.
type batchMetrics struct {
	queue, compute, rows, waits *prometheus.HistogramVec
	cuts                        *prometheus.CounterVec
}

func newBatchMetrics() *batchMetrics {
	labels := []string{"model", "version"}
	seconds := prometheus.ExponentialBucketsRange(0.00001, 10, 25)
	return &batchMetrics{
		queue: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "slipway_inference_queue_seconds", Help: "Time from the arrival of a request at its model to the start of its batch.", Buckets: seconds,
		}, labels),
		compute: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "slipway_inference_compute_seconds", Help: "Time that a batch took.", Buckets: seconds,
		}, labels),
		rows: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "slipway_batch_rows", Help: "Rows of a batch.", Buckets: prometheus.ExponentialBuckets(1, 2, 13),
		}, labels),
		waits: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "slipway_resource_wait_seconds", Help: "Time that a batch waited for resources which models share, before it was closed; of models that take any.", Buckets: seconds,
		}, labels),
		cuts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "slipway_batches_total",
			Help: "Batches by why they were closed: idle (a place was free), turn (a place became free), full, preferred, together (those of the batch before are back), delay, resource (what models share became free), alone (the request cannot share one).",
		}, append(labels, "cut")),
	}
}

func (m *batchMetrics) observe(key serving.Key, b serving.Batch) {
	for _, waited := range b.Queue {
		m.queue.WithLabelValues(key.Model, key.Version).Observe(waited.Seconds())
	}
	m.compute.WithLabelValues(key.Model, key.Version).Observe(b.Compute.Seconds())
	m.rows.WithLabelValues(key.Model, key.Version).Observe(float64(b.Rows))
	if b.Shares {
		m.waits.WithLabelValues(key.Model, key.Version).Observe(b.Wait.Seconds())
	}
	m.cuts.WithLabelValues(key.Model, key.Version, string(b.Cut)).Inc()
}

// inferenceCollector tells the counts of the versions held here under the names
// that dashboards made for Triton use. It reads them at each scrape, so a
// version that was dropped leaves the metrics too.
type inferenceCollector struct {
	pool *serving.Pool
	desc map[string]*prometheus.Desc
}

var _ prometheus.Collector = (*inferenceCollector)(nil)

// Names of the metrics that have the labels model and version only.
const (
	metricSuccess  = "nv_inference_request_success"
	metricFailure  = "nv_inference_request_failure"
	metricRows     = "nv_inference_count"
	metricBatches  = "nv_inference_exec_count"
	metricPending  = "nv_inference_pending_request_count"
	metricPlaces   = "slipway_inference_instances"
	metricDuration = "nv_inference_request_duration_us"
	metricQueue    = "nv_inference_queue_duration_us"
	metricInput    = "nv_inference_compute_input_duration_us"
	metricCompute  = "nv_inference_compute_infer_duration_us"
	metricOutput   = "nv_inference_compute_output_duration_us"
)

func newInferenceCollector(pool *serving.Pool) *inferenceCollector {
	c := &inferenceCollector{pool: pool, desc: map[string]*prometheus.Desc{}}
	for name, help := range map[string]string{
		metricSuccess: "Requests that were answered.", metricRows: "Rows that have run.", metricBatches: "Batches that have run.",
		metricPlaces:  "Batches that may run at once.",
		metricPending: "Requests that wait for their model.", metricDuration: "Time from arrival to answer of all requests together, in microseconds.",
		metricQueue: "Time that all requests waited for their model, in microseconds.",
		metricInput: "Time in which all requests were put together to batches, in microseconds.", metricCompute: "Time that the model took for the batches of all requests, in microseconds.",
		metricOutput: "Time in which the answers of all requests were taken out of those of their batches, in microseconds.",
	} {
		c.desc[name] = prometheus.NewDesc(name, help, []string{"model", "version"}, nil)
	}
	c.desc[metricFailure] = prometheus.NewDesc(metricFailure, "Requests that failed, by reason: REJECTED, CANCELED, BACKEND or OTHER.", []string{"model", "version", "reason"}, nil)
	return c
}

// Describe implements prometheus.Collector.
func (c *inferenceCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.desc {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *inferenceCollector) Collect(ch chan<- prometheus.Metric) {
	seen := map[[2]string]bool{}
	for _, s := range c.pool.Statuses() {
		lease, err := c.pool.Acquire(s.Key)
		if err != nil || seen[[2]string{s.Model, s.Version}] {
			if err == nil {
				lease.Release()
			}
			continue
		}
		seen[[2]string{s.Model, s.Version}] = true
		counts, pending, places := lease.Counts(), lease.Pending(), lease.Instances()
		lease.Release()
		counter := func(name string, v float64) {
			ch <- prometheus.MustNewConstMetric(c.desc[name], prometheus.CounterValue, v, s.Model, s.Version)
		}
		us := func(d time.Duration) float64 { return float64(d.Microseconds()) }
		counter(metricSuccess, float64(counts.Success.Count))
		counter(metricRows, float64(counts.Rows))
		counter(metricBatches, float64(counts.Batches))
		counter(metricDuration, us(counts.Success.Time+counts.Fail.Time))
		counter(metricQueue, us(counts.Queue.Time))
		counter(metricInput, us(counts.Compute.Input))
		counter(metricCompute, us(counts.Compute.Infer))
		counter(metricOutput, us(counts.Compute.Output))
		ch <- prometheus.MustNewConstMetric(c.desc[metricPending], prometheus.GaugeValue, float64(pending), s.Model, s.Version)
		ch <- prometheus.MustNewConstMetric(c.desc[metricPlaces], prometheus.GaugeValue, float64(places), s.Model, s.Version)
		for _, reason := range []serving.Failure{serving.FailureRejected, serving.FailureCanceled, serving.FailureBackend, serving.FailureOther} {
			ch <- prometheus.MustNewConstMetric(c.desc[metricFailure], prometheus.CounterValue, float64(counts.Failures[reason]), s.Model, s.Version, string(reason))
		}
	}
}
