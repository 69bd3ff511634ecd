package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Command is what to run.
type Command struct {
	// Args are the program and its arguments.
	Args []string
	// Env comes on top of this program's environment, as NAME=value.
	Env []string
	// Dir is where the process runs; empty: where this program does.
	Dir string
	// Log is the file that what it writes to stderr is kept in.
	Log string
}

// Process is a server that runs, with what it started.
type Process struct {
	cmd   *exec.Cmd
	log   string
	first chan line // the first line of its output
	ended chan struct{}
}

type line struct {
	text []byte
	err  error
}

const (
	// StartUp bounds how long a server may take until it answers.
	StartUp = 3 * time.Minute
	// farewell bounds how long it may take to end when it is told to.
	farewell = 30 * time.Second
)

// Start runs a server in a group of its own. What it writes to stdout behind its first line is forgotten.
func Start(ctx context.Context, c Command) (*Process, error) {
	log, err := os.Create(c.Log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &Process{cmd: exec.CommandContext(ctx, c.Args[0], c.Args[1:]...), log: c.Log, first: make(chan line, 1), ended: make(chan struct{})}
	p.cmd.Env, p.cmd.Stderr, p.cmd.Dir = append(os.Environ(), c.Env...), log, c.Dir
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		r := bufio.NewReader(stdout)
		text, err := r.ReadBytes('\n')
		p.first <- line{text, err}
		_, _ = io.Copy(io.Discard, r)
		_ = p.cmd.Wait() // whatever it says: it is gone
		close(p.ended)
	}()
	return p, nil
}

// Line waits for the first line that the server writes to stdout. It can be called once.
func (p *Process) Line() ([]byte, error) {
	l := <-p.first
	if l.err != nil {
		return nil, p.Failed(l.err)
	}
	return l.text, nil
}

// Await waits until the URL answers 200.
func (p *Process) Await(ctx context.Context, url string) error {
	give := time.NewTimer(StartUp)
	defer give.Stop()
	for {
		if answer, err := http.Get(url); err == nil { //nolint:noctx // short, and on loopback
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.ended:
			return p.Failed(errors.New("it ended"))
		case <-give.C:
			return p.Failed(fmt.Errorf("%s does not answer", url))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Failed adds the end of the server's log to an error.
func (p *Process) Failed(err error) error {
	log, _ := os.ReadFile(p.log) // an empty one says nothing more
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return fmt.Errorf("%w: %s", err, strings.Join(lines[max(0, len(lines)-4):], " "))
}

// Stop ends the server and all that it started.
func (p *Process) Stop() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(farewell):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // what is left of the group
	<-p.ended
}

// Usage is that of the server and of all processes below it.
func (p *Process) Usage() Usage { return UsageOf(p.cmd.Process.Pid) }
