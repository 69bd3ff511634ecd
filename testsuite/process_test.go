package testsuite

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/stack"
)

// process is a real child process that a test starts, kills and starts again.
type process struct {
	t    testing.TB
	name string
	args []string
	env  []string
	log  string

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{}
	stdout *bufio.Reader
}

// need returns what `make test` names by environment.
func need(t testing.TB, variable string) string {
	t.Helper()
	v := os.Getenv(variable)
	require.NotEmpty(t, v, "%s is not set: run the tests with `make test`", variable)
	return v
}

func newProcess(t testing.TB, log, name string, args ...string) *process {
	p := &process{t: t, name: name, args: args, log: log}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			if b, err := os.ReadFile(log); err == nil {
				t.Logf("%s, end of its log:\n%s", filepath.Base(name), tail(b, 6000))
			}
		}
	})
	return p
}

func tail(b []byte, n int) []byte {
	if len(b) > n {
		return b[len(b)-n:]
	}
	return b
}

// start starts the process; its log is appended to.
func (p *process) start() {
	p.t.Helper()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(p.t, err)
	defer log.Close()
	cmd := exec.Command(p.name, p.args...)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stderr = log
	out, in, err := os.Pipe()
	require.NoError(p.t, err)
	cmd.Stdout = in
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(p.t, cmd.Start())
	in.Close()
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd, p.exited, p.stdout = cmd, exited, bufio.NewReader(out)
}

// ready reads the line of addresses that slipwayd prints, then lets the output go.
func (p *process) ready() stack.Stack {
	p.t.Helper()
	line := make(chan []byte, 1)
	go func(r *bufio.Reader) {
		b, _ := r.ReadBytes('\n')
		line <- b
		_, _ = io.Copy(io.Discard, r)
	}(p.stdout)
	var s stack.Stack
	select {
	case b := <-line:
		require.NoError(p.t, json.Unmarshal(b, &s), "%s did not get ready, see %s", p.name, p.log)
	case <-time.After(2 * time.Minute):
		p.t.Fatalf("%s is not ready after 2 minutes", p.name)
	}
	return s
}

// kill is kill -9 of the process and waits until it is gone.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.exited
		p.cmd = nil
	}
}

// stop asks the process to end and waits for that; it returns its exit code.
func (p *process) stop() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-p.exited:
	case <-time.After(90 * time.Second):
		p.t.Errorf("%s did not stop on SIGTERM within 90 s", p.name)
		return -1
	}
	code := p.cmd.ProcessState.ExitCode()
	p.cmd = nil
	return code
}

// alive tells whether the process still runs.
func (p *process) alive() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

func freePort(t testing.TB) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// temporalServer is the pinned development server with its state in a file, so that it can be killed and started again.
func temporalServer(t testing.TB, dir string) (*process, string) {
	port := strconv.Itoa(freePort(t))
	args := []string{"server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", port, "--log-level", "error",
		"--db-filename", filepath.Join(dir, "temporal.db")}
	for _, a := range []string{contract.AttributeModel, contract.AttributeVersion, contract.AttributeStage} {
		args = append(args, "--search-attribute", a+"=Keyword")
	}
	p := newProcess(t, filepath.Join(dir, "temporal.log"), need(t, "TEMPORAL_CLI"), args...)
	p.start()
	return p, "127.0.0.1:" + port
}

// command runs a program to its end and returns what it printed and its exit code.
func command(t testing.TB, name string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var errs lockedBuffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err, "%s %v", name, args)
	}
	return string(out), errs.String(), cmd.ProcessState.ExitCode()
}

// lockedBuffer keeps what a child writes.
type lockedBuffer struct {
	mu sync.Mutex
	b  []byte
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b = append(l.b, p...)
	return len(p), nil
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.b)
}
