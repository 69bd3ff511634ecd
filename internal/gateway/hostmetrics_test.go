package gateway

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/nvml"
)

// scraped is what a collector tells, as text.
func scraped(t *testing.T, c prometheus.Collector) string {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	require.NoError(t, reg.Register(c))
	w := httptest.NewRecorder()
	promhttp.HandlerFor(reg, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	require.Equal(t, 200, w.Code, w.Body.String())
	return w.Body.String()
}

// The use of the processors is that since the last scrape, of memory what is not available.
func TestHostMetrics(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(file, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600))
	}
	// user nice system idle iowait irq softirq steal guest guest_nice, in hundredths of a second; guests are among users
	write("stat", "cpu  1000 0 500 8000 500 0 0 0 900 0\ncpu0 1000 0 500 8000 500 0 0 0 900 0\nbtime 1700000000\n")
	write("meminfo", "MemTotal:        1000 kB\nMemFree:          100 kB\nMemAvailable:     600 kB\n")
	c := newHostCollector(dir)
	utilized := func(share float64) {
		t.Helper()
		_, after, _ := strings.Cut(scraped(t, c), "\nnv_cpu_utilization ")
		got, err := strconv.ParseFloat(strings.TrimSpace(after), 64)
		require.NoError(t, err)
		require.InDelta(t, share, got, 1e-9)
	}
	write("stat", "cpu  1100 10 540 8300 530 5 10 5 950 0\ncpu0 1100 10 540 8300 530 5 10 5 950 0\nbtime 1700000000\n")
	utilized(0.34) // (100+10+40+5+10+5) of 500
	utilized(0.34)
	write("stat", "cpu  1101 10 540 8300 530 5 10 5 950 0\ncpu0 1101 10 540 8300 530 5 10 5 950 0\nbtime 1700000000\n")
	utilized(0.34) // too short a time to tell
	write("stat", "cpu  1200 10 540 8300 530 5 10 5 950 0\ncpu0 1200 10 540 8300 530 5 10 5 950 0\nbtime 1700000000\n")
	utilized(1)
	require.Contains(t, scraped(t, c), "\nnv_cpu_memory_total_bytes 1.024e+06\n")
	require.Contains(t, scraped(t, c), "\nnv_cpu_memory_used_bytes 409600\n")
	require.Nil(t, newHostCollector(filepath.Join(dir, "none")))
}

// What the library tells of each GPU has Triton's names; what it does not tell is not there.
func TestGPUMetrics(t *testing.T) {
	t.Parallel()
	value := func(v float64) *float64 { return &v }
	c := newGPUCollector(func() []nvml.GPU {
		return []nvml.GPU{
			{UUID: "GPU-1", Utilization: value(0.5), Total: value(100), Used: value(25), Power: value(300), Limit: value(700), Energy: value(12)},
			{UUID: "GPU-2", Used: value(7)},
		}
	})
	require.Equal(t, `# HELP nv_energy_consumption Joules that a GPU has taken since its driver was loaded.
# TYPE nv_energy_consumption counter
nv_energy_consumption{gpu_uuid="GPU-1"} 12
# HELP nv_gpu_memory_total_bytes Memory of a GPU.
# TYPE nv_gpu_memory_total_bytes gauge
nv_gpu_memory_total_bytes{gpu_uuid="GPU-1"} 100
# HELP nv_gpu_memory_used_bytes Memory of a GPU that is in use, by whom ever.
# TYPE nv_gpu_memory_used_bytes gauge
nv_gpu_memory_used_bytes{gpu_uuid="GPU-1"} 25
nv_gpu_memory_used_bytes{gpu_uuid="GPU-2"} 7
# HELP nv_gpu_power_limit Watts that a GPU may take.
# TYPE nv_gpu_power_limit gauge
nv_gpu_power_limit{gpu_uuid="GPU-1"} 700
# HELP nv_gpu_power_usage Watts that a GPU takes.
# TYPE nv_gpu_power_usage gauge
nv_gpu_power_usage{gpu_uuid="GPU-1"} 300
# HELP nv_gpu_utilization Share of the last moments in which a GPU computed, 0 to 1.
# TYPE nv_gpu_utilization gauge
nv_gpu_utilization{gpu_uuid="GPU-1"} 0.5
`, scraped(t, c))
}
