package sandbox

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// threadRoom is what the threads of one core may map for stacks and arenas, in bytes, used or not.
const threadRoom = 64 << 20

// limit takes on the limits that the kernel keeps for a process, and says which.
func limit(l Limits) (held []string, err error) {
	set := func(what string, resource int, value uint64) {
		if failed := unix.Setrlimit(resource, &unix.Rlimit{Cur: value, Max: value}); failed != nil {
			err = errors.Join(err, fmt.Errorf("limit %s: %w", what, failed))
			return
		}
		held = append(held, what)
	}
	set("no core dumps", unix.RLIMIT_CORE, 0)
	if l.OpenFiles > 0 {
		set(fmt.Sprintf("%d open files", l.OpenFiles), unix.RLIMIT_NOFILE, l.OpenFiles)
	}
	if l.CPU > 0 {
		seconds := uint64((l.CPU + time.Second - 1) / time.Second)
		set(fmt.Sprintf("%d s of processor time", seconds), unix.RLIMIT_CPU, seconds)
	}
	if l.Memory > 0 {
		private, failed := privateMemory()
		if failed != nil {
			return held, errors.Join(err, failed)
		}
		// What the program has mapped by itself is no fault of its work; a race
		// detector maps terabytes. The parent watches what is really used.
		set(megabytes(l.Memory)+" of memory", unix.RLIMIT_DATA, uint64(private+l.Memory+threadRoom*int64(runtime.NumCPU())))
	}
	return held, err
}

// privateMemory is what RLIMIT_DATA counts, in bytes.
func privateMemory() (int64, error) {
	m, err := OpenMemory()
	if err != nil {
		return 0, err
	}
	fields, err := m.fields()
	return fields["VmData"], errors.Join(err, m.Close())
}
