package modelserver

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/slipway-ml/slipway/internal/oip"
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

// A large model's process answers several calls with a thread each, where that is wanted and memory is enough for it.
func TestLargeModelSideBySide(t *testing.T) {
	t.Parallel()
	large := enlarged(example(t))
	config := spec.Model{Name: "credit-risk", Version: "1.0.0", Task: spec.Classification}
	cfg := Config{Device: onnx.DeviceCPU, Narrow: true}
	places := serving.SideBySide(config.Deployment, len(large), serving.Cores(), 0)
	one := config
	one.Deployment.Instances = 1
	for _, c := range []struct {
		cfg   Config
		model spec.Model
		want  int
	}{
		{cfg, config, places},
		{cfg, one, 0},
		{Config{Device: onnx.DeviceCPU}, config, 0},
		{Config{Device: onnx.DeviceCPU, Narrow: true, Threads: 1}, config, 0},
	} {
		r, err := NewONNX(c.cfg)
		require.NoError(t, err)
		m := load(t, r, large, c.model)
		require.Equal(t, c.want, m.(serving.Narrowable).Narrow())
		in, err := m.Tensors(exampleRow())
		require.NoError(t, err)
		want, err := m.Infer(t.Context(), in)
		require.NoError(t, err)
		var all sync.WaitGroup
		for range c.want {
			all.Go(func() {
				got, err := m.Infer(serving.WithOneThread(t.Context()), in)
				assert.NoError(t, err)
				assert.Equal(t, want, got)
			})
		}
		all.Wait()
	}
	for memory, want := range map[int64]int{int64(8 * len(large)): places, int64(8*len(large) - 8): 0} {
		k, err := newOwn(Config{Narrow: true, Memory: memory}, large, config, serving.Cores())
		require.NoError(t, err)
		require.Equal(t, want, k.narrow(), memory)
		require.Equal(t, max(want, serving.Places(config.Deployment, len(large), serving.Cores()))+1, k.lanes)
		require.NoError(t, k.close())
	}
}

// enlarged is an ONNX model with so long a doc_string that it counts as large.
func enlarged(model []byte) []byte {
	const size = 17 << 20
	return protowire.AppendBytes(protowire.AppendTag(model, 6, protowire.BytesType), bytes.Repeat([]byte(" "), size))
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
	for _, cfg := range []Config{{Device: "gpu"}, {Threads: -1}, {Memory: -1}} {
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
	client := oip.NewClient(cc, "m", "1")
	require.NoError(t, await(t.Context(), client))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = client.Infer(ctx, column(1))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Error(t, <-model.over)
	require.NoError(t, cc.Close())
	require.NoError(t, <-served, "the process ends with its connection")
}

// cycles are loads and unloads: some until the heap has its size, and those that are measured.
const warmCycles, cycles = 10, 20

// cycle loads and unloads a model, and prints what this process holds before and
// after most of it: memory in bytes, and files that belong to processes of models.
func cycle(args []string) error {
	r, err := NewONNX(Config{Device: onnx.DeviceCPU})
	if err != nil {
		return err
	}
	b, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	for i := range warmCycles + cycles + 1 {
		if i == warmCycles || i == warmCycles+cycles {
			debug.FreeOSMemory()
			held, err := sandbox.ResidentMemory(os.Getpid())
			if err != nil {
				return err
			}
			fmt.Println(held, filesOfModels())
		}
		m, err := r.Load(context.Background(), b, spec.Model{Name: "cycled", Version: "1"})
		if err != nil {
			return err
		}
		if _, err := m.Infer(context.Background(), []onnx.Tensor{{Name: "pixels", Type: onnx.Float32, Shape: []int64{1, 784}, Floats: make([]float32, 784)}}); err != nil {
			return err
		}
		p, _ := m.(serving.Supervised).Process()
		if err := errors.Join(m.Close(), m.Close()); err != nil { // twice is fine
			return err
		}
		if err := syscall.Kill(p.PID, 0); !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("process %d is still there: %w", p.PID, err)
		}
	}
	return nil
}

// filesOfModels are open files that a model's process was given.
func filesOfModels() (n int) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && (strings.Contains(target, "slipway-model") || strings.HasPrefix(target, "socket:")) {
			n++
		}
	}
	return n
}

// Unloading ends the process: the memory comes back, and nothing stays here.
func TestLoadAndUnload(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, "cycler", "../../examples/mnist/models/1.0.0.onnx")
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	require.NoError(t, err)
	var memory, files [2]int
	_, err = fmt.Sscan(string(out), &memory[0], &files[0], &memory[1], &files[1])
	require.NoError(t, err)
	t.Logf("%d bytes resident after %d cycles, %d after %d more", memory[0], warmCycles, memory[1], cycles)
	require.Less(t, memory[1]-memory[0], 6<<20, "it keeps what it should have given back")
	require.Equal(t, files[0], files[1])
	require.Zero(t, files[1])
}

// hold is a gateway that is going to be killed: it loads a model, says the id of
// the model's process, and waits.
func hold(args []string) error {
	r, err := NewONNX(Config{Device: onnx.DeviceCPU})
	if err != nil {
		return err
	}
	b, err := os.ReadFile(args[0])
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
