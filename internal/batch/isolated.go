package batch

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/sandbox"
	"github.com/slipway-ml/slipway/internal/serving"
)

// Inferer is a loaded model. A serving.Model is one.
type Inferer interface {
	Inputs() []onnx.Info
	Outputs() []onnx.Info
	// Infer runs the model once. An error that wraps serving.ErrInput or
	// serving.ErrModel says that the rows are at fault; any other, that nothing more can be asked.
	Infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error)
	// Predictions reads one prediction a row from the outputs.
	Predictions(out []onnx.Tensor) ([]feature.Prediction, error)
	Close() error
}

var _ Inferer = serving.Model(nil)

// ErrBroken says that a model broke its process, or that it can't be loaded.
var ErrBroken = errors.New("the model broke its process")

// DefaultBatchTime is how long a model may take for one batch where Isolated does not say.
const DefaultBatchTime = 5 * time.Minute

// Isolated loads models into child processes that can do little harm. The
// program must serve ChildName.
type Isolated struct {
	Device onnx.Device
	// Memory is the most resident memory of a child in bytes, beside twice the
	// model; 0 is no limit. BatchTime bounds one run of the model; 0 means DefaultBatchTime.
	Memory    int64
	BatchTime time.Duration
}

// Load starts a child and waits until it has loaded the model. The error wraps
// ErrBroken where the model is at fault. The child ends with ctx, or with Close.
func (i Isolated) Load(ctx context.Context, artifact []byte, m Model, threads int) (_ Inferer, err error) {
	library, err := onnx.FindLibrary()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	c := &child{model: m, time: i.BatchTime, cancel: cancel, ready: make(chan loaded, 1), ended: make(chan struct{})}
	if c.time == 0 {
		c.time = DefaultBatchTime
	}
	var theirs, ours [2]*os.File // read here, written there
	for n, ends := range [][2]**os.File{{&theirs[0], &ours[0]}, {&ours[1], &theirs[1]}} {
		if *ends[0], *ends[1], err = os.Pipe(); err != nil {
			cancel()
			return nil, fmt.Errorf("pipe %d to a child: %w", n, err)
		}
	}
	c.to, c.from = ours[0], ours[1]
	c.pipe = pipe{r: bufio.NewReaderSize(c.from, 1<<20), w: c.to}
	command := sandbox.Command{
		Entry: ChildName, Request: request{Task: m.Task, Outputs: m.Outputs, Device: i.Device, Threads: threads},
		Blobs: [][]byte{artifact}, Files: theirs[:], Env: environment(library),
		Limits:  sandbox.Limits{OpenFiles: 1024},
		Message: c.take,
	}
	if i.Memory > 0 {
		command.Limits.Memory = i.Memory + 2*int64(len(artifact))
	}
	go func() {
		defer close(c.ended)
		_, c.end = sandbox.Run(ctx, command)
		c.end = errors.Join(c.end, theirs[0].Close(), theirs[1].Close())
	}()
	select {
	case c.what = <-c.ready:
	case <-c.ended:
	}
	switch {
	case c.what.Error != "":
		return nil, errors.Join(fmt.Errorf("%w: it can't be loaded: %s", ErrBroken, c.what.Error), c.Close())
	case c.what.Inputs == nil:
		return nil, errors.Join(c.died(ctx), c.Close())
	}
	return c, nil
}

// environment is nothing but what the native libraries are found and steered by.
func environment(library string) []string {
	env := []string{onnx.LibraryVariable + "=" + library}
	for _, name := range []string{"LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "GOMAXPROCS"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// child is a model in a child process.
type child struct {
	model    Model
	time     time.Duration
	what     loaded
	ready    chan loaded
	to, from *os.File
	cancel   context.CancelFunc
	ended    chan struct{}
	end      error // how the child ended; written before ended is closed

	mu   sync.Mutex // of pipe
	pipe pipe
}

func (c *child) take(body json.RawMessage) error {
	var l loaded
	if err := json.Unmarshal(body, &l); err != nil {
		return fmt.Errorf("read the child's message: %w", err)
	}
	select {
	case c.ready <- l:
		return nil
	default:
		return errors.New("the child sent more than one message")
	}
}

func (c *child) Inputs() []onnx.Info  { return c.what.Inputs }
func (c *child) Outputs() []onnx.Info { return c.what.Outputs }

func (c *child) Predictions(out []onnx.Tensor) ([]feature.Prediction, error) {
	predictions, err := feature.Predictions(out, c.model.Outputs, c.model.Task)
	if err != nil {
		return nil, fmt.Errorf("%w: outputs: %w", serving.ErrModel, err)
	}
	return predictions, nil
}

// Infer sends the tensors and waits for the answer. A child that takes too long is ended.
func (c *child) Infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	limit := time.AfterFunc(c.time, c.cancel)
	stop := context.AfterFunc(ctx, c.cancel)
	out, err := c.exchange(in)
	stop()
	if !limit.Stop() {
		return nil, fmt.Errorf("%w: it did not answer a batch within %s", ErrBroken, c.time)
	}
	return out, err
}

func (c *child) exchange(in []onnx.Tensor) ([]onnx.Tensor, error) {
	var kind byte
	var body []byte
	err := c.pipe.send(frameTensors, func(b []byte) ([]byte, error) { return appendTensors(b, in) })
	if err == nil {
		kind, body, err = c.pipe.receive()
	}
	if err != nil {
		c.cancel()
		return nil, c.broken(err)
	}
	switch {
	case kind == frameTensors:
		out, err := readTensors(body)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBroken, err)
		}
		return out, nil
	case kind == frameError && len(body) > 0 && body[0] == faultInput:
		return nil, fmt.Errorf("%w: %s", serving.ErrInput, clip(body[1:]))
	case kind == frameError && len(body) > 0:
		return nil, fmt.Errorf("%w: %s", serving.ErrModel, clip(body[1:]))
	}
	return nil, fmt.Errorf("%w: it answered what is no frame", ErrBroken)
}

// broken says why the pipe broke.
func (c *child) broken(err error) error {
	<-c.ended
	var death *sandbox.Death
	if errors.As(c.end, &death) {
		return fmt.Errorf("%w: %w", ErrBroken, death)
	}
	if errors.Is(err, errFrame) {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return fmt.Errorf("ask the model: %w", errors.Join(c.end, err))
}

// died says why a child ended before it was ready.
func (c *child) died(ctx context.Context) error {
	var death *sandbox.Death
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(c.end, &death):
		return fmt.Errorf("%w while it was loaded: %w", ErrBroken, death)
	case c.end != nil:
		return c.end
	}
	return fmt.Errorf("%w: it ended before it was loaded", ErrBroken)
}

// Close ends the child.
func (c *child) Close() error {
	c.cancel()
	<-c.ended
	return errors.Join(c.to.Close(), c.from.Close())
}

// clip bounds what a child says.
func clip(b []byte) string {
	const most = 500
	return string(b[:min(len(b), most)])
}
