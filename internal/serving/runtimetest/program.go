package runtimetest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"

	pb "github.com/slipway-ml/slipway/internal/oip/inferencepb"
)

// Names that every program under test serves its model by.
const (
	modelName    = "model"
	modelVersion = "1"
)

// patience bounds waiting for what a program does in seconds on a machine with little to do.
const patience = 2 * time.Minute

// program is a running program.
type program struct {
	cmd    *exec.Cmd
	stderr *buffer
	ended  chan struct{}
	model  pb.GRPCInferenceServiceClient
	health grpc_health_v1.HealthClient
}

// environment is all that a program gets, by the contract.
func environment(socket, artifact, home string) []string {
	return []string{
		"SLIPWAY_SOCKET=" + socket, "SLIPWAY_MODEL=" + artifact, "SLIPWAY_MODEL_NAME=" + modelName, "SLIPWAY_MODEL_VERSION=" + modelVersion,
		"SLIPWAY_DEVICE=cpu", "SLIPWAY_THREADS=1", "PATH=/usr/bin:/bin", "HOME=" + home, "LANG=C.UTF-8",
	}
}

// launch starts a command with an environment and kills it at the test's end.
func launch(t testing.TB, command, env []string) *program {
	t.Helper()
	p := &program{cmd: exec.Command(command[0], command[1:]...), stderr: &buffer{}, ended: make(chan struct{})} //nolint:gosec // the program under test
	p.cmd.Env, p.cmd.Stderr, p.cmd.Dir = env, p.stderr, t.TempDir()
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // the state says more
	}()
	t.Cleanup(func() {
		if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
		<-p.ended
		if t.Failed() {
			t.Logf("stderr of %s:\n%s", command[0], p.stderr.String())
		}
	})
	return p
}

// start launches a program with a model and waits until it is ready.
func start(t testing.TB, command []string, artifact string) *program {
	t.Helper()
	// Not t.TempDir, whose path may be longer than a socket's can be.
	folder, err := os.MkdirTemp("", "runtime")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(folder)) })
	artifact, err = filepath.Abs(artifact)
	require.NoError(t, err)
	socket := filepath.Join(folder, "s")
	p := launch(t, command, environment(socket, artifact, folder))
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(256<<20), grpc.MaxCallSendMsgSize(256<<20)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	p.model, p.health = pb.NewGRPCInferenceServiceClient(conn), grpc_health_v1.NewHealthClient(conn)
	p.awaitReady(t)
	return p
}

func (p *program) awaitReady(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		// A call waits for the connection, which is refused until the program listens.
		r, err := p.model.ServerReady(ctx, &pb.ServerReadyRequest{}, grpc.WaitForReady(true))
		if err == nil && r.GetReady() {
			return
		}
		select {
		case <-p.ended:
			require.FailNow(t, "the program ended before it was ready", "%s\n%s", p.cmd.ProcessState, p.stderr.String())
		case <-ctx.Done():
			require.FailNow(t, "the program is not ready", "%s", p.stderr.String())
		case <-tick.C:
		}
	}
}

// wait returns the exit code once the program has ended.
func (p *program) wait(t testing.TB) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		require.FailNow(t, "the program does not end", "%s", p.stderr.String())
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *program) terminate(t testing.TB) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
}

// infer asks for every output.
func (p *program) infer(ctx context.Context, in []Tensor) (*pb.ModelInferResponse, error) {
	return p.model.ModelInfer(ctx, request(modelName, modelVersion, in))
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
