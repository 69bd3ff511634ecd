package sandbox

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// Cause is why a child died.
type Cause string

// Causes.
const (
	CauseMemory  Cause = "memory"   // it needed more than Limits.Memory
	CauseCPU     Cause = "cpu time" // it needed more than Limits.CPU
	CauseTime    Cause = "time"     // it needed more than Limits.Time
	CauseCrash   Cause = "crash"    // a signal or a fatal error ended it
	CauseGarbage Cause = "garbage"  // what it wrote was no message
	CauseExit    Cause = "exit"     // it ended itself before its work was done
	CauseKilled  Cause = "killed"   // somebody else ended it
)

// Death says that a child ended before its work was done, and why.
type Death struct {
	Cause Cause
	// Signal is the name of what ended it, such as SIGSEGV; empty if none did.
	Signal string
	// Output is the beginning of what it printed, on one line.
	Output string
	Limits Limits
	Usage  Usage
}

// Error says what happened in a sentence.
func (d *Death) Error() string {
	switch d.Cause {
	case CauseMemory:
		return fmt.Sprintf("it needed more than the %s of memory that it may use (peak %s)", megabytes(d.Limits.Memory), megabytes(d.Usage.PeakMemory))
	case CauseCPU:
		return fmt.Sprintf("it used up its %s of processor time", d.Limits.CPU)
	case CauseTime:
		return fmt.Sprintf("it was not done after %s and was stopped", d.Limits.Time)
	case CauseCrash:
		what := "its process crashed"
		if d.Signal != "" {
			what += " with " + d.Signal
		}
		return what + d.output()
	case CauseGarbage:
		return "its process wrote what is no message" + d.output()
	case CauseKilled:
		return fmt.Sprintf("its process was killed from outside with %s (peak memory %s); is the machine short of memory?", d.Signal, megabytes(d.Usage.PeakMemory))
	}
	return "its process ended before its work was done" + d.output()
}

func (d *Death) output() string {
	if d.Output == "" {
		return ""
	}
	return ": " + d.Output
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.0f MB", float64(bytes)/1e6) }

// fatalSignals are those that a broken program ends by.
var fatalSignals = map[syscall.Signal]string{
	syscall.SIGSEGV: "SIGSEGV", syscall.SIGBUS: "SIGBUS", syscall.SIGABRT: "SIGABRT",
	syscall.SIGFPE: "SIGFPE", syscall.SIGILL: "SIGILL", syscall.SIGTRAP: "SIGTRAP", syscall.SIGSYS: "SIGSYS",
}

// diagnose tells why a child died from how its process ended and what it printed.
func diagnose(state *os.ProcessState, limits Limits, usage Usage, output string) *Death {
	d := &Death{Cause: CauseExit, Limits: limits, Usage: usage, Output: firstLines(output)}
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		s := ws.Signal()
		switch name, fatal := fatalSignals[s]; {
		case fatal:
			d.Cause, d.Signal = CauseCrash, name
		case limits.CPU > 0 && usage.CPU >= limits.CPU/5*4:
			d.Cause = CauseCPU // the kernel ends it with SIGKILL; it counts more coarsely than it tells
		default:
			d.Cause, d.Signal = CauseKilled, signalName(s)
		}
	}
	if limits.Memory > 0 && outOfMemory(output) {
		d.Cause = CauseMemory
		return d
	}
	// Go catches these signals in native code, prints them and exits with code 2.
	for _, name := range fatalSignals {
		if d.Signal == "" && strings.Contains(output, name+":") {
			d.Cause, d.Signal = CauseCrash, name
		}
	}
	if d.Cause == CauseExit && (strings.Contains(output, "panic: ") || strings.Contains(output, "fatal error: ")) {
		d.Cause = CauseCrash
	}
	return d
}

func signalName(s syscall.Signal) string {
	switch s {
	case syscall.SIGKILL:
		return "SIGKILL"
	case syscall.SIGTERM:
		return "SIGTERM"
	}
	return s.String()
}

// outOfMemory knows the last words of Go, of C++, of the C library and of sanitizers.
func outOfMemory(output string) bool {
	for _, words := range []string{"out of memory", "std::bad_alloc", "cannot allocate memory", "Cannot allocate memory", "failed to allocate"} {
		if strings.Contains(output, words) {
			return true
		}
	}
	return false
}

// firstLines puts the beginning of a child's output on one line.
func firstLines(output string) string {
	const most = 300
	lines := strings.FieldsFunc(output, func(r rune) bool { return r == '\n' || r == '\r' })
	text := strings.Join(lines[:min(len(lines), 3)], "; ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
