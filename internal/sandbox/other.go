//go:build !linux

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
)

// Where the system is not Linux a child has limits on files and time only, and says so.

func program() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func killGroup(p *os.Process) error {
	if err := syscall.Kill(-p.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill the child's process group: %w", err)
	}
	return nil
}

func peakMemory(s *os.ProcessState) int64 {
	if used, ok := s.SysUsage().(*syscall.Rusage); ok {
		return used.Maxrss
	}
	return 0
}

// dieWithParent does nothing: only Linux ends a child with its parent.
func dieWithParent() error { return nil }

func terminate(p *os.Process) error { return p.Signal(syscall.SIGTERM) }

func firstThread() bool { return false } // it does not matter where nothing is bound

func bind(Limits) ([]string, error) {
	return []string{"without a bound on processors, with the priority of others: only Linux lets a thread hand these on"}, nil
}

// ResidentMemory is what a process holds, in bytes, which only Linux tells.
func ResidentMemory(int) (int64, error) {
	return 0, errors.New("only Linux tells how much memory another process holds")
}

func watch(context.Context, int, int64, func()) {}

// Memory is what the process holds, in bytes: what Go holds, where the system does not tell more.
type Memory struct{ peak int64 }

// OpenMemory prepares to tell the memory of the process.
func OpenMemory() (*Memory, error) { return &Memory{}, nil }

// Resident is the memory held now and at its peak, in bytes.
func (m *Memory) Resident() (now, peak int64, err error) {
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	m.peak = max(m.peak, int64(s.Sys))
	return int64(s.Sys), m.peak, nil
}

// Close does nothing here.
func (*Memory) Close() error { return nil }

func limit(l Limits) ([]string, error) {
	var held []string
	for _, r := range []struct {
		what     string
		resource int
		value    uint64
	}{
		{"no core dumps", syscall.RLIMIT_CORE, 0},
		{"open files", syscall.RLIMIT_NOFILE, l.OpenFiles},
		{"processor time", syscall.RLIMIT_CPU, uint64((l.CPU + time.Second - 1) / time.Second)},
	} {
		if r.value == 0 && r.resource != syscall.RLIMIT_CORE {
			continue
		}
		if err := syscall.Setrlimit(r.resource, &syscall.Rlimit{Cur: r.value, Max: r.value}); err != nil {
			return held, fmt.Errorf("limit %s: %w", r.what, err)
		}
		held = append(held, r.what)
	}
	return held, nil
}

func confine(Reach) ([]string, error) {
	return []string{"without bounds on files and network: only Linux has them"}, nil
}
