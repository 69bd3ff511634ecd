package gateway

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/procfs"
)

// hostCollector tells how busy the machine is, under the names that dashboards made
// for Triton use. It reads /proc at each scrape.
type hostCollector struct {
	proc                     procfs.FS
	utilization, total, used *prometheus.Desc

	mu         sync.Mutex
	busy, time float64 // seconds of all processors, at the last scrape
	share      float64 // of the time before it that was busy
}

var _ prometheus.Collector = (*hostCollector)(nil)

// minSample is how many seconds of processors have to be over before their use is reckoned anew.
const minSample = 0.1

// newHostCollector reads the files under proc; nil if there are none: the machine does not run Linux.
func newHostCollector(proc string) *hostCollector {
	fs, err := procfs.NewFS(proc)
	if err != nil {
		return nil
	}
	c := &hostCollector{
		proc:        fs,
		utilization: prometheus.NewDesc("nv_cpu_utilization", "Share of the machine's processors that was in use since the last scrape, 0 to 1.", nil, nil),
		total:       prometheus.NewDesc("nv_cpu_memory_total_bytes", "Memory of the machine.", nil, nil),
		used:        prometheus.NewDesc("nv_cpu_memory_used_bytes", "Memory of the machine that is not available to programs.", nil, nil),
	}
	_, _ = c.sample() // the first scrape tells what was since the start; if it can't be told, the scrape does without too
	return c
}

// Describe implements prometheus.Collector.
func (c *hostCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.utilization
	ch <- c.total
	ch <- c.used
}

// Collect implements prometheus.Collector.
func (c *hostCollector) Collect(ch chan<- prometheus.Metric) {
	if share, ok := c.sample(); ok {
		ch <- prometheus.MustNewConstMetric(c.utilization, prometheus.GaugeValue, share)
	}
	m, err := c.proc.Meminfo()
	if err != nil || m.MemTotalBytes == nil || m.MemAvailableBytes == nil {
		return
	}
	total := float64(*m.MemTotalBytes)
	ch <- prometheus.MustNewConstMetric(c.total, prometheus.GaugeValue, total)
	ch <- prometheus.MustNewConstMetric(c.used, prometheus.GaugeValue, total-float64(*m.MemAvailableBytes))
}

// sample is the share of the processors that was in use since the last sample.
func (c *hostCollector) sample() (float64, bool) {
	stat, err := c.proc.Stat()
	if err != nil {
		return 0, false
	}
	t := stat.CPUTotal // the time of guests is among that of users
	busy := t.User + t.Nice + t.System + t.IRQ + t.SoftIRQ + t.Steal
	whole := busy + t.Idle + t.Iowait
	c.mu.Lock()
	defer c.mu.Unlock()
	if passed := whole - c.time; passed >= minSample {
		c.share = min(max((busy-c.busy)/passed, 0), 1)
		c.busy, c.time = busy, whole
	}
	return c.share, true
}
