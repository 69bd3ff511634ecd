package onnx_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
)

func TestParseDevice(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]onnx.Device{
		"": onnx.DeviceAuto, "auto": onnx.DeviceAuto, "cpu": onnx.DeviceCPU, "cuda": onnx.DeviceCUDA, "cuda:0": onnx.DeviceCUDA, "cuda:1": "cuda:1", "cuda:007": "cuda:7",
	} {
		got, err := onnx.ParseDevice(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"CPU", "gpu", "cuda:", "cuda:-1", "cuda:256", "cuda:x", "cuda:1:2", "cpu:0"} {
		_, err := onnx.ParseDevice(text)
		require.ErrorContains(t, err, "want auto, cpu, cuda or cuda:N", text)
	}
}

func TestDeviceCUDA(t *testing.T) {
	t.Parallel()
	for device, want := range map[onnx.Device]int{onnx.DeviceCUDA: 0, "cuda:0": 0, "cuda:3": 3, onnx.DeviceCPU: -1, onnx.DeviceAuto: -1, "cuda:-3": -1} {
		index, ok := device.CUDA()
		require.Equal(t, want >= 0, ok, device)
		if ok {
			require.Equal(t, want, index, device)
		}
	}
}

// TestCUDA runs on a machine with a CUDA device what it refuses on one without, so
// that `make gpu-check` needs no tests of its own.
func TestCUDA(t *testing.T) {
	t.Parallel()
	r := start(t)
	if !r.CUDA() {
		for _, device := range []onnx.Device{onnx.DeviceCUDA, "cuda:1"} {
			_, err := r.Open(read(t, "good"), onnx.Options{Device: device})
			require.ErrorIs(t, err, onnx.ErrNoDevice)
			require.ErrorContains(t, err, string(device))
		}
		s, err := r.Open(read(t, "good"), onnx.Options{})
		require.NoError(t, err)
		require.Equal(t, "cpu", s.Device(), "auto")
		require.NoError(t, s.Close())
		return
	}
	reference := open(t, "good")
	for _, o := range []onnx.Options{{}, {Device: onnx.DeviceCUDA}, {Device: "cuda:0", DeviceMemory: 256 << 20}} {
		s, err := r.Open(read(t, "good"), o)
		require.NoError(t, err)
		require.Contains(t, s.Device(), "cuda")
		for _, rows := range []int{1, 7, 64} {
			want, err := reference.Run(context.Background(), x(rows))
			require.NoError(t, err)
			got, err := s.Run(context.Background(), x(rows))
			require.NoError(t, err)
			require.Len(t, got, len(want))
			for i := range want {
				require.Equal(t, want[i].Shape, got[i].Shape)
				require.InDeltaSlice(t, want[i].Numbers(), got[i].Numbers(), 1e-4, want[i].Name)
			}
		}
		require.NoError(t, s.Close())
	}
	_, err := r.Open(read(t, "good"), onnx.Options{Device: "cuda:255"})
	require.ErrorIs(t, err, onnx.ErrNoDevice)
}
