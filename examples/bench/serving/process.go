package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server that runs, with what it started.
type process struct {
	cmd    *exec.Cmd
	log    string
	ended  chan struct{}
	stdout io.Reader
}

// startUp bounds how long a server may take until it answers.
const startUp = 2 * time.Minute

// start runs a server in a group of its own; what it writes to stderr is kept in a log.
func (b *bench) start(ctx context.Context, name string, env []string, args ...string) (*process, error) {
	p := &process{log: b.path(name + ".log"), ended: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd = exec.CommandContext(ctx, args[0], args[1:]...)
	p.cmd.Env, p.cmd.Stderr, p.cmd.Dir = append(os.Environ(), env...), log, b.dir
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if p.stdout, err = p.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	return p, nil
}

// line is the first line that the server writes; the rest is read and forgotten.
func (p *process) line() ([]byte, error) {
	r := bufio.NewReader(p.stdout)
	line, err := r.ReadBytes('\n')
	p.drain(r)
	if err != nil {
		return nil, p.failed(err)
	}
	return line, nil
}

// drain reads what the server writes and notes its end.
func (p *process) drain(r io.Reader) {
	go func() {
		_, _ = io.Copy(io.Discard, r)
		_ = p.cmd.Wait() // whatever it says: it is gone
		close(p.ended)
	}()
}

// await waits until the URL answers 200.
func (p *process) await(ctx context.Context, url string) error {
	give := time.NewTimer(startUp)
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
			return p.failed(errors.New("it ended"))
		case <-give.C:
			return p.failed(fmt.Errorf("%s does not answer", url))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// failed adds the end of the server's log to an error.
func (p *process) failed(err error) error {
	log, _ := os.ReadFile(p.log) // an empty one says nothing more
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return fmt.Errorf("%w: %s", err, strings.Join(lines[max(0, len(lines)-4):], " "))
}

// stop ends the server and all that it started.
func (p *process) stop() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(15 * time.Second):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // what is left of the group
	<-p.ended
}

// usage is what a process and all that it started take.
type usage struct {
	resident int64         // bytes
	cpu      time.Duration // since each of them started
}

// usage is that of the server and of all processes below it.
func (p *process) usage() usage { return usageOf(p.cmd.Process.Pid) }

// tick is the unit in which the kernel tells CPU time (USER_HZ, 100 on every architecture of Linux).
const tick = 10 * time.Millisecond

func usageOf(root int) usage {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return usage{}
	}
	own, children := map[int]usage{}, map[int][]int{}
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil { // it has ended meanwhile
			continue
		}
		// Behind the command in parentheses: state, parent, …; of all fields 14 and 15 are CPU time, 24 resident pages (proc(5)).
		text := string(b)
		fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
		if len(fields) <= 21 {
			continue
		}
		number := func(field int) int64 {
			n, _ := strconv.ParseInt(fields[field-3], 10, 64)
			return n
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		own[pid] = usage{resident: number(24) * int64(os.Getpagesize()), cpu: time.Duration(number(14)+number(15)) * tick}
		children[int(number(4))] = append(children[int(number(4))], pid)
	}
	var total usage
	for below := []int{root}; len(below) > 0; {
		pid := below[0]
		total.resident += own[pid].resident
		total.cpu += own[pid].cpu
		below = append(below[1:], children[pid]...)
	}
	return total
}

// ports are free ones.
func ports(n int) (out []int, err error) {
	var all []net.Listener
	for range n {
		l, failed := net.Listen("tcp", "127.0.0.1:0")
		if failed != nil {
			err = failed
			break
		}
		all, out = append(all, l), append(out, l.Addr().(*net.TCPAddr).Port)
	}
	for _, l := range all { // all of them at the end, so that none comes up twice
		err = errors.Join(err, l.Close())
	}
	return out, err
}

func at(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }
