package sandbox

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Usage is what a child took.
type Usage struct {
	// PeakMemory is the most resident memory, in bytes.
	PeakMemory int64
	// CPU is the processor time over all cores.
	CPU time.Duration
	// Barriers lists what held the child.
	Barriers []string
}

// ErrEntry says that the child's work returned an error, whose text follows.
var ErrEntry = errors.New("the child failed")

// watchEvery is how often the parent looks at a child's memory.
const watchEvery = 50 * time.Millisecond

// Reasons for which the parent ends a child.
var (
	errMemory  = errors.New("over its memory")
	errTime    = errors.New("over its time")
	errGarbage = errors.New("no message")
	errOver    = errors.New("the child has ended")
)

// Run does a command in a child and waits for its end. The error is a *Death
// when the child died, wraps ErrEntry when its work failed, and wraps ctx.Err()
// when ctx ended, which kills it.
func Run(ctx context.Context, c Command) (Usage, error) {
	if entries := served.Load(); entries == nil || (*entries)[c.Entry] == nil {
		return Usage{}, fmt.Errorf("start a child for %s: this program does not serve it: its main must call sandbox.Serve first", c.Entry)
	}
	r := &run{command: c}
	outer := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(errOver)
	if c.Limits.Time > 0 {
		timer := time.AfterFunc(c.Limits.Time, func() { cancel(errTime) })
		defer timer.Stop()
	}
	cmd := exec.CommandContext(ctx, program(), argument, c.Entry)
	cmd.Env = c.Env
	if cmd.Env == nil {
		cmd.Env = []string{} // nil would mean ours
	}
	cmd.SysProcAttr = attributes()
	cmd.WaitDelay = 5 * time.Second // for pipes that something the child left behind holds
	if c.Grace > 0 {
		cmd.WaitDelay = c.Grace // then it is killed
	}
	cmd.Cancel = func() error {
		if c.Grace > 0 && outer.Err() != nil {
			return terminate(cmd.Process)
		}
		return killGroup(cmd.Process)
	}
	cmd.Stdout, cmd.Stderr = io.Discard, &r.stderr
	if c.Stderr != nil {
		cmd.Stderr = io.MultiWriter(&r.stderr, c.Stderr)
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return Usage{}, fmt.Errorf("start a child for %s: %w", c.Entry, err)
	}
	messages, theirs, err := os.Pipe()
	if err != nil {
		return Usage{}, fmt.Errorf("start a child for %s: %w", c.Entry, err)
	}
	defer messages.Close()
	cmd.ExtraFiles = append([]*os.File{theirs}, c.Files...)

	ended, err := r.start(cmd)
	if err := errors.Join(err, theirs.Close()); err != nil {
		return Usage{}, fmt.Errorf("start a child for %s: %w", c.Entry, err)
	}
	if c.Started != nil {
		c.Started(cmd.Process.Pid)
	}

	var work sync.WaitGroup
	work.Go(func() {
		if err := errors.Join(c.write(stdin), stdin.Close()); err != nil {
			r.unsent = err // a child that died early broke the pipe; how it ended says more
		}
	})
	work.Go(func() {
		if r.unread = r.read(messages); r.unread != nil {
			cancel(r.unread)
		}
	})
	if c.Limits.Memory > 0 {
		work.Go(func() { watch(ctx, cmd.Process.Pid, c.Limits.Memory, func() { cancel(errMemory) }) })
	}
	<-ended
	why := context.Cause(ctx)
	cancel(errOver)
	// What the child forked holds the pipe open; neither may last.
	err = errors.Join(killGroup(cmd.Process), messages.SetReadDeadline(time.Now().Add(cmd.WaitDelay)))
	work.Wait()
	if why == nil {
		why = errors.Join(r.unread, err)
	}
	return r.outcome(cmd.ProcessState, why)
}

// run is what the parent learns of one child.
type run struct {
	command  Command
	stderr   ends
	bound    []string // what holds it by its thread
	unsent   error    // why the request did not arrive
	unread   error    // why reading its messages ended early
	barriers []string
	failed   string // what the entry returned
	done     bool
}

// start starts the child from a thread that stays until it has ended: the child
// dies with the thread, and runs where and as urgently as the thread may.
func (r *run) start(cmd *exec.Cmd) (<-chan struct{}, error) {
	started, ended := make(chan error, 1), make(chan struct{})
	onThread(func() {
		defer close(ended)
		err := func() (err error) {
			if l := r.command.Limits; l.Cores <= 0 && l.Nice <= 0 {
				defer runtime.UnlockOSThread() // else the thread ends with the goroutine: it is good for nothing else
			} else if r.bound, err = bind(l); err != nil {
				return err
			}
			if err := cmd.Start(); err != nil {
				return err
			}
			started <- nil
			_ = cmd.Wait() // the state says more than the error does
			return nil
		}()
		if err != nil {
			started <- err
		}
	})
	return ended, <-started
}

// onThread runs f in the background on a thread that ends with it, unless f gives it back. That can't be the process's
// first thread, which Go keeps: what it was bound to would be seen of the process for ever.
func onThread(f func()) {
	go func() {
		runtime.LockOSThread()
		if !firstThread() {
			f()
			return
		}
		elsewhere := make(chan struct{}) // this thread is taken until then
		go func() {
			runtime.LockOSThread()
			close(elsewhere)
			f()
		}()
		<-elsewhere
		runtime.UnlockOSThread()
	}()
}

// outcome judges how the child ended; why is the reason for which it was ended, if it was.
func (r *run) outcome(state *os.ProcessState, why error) (Usage, error) {
	usage := Usage{PeakMemory: peakMemory(state), CPU: state.UserTime() + state.SystemTime(), Barriers: r.barriers}
	death := diagnose(state, r.command.Limits, usage, r.stderr.String())
	switch {
	case why == nil && r.done:
		return usage, nil
	case errors.Is(why, errMemory):
		death.Cause = CauseMemory
	case errors.Is(why, errTime):
		death.Cause = CauseTime
	case errors.Is(why, errGarbage):
		death.Cause = CauseGarbage
	case why != nil:
		return usage, fmt.Errorf("child for %s: %w", r.command.Entry, why)
	case r.failed != "":
		return usage, fmt.Errorf("%w: %s", ErrEntry, r.failed)
	case r.unsent != nil && death.Cause == CauseExit:
		return usage, fmt.Errorf("child for %s: %w", r.command.Entry, r.unsent)
	}
	return usage, death
}

// read takes the child's messages until it closes its end.
func (r *run) read(from io.Reader) error {
	lines := bufio.NewReaderSize(io.LimitReader(from, maxMessages), 64<<10)
	for {
		line, err := readLine(lines)
		if len(line) == 0 {
			if errors.Is(err, errGarbage) {
				return err
			}
			return nil // the end; a half line is one too
		}
		var m message
		if err := json.Unmarshal(line, &m); err != nil {
			return errGarbage
		}
		switch {
		case m.Done:
			r.done = true
		case m.Error != "":
			r.failed = m.Error
		case m.Barriers != nil:
			r.barriers = slices.Concat(r.bound, m.Barriers)
			if r.command.Barriers != nil {
				r.command.Barriers(r.barriers)
			}
		case m.Body != nil && r.command.Message != nil:
			if err := r.command.Message(m.Body); err != nil {
				return err
			}
		}
	}
}

// readLine reads a whole line of bounded length; a last line without its end is none.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		case len(line) > maxMessage:
			return nil, errGarbage
		}
	}
}
