package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/slipway-ml/slipway/internal/stack"
)

// server is a tracking server that runs as users run it.
type server struct {
	name string
	url  string
	fill func(context.Context, size) error
	cmd  *exec.Cmd
	log  string
}

// patience bounds a server's start: MLflow's makes its schema step by step.
const patience = 3 * time.Minute

func (b *bench) startOurs(ctx context.Context, d database) (*server, error) {
	s := &server{name: "slipwayd", log: filepath.Join(b.dir, "slipwayd-"+d.name+".log"), fill: d.fillOurs}
	out, err := s.start(ctx, []string{b.slipwayd, "dev", "--ports", "auto", "-o", "json", "--log-level", "warn",
		"--state", filepath.Join(b.dir, "state-"+d.name), "--catalog", d.ours})
	if err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	var addresses stack.Stack
	if err = errors.Join(err, json.Unmarshal(line, &addresses)); err != nil {
		return nil, errors.Join(fmt.Errorf("slipwayd did not start, see %s: %w", s.log, err), s.stop())
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	s.url = addresses.Control
	return s, nil
}

func (b *bench) startTheirs(ctx context.Context, d database) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &server{name: "mlflow server", url: "http://127.0.0.1:" + strconv.Itoa(port), log: filepath.Join(b.dir, "mlflow-"+d.name+".log"), fill: d.fillTheirs}
	if _, err := s.start(ctx, []string{b.python, "-m", "mlflow", "server", "--backend-store-uri", d.theirs,
		"--artifacts-destination", filepath.Join(b.dir, "mlflow-artifacts"), "--host", "127.0.0.1", "--port", strconv.Itoa(port)}); err != nil {
		return nil, err
	}
	for give := time.Now().Add(patience); ; {
		if answer, err := http.Get(s.url + "/health"); err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return s, nil
			}
		}
		if time.Now().After(give) || ctx.Err() != nil {
			return nil, errors.Join(fmt.Errorf("mlflow server did not start, see %s", s.log), s.stop())
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func (s *server) start(ctx context.Context, args []string) (io.Reader, error) {
	log, err := os.Create(s.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s.cmd = exec.CommandContext(ctx, args[0], args[1:]...)
	s.cmd.Env = append(os.Environ(), "MLFLOW_DISABLE_TELEMETRY=true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false")
	s.cmd.Stderr = log
	// A group of its own: what the server started ends with it.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return out, s.cmd.Start()
}

// stop ends the server and all that it started.
func (s *server) stop() error {
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGTERM)
	ended := make(chan struct{})
	go func() {
		_ = s.cmd.Wait() // whatever it says: it is gone
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		<-ended
	}
	return nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
