package nvml_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/nvml"
)

// library compiles the management library of the tests.
func library(t *testing.T, flags ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), nvml.Name)
	out, err := exec.CommandContext(t.Context(), "cc", append(flags, "-shared", "-fPIC", "-o", path, filepath.Join("testdata", "nvml.c"))...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

func value(v float64) *float64 { return &v }

// What the library tells is read as its header declares it, in the units of GPU.
func TestRead(t *testing.T) {
	t.Parallel()
	l, err := nvml.Open(library(t))
	require.NoError(t, err)
	for range 2 {
		require.Equal(t, []nvml.GPU{
			{
				UUID: "GPU-11111111-2222-3333-4444-555555555555", Utilization: value(0.37), Total: value(80 << 30), Used: value(20 << 30),
				Power: value(312.5), Limit: value(700), Energy: value(9876543.21),
			},
			{UUID: "GPU-2", Total: value(40 << 30), Used: value(20 << 30)},
		}, l.Read())
	}
	require.NoError(t, l.Close())
	require.ErrorContains(t, l.Close(), "Other")
}

func TestOpen(t *testing.T) {
	t.Parallel()
	_, err := nvml.Open(filepath.Join(t.TempDir(), nvml.Name))
	require.ErrorIs(t, err, nvml.ErrAbsent)
	_, err = nvml.Open(library(t, "-DSTARTED=9"))
	require.ErrorContains(t, err, "Driver Not Loaded")
	require.NotErrorIs(t, err, nvml.ErrAbsent)
	_, err = nvml.Open(library(t, "-DnvmlDeviceGetUUID=older"))
	require.ErrorContains(t, err, "nvmlDeviceGetUUID")
}
