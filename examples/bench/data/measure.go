package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// errTimeout tells that a child process was killed because it took too long.
var errTimeout = errors.New("took too long")

// command is one child process.
type command struct {
	args []string
	dir  string
	env  []string // beside the environment
}

// sample is one measured run of a command.
type sample struct {
	seconds float64
	cpu     float64 // seconds that all cores together worked for it
	peak    int64   // bytes, of the largest process of its tree that ended
	stdout  []byte
}

// exec runs the command to its end. What earlier ones wrote is on the disk
// before, so that nobody pays for another's writes.
func (b *bench) exec(ctx context.Context, c command) (sample, error) {
	syscall.Sync()
	limit := time.Duration(b.size.limit) * time.Second
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), c.env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// A group of its own: what the command started ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	started := time.Now()
	err := cmd.Run()
	s := sample{seconds: time.Since(started).Seconds(), stdout: stdout.Bytes()}
	if cmd.ProcessState != nil {
		if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			s.peak = usage.Maxrss << 10 // Linux counts KiB
			s.cpu = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
		}
	}
	if ctx.Err() != nil {
		s.seconds = limit.Seconds()
		return s, context.Cause(ctx)
	}
	if err != nil {
		return s, fmt.Errorf("%s: %w: %s", strings.Join(c.args, " "), err, lastLines(stderr.String(), 8))
	}
	return s, nil
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// figure is what all runs of one thing say together; the zero value says nothing.
type figure struct {
	samples []sample
	scale   float64 // of what was run, to what the table shows; 0 is 1
	over    bool    // killed at the limit
	absent  string  // why there is none
}

// add counts a run. A run that was killed stays as its limit; another error is the reason why there is no figure.
func (f *figure) add(s sample, err error) {
	switch {
	case errors.Is(err, errTimeout):
		f.over = true
		f.samples = append(f.samples, s)
	case err != nil:
		f.absent = err.Error()
	default:
		f.samples = append(f.samples, s)
	}
}

func (f *figure) has() bool { return f.absent == "" && len(f.samples) > 0 }

// seconds is the median of the runs, scaled.
func (f *figure) seconds() float64 {
	median := f.median(func(s sample) float64 { return s.seconds })
	if f.scale != 0 {
		median *= f.scale
	}
	return median
}

// cpu is the median of the CPU time of the runs; that is never scaled, for it includes what does not grow.
func (f *figure) cpu() float64 {
	return f.median(func(s sample) float64 { return s.cpu })
}

func (f *figure) median(of func(sample) float64) float64 {
	all := make([]float64, len(f.samples))
	for i, s := range f.samples {
		all[i] = of(s)
	}
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// peak is the most memory of any run, in bytes; that is never scaled.
func (f *figure) peak() int64 {
	var most int64
	for _, s := range f.samples {
		most = max(most, s.peak)
	}
	return most
}

// enough tells whether a peer that takes long has run often enough.
func (b *bench) enough(f *figure) bool {
	var spent float64
	for _, s := range f.samples {
		spent += s.seconds
	}
	return f.absent != "" || f.over || len(f.samples) >= b.size.runs || spent > float64(b.size.enough)
}
