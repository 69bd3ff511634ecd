package modelserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/sandbox"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// The process answers what the same model answers in this process.
func TestSameAnswersAsInProcess(t *testing.T) {
	t.Parallel()
	r, err := NewONNX(quick(t))
	require.NoError(t, err)
	apart := load(t, r, example(t), spec.Model{Name: "credit-risk", Version: "1.0.0", Task: spec.Classification})
	here := load(t, inProcess(t), example(t), spec.Model{Task: spec.Classification})
	require.Equal(t, here.Inputs(), apart.Inputs())
	require.Equal(t, here.Outputs(), apart.Outputs())
	require.Equal(t, here.Columns(), apart.Columns())
	require.Equal(t, "cpu", apart.Device())
	in, err := apart.Tensors(exampleRow())
	require.NoError(t, err)
	want, err := here.Infer(t.Context(), in)
	require.NoError(t, err)
	got, err := apart.Infer(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, want, got)

	_, err = apart.Infer(t.Context(), in[:1])
	require.ErrorIs(t, err, serving.ErrInput)
	p := processOf(t, apart)
	require.NotZero(t, p.PID)
	require.Positive(t, p.Resident)
	require.Contains(t, strings.Join(p.Barriers, "; "), "seccomp")
	require.Empty(t, p.Down)
}

func inProcess(t testing.TB) serving.Runtime {
	t.Helper()
	rt, err := onnx.Find()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, rt.Close()) })
	r, err := serving.NewONNX(rt, onnx.Options{Device: onnx.DeviceCPU, Threads: 1})
	require.NoError(t, err)
	return r
}

func TestLoadFails(t *testing.T) {
	t.Parallel()
	r, err := NewONNX(quick(t))
	require.NoError(t, err)
	_, err = r.Load(t.Context(), []byte("no model"), named("m"))
	require.ErrorIs(t, err, sandbox.ErrEntry)
	require.ErrorContains(t, err, "not a usable ONNX model")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = r.Load(ctx, example(t), named("m"))
	require.ErrorIs(t, err, context.Canceled)
	for _, cfg := range []Config{{Device: "gpu"}, {Memory: -1}} {
		_, err = NewONNX(cfg)
		require.Error(t, err)
	}
}

// A call that is cancelled stops the computation in the process.
func TestCancelStopsTheComputation(t *testing.T) {
	t.Parallel()
	r, err := NewONNX(quick(t))
	require.NoError(t, err)
	m := load(t, r, testdata(t, "endless"), named("endless"))
	pid := processOf(t, m).PID
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	start := cpuTime(t, pid)
	go func() {
		_, err := m.Infer(ctx, column(1e9))
		failed <- err
	}()
	require.Eventually(t, func() bool { return cpuTime(t, pid) > start+5 }, patience, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	before := -1
	require.Eventually(t, func() bool {
		now := cpuTime(t, pid)
		still := now == before
		before = now
		return still
	}, patience, 100*time.Millisecond, "it computes for nobody")

	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = m.Infer(ctx, column(1e9))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	out, err := m.Infer(t.Context(), column(3))
	require.NoError(t, err)
	require.Equal(t, []float32{3}, out[0].Floats)
	require.Equal(t, pid, processOf(t, m).PID, "it is the same process")
}

// patientModel tells when its call has ended.
type patientModel struct {
	trick
	over chan error
}

func (m patientModel) Infer(ctx context.Context, _ []onnx.Tensor) ([]onnx.Tensor, error) {
	<-ctx.Done()
	m.over <- ctx.Err()
	return nil, ctx.Err()
}

// Deadlines and cancellation reach the other side of the connection.
func TestDeadlinesReachTheProcess(t *testing.T) {
	t.Parallel()
	ours, theirs, err := socketPair()
	require.NoError(t, err)
	conn, err := net.FileConn(theirs)
	require.NoError(t, errors.Join(err, theirs.Close()))
	model := patientModel{over: make(chan error, 1)}
	served := make(chan error, 1)
	go func() { served <- serve(conn, newServer(model, "m", "1")) }()
	cc, err := dial(ours, time.Minute, func() {})
	require.NoError(t, err)
	m, err := Attach(t.Context(), cc, named("m"), onnx.DeviceCPU)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = m.Infer(ctx, column(1))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Error(t, <-model.over)
	require.NoError(t, cc.Close())
	require.NoError(t, <-served, "the process ends with its connection")
}

// Unloading ends the process, so that its memory comes back and nothing stays here.
func TestLoadAndUnload(t *testing.T) {
	t.Parallel()
	r, err := NewONNX(quick(t))
	require.NoError(t, err)
	cycle := func() {
		m, err := r.Load(t.Context(), example(t), spec.Model{Name: "m", Version: "1", Task: spec.Classification})
		require.NoError(t, err)
		in, err := m.Tensors(exampleRow())
		require.NoError(t, err)
		_, err = m.Infer(t.Context(), in)
		require.NoError(t, err)
		pid := processOf(t, m).PID
		require.NoError(t, m.Close())
		require.NoError(t, m.Close(), "twice is fine")
		require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH)
		_, err = m.Infer(t.Context(), in)
		require.ErrorIs(t, err, serving.ErrNotReady)
	}
	for range 10 {
		cycle()
	}
	before := resources(t)
	for range 20 {
		cycle()
	}
	require.Eventually(t, func() bool { return resources(t) <= before }, patience, 10*time.Millisecond, "open files: %d before", before)
}

// resources are the open files of this process that processes of models could leave behind.
func resources(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	n := 0
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.Contains(target, "slipway-model") {
			n++
		}
	}
	return n
}

// hold is a gateway that is going to be killed: it loads a model, says the id of
// the model's process, and waits.
func hold() error {
	r, err := NewONNX(Config{Device: onnx.DeviceCPU})
	if err != nil {
		return err
	}
	b, err := os.ReadFile(os.Args[2])
	if err != nil {
		return err
	}
	m, err := r.Load(context.Background(), b, spec.Model{Name: "held", Version: "1"})
	if err != nil {
		return err
	}
	p, _ := m.(serving.Supervised).Process()
	fmt.Println(p.PID)
	select {}
}

// A model's process ends with the gateway, however that ends.
func TestProcessDiesWithItsParent(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, "holder", creditRisk+"/models/1.0.0.onnx")
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, 0))
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	require.Eventually(t, func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(stat), ") Z ") // whoever inherited it may not have noticed yet
	}, patience, time.Millisecond)
}
