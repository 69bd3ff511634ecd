package gateway

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/slipway-ml/slipway/internal/serving"
)

// cacheCollector tells of the answers that versions keep to give them again: in the names that dashboards made for Triton
// use, and what the cache holds. A version that keeps none has none of these.
type cacheCollector struct {
	pool                             *serving.Pool
	hits, misses, hitTime, missTime  *prometheus.Desc
	bytes, limit, entries, evictions *prometheus.Desc
}

var _ prometheus.Collector = (*cacheCollector)(nil)

func newCacheCollector(pool *serving.Pool) *cacheCollector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{"model", "version"}, nil)
	}
	return &cacheCollector{
		pool:      pool,
		hits:      desc("nv_cache_num_hits_per_model", "Requests that were answered from the cache of answers."),
		misses:    desc("nv_cache_num_misses_per_model", "Requests whose answer was not in the cache."),
		hitTime:   desc("nv_cache_hit_duration_per_model", "Time to find and copy the answers from the cache, in microseconds."),
		missTime:  desc("nv_cache_miss_duration_per_model", "Time to look for answers that were not in the cache, and to keep those of the model, in microseconds."),
		bytes:     desc("slipway_response_cache_bytes", "Bytes that the cache of answers holds, its table among them."),
		limit:     desc("slipway_response_cache_bytes_limit", "Bytes that the cache of answers may hold."),
		entries:   desc("slipway_response_cache_entries", "Answers that the cache holds."),
		evictions: desc("slipway_response_cache_evictions_total", "Answers that the cache let go for others."),
	}
}

// Describe implements prometheus.Collector.
func (c *cacheCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.hits, c.misses, c.hitTime, c.missTime, c.bytes, c.limit, c.entries, c.evictions} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *cacheCollector) Collect(ch chan<- prometheus.Metric) {
	seen := map[[2]string]bool{}
	for _, s := range c.pool.Statuses() {
		lease, err := c.pool.Acquire(s.Key)
		if err != nil {
			continue
		}
		held, cached := lease.Cache()
		counts := lease.Counts()
		lease.Release()
		if !cached || seen[[2]string{s.Model, s.Version}] {
			continue
		}
		seen[[2]string{s.Model, s.Version}] = true
		tell := func(d *prometheus.Desc, kind prometheus.ValueType, v float64) {
			ch <- prometheus.MustNewConstMetric(d, kind, v, s.Model, s.Version)
		}
		us := func(d time.Duration) float64 { return float64(d.Microseconds()) }
		tell(c.hits, prometheus.CounterValue, float64(counts.CacheHits.Count))
		tell(c.misses, prometheus.CounterValue, float64(counts.CacheMisses.Count))
		tell(c.hitTime, prometheus.CounterValue, us(counts.CacheHits.Time))
		tell(c.missTime, prometheus.CounterValue, us(counts.CacheMisses.Time))
		tell(c.bytes, prometheus.GaugeValue, float64(held.Bytes))
		tell(c.limit, prometheus.GaugeValue, float64(held.Limit))
		tell(c.entries, prometheus.GaugeValue, float64(held.Entries))
		tell(c.evictions, prometheus.CounterValue, float64(held.Evicted))
	}
}
