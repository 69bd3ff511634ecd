package serving

import (
	"runtime"

	"github.com/slipway-ml/slipway/internal/spec"
)

// largeModel is the size in bytes from which a model is worth several threads a
// run: below, handing work to other threads costs more than they save.
const largeModel = 16 << 20

// spread is how a model version uses its device: so many instances, each of
// which runs one batch at a time with so many threads; or, while so many requests come that each processor
// can have a large batch of its own, so many batches at once with a thread each. Narrow 0: never.
type spread struct {
	Instances, Threads, Narrow int
}

// spreadOver divides a device's processors among a model's instances. On a CPU a
// small model gets as many instances as there are cores, a large one as many as
// leave four cores to each; on an accelerator there is one. deployment.instances decides otherwise.
func spreadOver(d spec.Deployment, size int, device string, cores int) spread {
	n := d.Instances
	switch {
	case n > 0:
	case device != "cpu":
		n = 1
	case size < largeModel:
		n = cores
	default:
		n = max(cores/4, 1)
	}
	s := spread{Instances: n, Threads: max(cores/n, 1)}
	if device == "cpu" && d.Instances == 0 && s.Threads > 1 {
		s.Narrow = cores
	}
	return s
}

// Places is how many batches of a model of so many bytes run at once on so many cores, at least 1; on an accelerator it is no more.
func Places(d spec.Deployment, size, cores int) int {
	return spreadOver(d, size, "cpu", cores).Instances
}

// SideBySide is how many batches of a model of so many bytes may run at once on so many cores with a thread each, see
// Narrowable; 0: they never do. memory bounds what the model may take, in bytes; 0: nothing does.
func SideBySide(d spec.Deployment, size, cores int, memory int64) int {
	if size > hugeModel || memory > 0 && int64(size) > memory/sparseMemory {
		return 0
	}
	return spreadOver(d, size, "cpu", cores).Narrow
}

// A model that is larger than hugeModel in bytes, or of whose memory sparseMemory times itself is not there, is not held twice.
const (
	hugeModel    = 512 << 20
	sparseMemory = 8
)

// Cores are the processors that this process may use. Ask when the process starts: later it may use them otherwise (package procs).
func Cores() int { return runtime.GOMAXPROCS(0) }
