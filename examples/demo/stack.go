package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/slipway-ml/slipway/internal/stack"
)

// daemon is the running slipwayd dev.
type daemon struct {
	bin   string
	state string
	stack stack.Stack
	cmd   *exec.Cmd
}

// startStack starts slipwayd dev on an empty state folder and waits until it is ready.
func startStack(ctx context.Context, bin, state string) (*daemon, error) {
	if err := os.RemoveAll(state); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(state, "slipwayd.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "slipwayd"), "dev", "--state", state, "--ports", "auto", "-o", "json")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 90 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches it through us, once
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	d := &daemon{bin: bin, state: state, cmd: cmd}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		d.stop()
		return nil, fmt.Errorf("slipwayd did not get ready (see %s): %w", log.Name(), err)
	}
	if err := json.Unmarshal(line, &d.stack); err != nil {
		d.stop()
		return nil, fmt.Errorf("slipwayd said %q: %w", line, err)
	}
	return d, nil
}

func (d *daemon) stop() {
	_ = d.cmd.Process.Signal(syscall.SIGTERM) // it may be gone already
	_ = d.cmd.Wait()
}

// slipway runs the CLI and returns what it printed and its exit code.
func (d *daemon) slipway(ctx context.Context, args ...string) (stdout []byte, code int, err error) {
	cmd := exec.CommandContext(ctx, filepath.Join(d.bin, "slipway"), append(args, "--state", d.state)...)
	cmd.Stderr = os.Stderr
	stdout, err = cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return stdout, exit.ExitCode(), nil
	}
	return stdout, 0, err
}

// must runs the CLI and takes any exit code but 0 for an error.
func (d *daemon) must(ctx context.Context, args ...string) ([]byte, error) {
	out, code, err := d.slipway(ctx, args...)
	if err == nil && code != 0 {
		err = fmt.Errorf("slipway %s: exit code %d", strings.Join(args, " "), code)
	}
	return out, err
}
