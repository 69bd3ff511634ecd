package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// program is the running program, even if its file has been replaced since.
func program() string { return "/proc/self/exe" }

// attributes put a child into a group of its own and let it die with its parent.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// dieWithParent does for the calling thread what attributes does for a child's first: the others know nothing
// of it, and one of them may be the thread that turns into another program.
func dieWithParent() error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("die with the parent: %w", err)
	}
	return nil
}

// killGroup ends a child and all it started.
func killGroup(p *os.Process) error {
	if err := syscall.Kill(-p.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill the child's process group: %w", err)
	}
	return nil
}

// terminate asks a child to end.
func terminate(p *os.Process) error { return p.Signal(syscall.SIGTERM) }

// firstThread tells whether the calling thread is the process's first.
func firstThread() bool { return unix.Gettid() == unix.Getpid() }

// bind holds the calling thread, and the child that it starts, to the limits that a thread
// hands on: so many processors, and a priority below others'.
func bind(l Limits) (held []string, err error) {
	if l.Cores > 0 {
		if held, err = bindCores(l.Cores); err != nil {
			return nil, err
		}
	}
	if l.Nice > 0 {
		inverse, err := unix.Getpriority(unix.PRIO_PROCESS, 0) // 20 less the nice value
		nice := min(20-inverse+l.Nice, 19)
		if err == nil {
			err = unix.Setpriority(unix.PRIO_PROCESS, 0, nice)
		}
		if err != nil {
			return nil, fmt.Errorf("lower the priority by %d: %w", l.Nice, err)
		}
		held = append(held, fmt.Sprintf("nice %d", nice))
	}
	return held, nil
}

// bindCores makes the calling thread run on so many of the processors that it may run on.
func bindCores(cores int) ([]string, error) {
	var allowed, drawn unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return nil, fmt.Errorf("ask for processors: %w", err)
	}
	n := 0
	for _, i := range rand.Perm(len(allowed) * 64) {
		if n < cores && allowed.IsSet(i) {
			drawn.Set(i)
			n++
		}
	}
	if err := unix.SchedSetaffinity(0, &drawn); err != nil {
		return nil, fmt.Errorf("bind to %d processors: %w", n, err)
	}
	return []string{fmt.Sprintf("%d of %d processors", n, allowed.Count())}, nil
}

// ResidentMemory is what the process with this id holds now, in bytes; an error if there is none.
func ResidentMemory(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, fmt.Errorf("measure memory: %w", err)
	}
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0, fmt.Errorf("measure memory of process %d: %q is no statm", pid, text)
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("measure memory of process %d: %w", pid, err)
	}
	return pages * int64(os.Getpagesize()), nil
}

// peakMemory is the most resident memory of a process that has ended.
func peakMemory(s *os.ProcessState) int64 {
	if used, ok := s.SysUsage().(*syscall.Rusage); ok {
		return used.Maxrss * 1024
	}
	return 0
}

// watch calls over once a process holds more than limit bytes.
func watch(ctx context.Context, pid int, limit int64, over func()) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		held, err := ResidentMemory(pid)
		if err != nil {
			return // it has ended
		}
		if held > limit {
			over()
			return
		}
	}
}

// Memory is what the process holds now and has held at most, in bytes. It is
// read through an open file, so that it can be told in a confined child.
type Memory struct{ status *os.File }

// OpenMemory prepares to tell the memory of the process; call it before Confine.
func OpenMemory() (*Memory, error) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return nil, fmt.Errorf("measure memory: %w", err)
	}
	return &Memory{f}, nil
}

// Resident is the resident memory now and at its peak, in bytes.
func (m *Memory) Resident() (now, peak int64, err error) {
	fields, err := m.fields()
	return fields["VmRSS"], fields["VmHWM"], err
}

// Close gives the file back.
func (m *Memory) Close() error { return m.status.Close() }

func (m *Memory) fields() (map[string]int64, error) {
	text := make([]byte, 16<<10)
	n, err := m.status.ReadAt(text, 0)
	if n == 0 {
		return nil, fmt.Errorf("measure memory: %w", err)
	}
	out := map[string]int64{}
	for line := range bytes.Lines(text[:n]) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if words := bytes.Fields(value); len(words) == 2 && string(words[1]) == "kB" {
			if kb, err := strconv.ParseInt(string(words[0]), 10, 64); err == nil {
				out[string(name)] = kb * 1024
			}
		}
	}
	return out, nil
}
