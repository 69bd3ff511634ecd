package onnx

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	ort "github.com/yalue/onnxruntime_go"
)

// Device says where a model runs: DeviceAuto, DeviceCPU, DeviceCUDA, or a CUDA
// device by its index as "cuda:1".
type Device string

// Devices. Auto is CUDA where Runtime.CUDA holds, the CPU elsewhere; CUDA is the
// first CUDA device.
const (
	DeviceAuto Device = "auto"
	DeviceCPU  Device = "cpu"
	DeviceCUDA Device = "cuda"
)

// maxDevices bounds the index of a device; no machine has as many.
const maxDevices = 256

// ParseDevice reads what people write; empty is DeviceAuto, and "cuda:0" is DeviceCUDA.
func ParseDevice(s string) (Device, error) {
	d := Device(s)
	switch d {
	case "":
		return DeviceAuto, nil
	case DeviceAuto, DeviceCPU, DeviceCUDA:
		return d, nil
	}
	index, ok := d.CUDA()
	if !ok {
		return "", fmt.Errorf("device %q: want auto, cpu, cuda or cuda:N with N below %d", s, maxDevices)
	}
	if index == 0 {
		return DeviceCUDA, nil
	}
	return Device("cuda:" + strconv.Itoa(index)), nil
}

// CUDA is the index of a CUDA device; false for other devices.
func (d Device) CUDA() (index int, ok bool) {
	if d == DeviceCUDA {
		return 0, true
	}
	number, ok := strings.CutPrefix(string(d), "cuda:")
	if !ok {
		return 0, false
	}
	index, err := strconv.Atoi(number)
	return index, err == nil && index >= 0 && index < maxDevices
}

// appendCUDA makes a session run on a CUDA device. memory bounds in bytes what the
// session's arena takes of the device's memory; 0 leaves it to ONNX Runtime, which takes what it needs.
func appendCUDA(options *ort.SessionOptions, index int, memory int64) error {
	cuda, err := ort.NewCUDAProviderOptions()
	if err != nil {
		return err
	}
	// https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html#configuration-options
	settings := map[string]string{"device_id": strconv.Itoa(index)}
	if memory > 0 {
		settings["gpu_mem_limit"] = strconv.FormatInt(memory, 10)
		// The arena grows by what is asked for rather than by doubling, which would reach the limit half empty.
		settings["arena_extend_strategy"] = "kSameAsRequested"
	}
	if err := cuda.Update(settings); err != nil {
		return errors.Join(err, cuda.Destroy())
	}
	return errors.Join(options.AppendExecutionProviderCUDA(cuda), cuda.Destroy())
}
