package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/slipway-ml/slipway/internal/contract"
)

// devServer is the Temporal development server as a child process: a SQLite
// file in the state folder, UI included. It is started again when it dies, and
// dies with us.
type devServer struct {
	cli      string
	state    string
	port     int
	uiPort   int
	log      *slog.Logger
	restarts time.Duration
}

// findTemporalCLI looks at the flag, beside this executable and on PATH.
func findTemporalCLI(flag string) (string, error) {
	if flag != "" {
		if _, err := os.Stat(flag); err != nil {
			return "", fmt.Errorf("--temporal-cli: %w", err)
		}
		return flag, nil
	}
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), "tools", "temporal")
		if _, err := os.Stat(beside); err == nil {
			return beside, nil
		}
	}
	path, err := exec.LookPath("temporal")
	if err != nil {
		return "", errors.New("no temporal CLI found: run `make tools`, or name one with --temporal-cli or TEMPORAL_CLI")
	}
	return path, nil
}

func (d *devServer) address() string { return "127.0.0.1:" + strconv.Itoa(d.port) }

// run keeps the server running until ctx ends.
func (d *devServer) run(ctx context.Context) {
	// Pdeathsig is bound to the thread that forks, so this goroutine keeps its thread for the child's life.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for {
		err := d.once(ctx)
		if ctx.Err() != nil {
			return
		}
		d.log.Warn("Temporal development server ended; starting it again", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(d.restarts):
		}
	}
}

func (d *devServer) once(ctx context.Context) error {
	out, err := os.OpenFile(filepath.Join(d.state, "temporal.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	args := []string{
		"server", "start-dev", "--ip", "127.0.0.1", "--port", strconv.Itoa(d.port), "--ui-port", strconv.Itoa(d.uiPort),
		"--db-filename", filepath.Join(d.state, "temporal.db"), "--log-level", "warn",
	}
	for _, a := range []string{contract.AttributeModel, contract.AttributeVersion, contract.AttributeStage} {
		args = append(args, "--search-attribute", a+"=Keyword")
	}
	cmd := exec.CommandContext(ctx, d.cli, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	return cmd.Run()
}

// ready waits until the server answers.
func (d *devServer) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		c, err := client.DialContext(ctx, client.Options{HostPort: d.address(), Logger: quiet{}})
		if err == nil {
			_, err = c.WorkflowService().DescribeNamespace(ctx, describeDefault)
			c.Close()
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("temporal does not answer on %s (see %s): %w", d.address(), filepath.Join(d.state, "temporal.log"), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
