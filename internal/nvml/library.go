package nvml

import (
	"errors"
	"fmt"

	"github.com/ebitengine/purego"
)

// Name is what the driver calls the library.
const Name = "libnvidia-ml.so.1"

// ErrAbsent: there is no such library, so that nothing is known of GPUs.
var ErrAbsent = errors.New("NVIDIA's management library is not here")

// code is what the library's functions return.
type code uint32

const success code = 0

// utilization is nvmlUtilization_t: percent.
type utilization struct{ gpu, _ uint32 }

// memory is nvmlMemory_t: bytes.
type memory struct{ total, _, used uint64 }

// device is nvmlDevice_t, a pointer of the library's.
type device uintptr

// Library is the loaded library. Its methods may be called at the same time.
type Library struct {
	errorString func(code) string
	start       func() code
	stop        func() code
	count       func(*uint32) code
	handle      func(uint32, *device) code
	uuid        func(device, *byte, uint32) code
	utilization func(device, *utilization) code
	memory      func(device, *memory) code
	power       func(device, *uint32) code // milliwatts
	limit       func(device, *uint32) code // milliwatts
	energy      func(device, *uint64) code // millijoules since the driver was loaded

	devices []known
}

// known is a device with what it is called.
type known struct {
	device device
	uuid   string
}

// Open loads the library by its name or path and finds the devices. The error wraps
// ErrAbsent if there is no such library. Close ends its use.
func Open(path string) (*Library, error) {
	handle, err := purego.Dlopen(path, purego.RTLD_LAZY|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	l := &Library{}
	for name, function := range map[string]any{
		"nvmlErrorString": &l.errorString, "nvmlInit_v2": &l.start, "nvmlShutdown": &l.stop,
		"nvmlDeviceGetCount_v2": &l.count, "nvmlDeviceGetHandleByIndex_v2": &l.handle, "nvmlDeviceGetUUID": &l.uuid,
		"nvmlDeviceGetUtilizationRates": &l.utilization, "nvmlDeviceGetMemoryInfo": &l.memory, "nvmlDeviceGetPowerUsage": &l.power,
		"nvmlDeviceGetPowerManagementLimit": &l.limit, "nvmlDeviceGetTotalEnergyConsumption": &l.energy,
	} {
		symbol, err := purego.Dlsym(handle, name)
		if err != nil {
			return nil, fmt.Errorf("management library %s: %w", path, err)
		}
		purego.RegisterFunc(function, symbol)
	}
	if c := l.start(); c != success {
		return nil, fmt.Errorf("start the management library %s: %w", path, l.error(c))
	}
	if err := l.find(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Close ends the use of the library. Nothing else may be called any more.
func (l *Library) Close() error {
	if c := l.stop(); c != success {
		return fmt.Errorf("end the management library: %w", l.error(c))
	}
	return nil
}

func (l *Library) error(c code) error { return errors.New(l.errorString(c)) }

// find lists the devices.
func (l *Library) find() error {
	var n uint32
	if c := l.count(&n); c != success {
		return fmt.Errorf("count the GPUs: %w", l.error(c))
	}
	for i := range n {
		var d device
		if c := l.handle(i, &d); c != success {
			return fmt.Errorf("find GPU %d: %w", i, l.error(c))
		}
		name := make([]byte, 96) // of bytes at most, as the library says
		if c := l.uuid(d, &name[0], uint32(len(name))); c != success {
			return fmt.Errorf("ask GPU %d for its UUID: %w", i, l.error(c))
		}
		l.devices = append(l.devices, known{d, text(name)})
	}
	return nil
}

// text is a string that ends with a zero.
func text(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
