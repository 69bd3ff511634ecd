package gateway

import (
	"errors"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/slipway-ml/slipway/internal/nvml"
)

// gpuCollector tells how busy the GPUs are, under the names that dashboards made for
// Triton use. It asks the driver's library at each scrape; where there is none, it tells nothing.
type gpuCollector struct {
	read func() []nvml.GPU // loads the library when it is called first
	desc map[string]*prometheus.Desc
}

var _ prometheus.Collector = (*gpuCollector)(nil)

// Names of the metrics of a GPU.
const (
	metricGPUUtilization = "nv_gpu_utilization"
	metricGPUTotal       = "nv_gpu_memory_total_bytes"
	metricGPUUsed        = "nv_gpu_memory_used_bytes"
	metricGPUPower       = "nv_gpu_power_usage"
	metricGPULimit       = "nv_gpu_power_limit"
	metricGPUEnergy      = "nv_energy_consumption"
)

func newGPUCollector(read func() []nvml.GPU) *gpuCollector {
	c := &gpuCollector{read: read, desc: map[string]*prometheus.Desc{}}
	for name, help := range map[string]string{
		metricGPUUtilization: "Share of the last moments in which a GPU computed, 0 to 1.",
		metricGPUTotal:       "Memory of a GPU.",
		metricGPUUsed:        "Memory of a GPU that is in use, by whom ever.",
		metricGPUPower:       "Watts that a GPU takes.",
		metricGPULimit:       "Watts that a GPU may take.",
		metricGPUEnergy:      "Joules that a GPU has taken since its driver was loaded.",
	} {
		c.desc[name] = prometheus.NewDesc(name, help, []string{"gpu_uuid"}, nil)
	}
	return c
}

// gpus reads the GPUs of this machine. The library is loaded for the first scrape, as that may take
// long, and once: a driver that comes later is seen by the next start.
func gpus(log *slog.Logger) func() []nvml.GPU {
	open := sync.OnceValue(func() *nvml.Library {
		l, err := nvml.Open(nvml.Name)
		if err != nil && !errors.Is(err, nvml.ErrAbsent) {
			log.Warn("the metrics have no GPUs", "error", err)
		}
		return l
	})
	return func() []nvml.GPU {
		if l := open(); l != nil {
			return l.Read()
		}
		return nil
	}
}

// Describe implements prometheus.Collector.
func (c *gpuCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.desc {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *gpuCollector) Collect(ch chan<- prometheus.Metric) {
	for _, g := range c.read() {
		tell := func(name string, kind prometheus.ValueType, v *float64) {
			if v != nil {
				ch <- prometheus.MustNewConstMetric(c.desc[name], kind, *v, g.UUID)
			}
		}
		tell(metricGPUUtilization, prometheus.GaugeValue, g.Utilization)
		tell(metricGPUTotal, prometheus.GaugeValue, g.Total)
		tell(metricGPUUsed, prometheus.GaugeValue, g.Used)
		tell(metricGPUPower, prometheus.GaugeValue, g.Power)
		tell(metricGPULimit, prometheus.GaugeValue, g.Limit)
		tell(metricGPUEnergy, prometheus.CounterValue, g.Energy)
	}
}
