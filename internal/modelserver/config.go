package modelserver

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// Config is how processes of models are started and watched. The zero value works.
type Config struct {
	// Device is where models run. Empty: auto. A program is told cpu unless this is a CUDA device.
	Device onnx.Device
	// DeviceMemory bounds in bytes what an ONNX model takes of a CUDA device's memory. 0: no bound.
	DeviceMemory int64
	// Narrow has the processes of large ONNX models hold a second session, by which several calls run at once on a thread each
	// (serving.Narrowable), where Memory is enough: for a gateway.
	Narrow bool
	// Threads bounds the threads of one computation; 0: the process takes what it sees fit.
	Threads int
	// Memory is the most resident memory of a process in bytes. 0: no bound.
	Memory int64
	// CPU is the most processor time over all cores that the processes of one loaded
	// model may use, one after the other; the last is ended and none is started again. 0: no bound.
	CPU time.Duration
	// Cores is on how many processors a process runs at once at most. 0: on all.
	Cores int
	// Nice is how far other processes go before a model's where processors are short, 1 to 19: the gateway has to take requests, refuse those that
	// are too many and hand out answers while models compute. 0: not at all.
	Nice int
	// StartTimeout bounds the time from the start of a process to its readiness. Default 2 min.
	StartTimeout time.Duration
	// CheckEvery is how often a process is asked whether it is ready, and
	// CheckTimeout how long it may take to answer. Default 5 s and 10 s.
	CheckEvery, CheckTimeout time.Duration
	// Pause is how long after the end of a process it is started again. It doubles up
	// to MaxPause, and begins anew once a process has lasted longer than that. Default 200 ms and 30 s.
	Pause, MaxPause time.Duration
	// Grace is how long a program may take to end before it is killed. Default 5 s.
	Grace  time.Duration
	Logger *slog.Logger // default: slog.Default
}

// maxMessage bounds what goes through a connection at once, in bytes.
const maxMessage = 256 << 20

func (c Config) withDefaults() Config {
	for _, f := range []struct {
		field     *time.Duration
		otherwise time.Duration
	}{
		{&c.StartTimeout, 2 * time.Minute}, {&c.CheckEvery, 5 * time.Second}, {&c.CheckTimeout, 10 * time.Second},
		{&c.Pause, 200 * time.Millisecond}, {&c.MaxPause, 30 * time.Second}, {&c.Grace, 5 * time.Second},
	} {
		if *f.field == 0 {
			*f.field = f.otherwise
		}
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

func (c Config) validate() error {
	if _, err := onnx.ParseDevice(string(c.Device)); err != nil {
		return fmt.Errorf("model server: %w", err)
	}
	if min(int64(c.Threads), c.DeviceMemory, c.Memory, int64(c.CPU), int64(c.Cores), int64(c.Nice), int64(c.StartTimeout), int64(c.CheckEvery), int64(c.CheckTimeout), int64(c.Pause), int64(c.MaxPause), int64(c.Grace)) < 0 {
		return errors.New("model server: a bound or a time is negative")
	}
	return nil
}
