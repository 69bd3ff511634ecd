package batch

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/sandbox"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// ChildName is the entry that a program gives to sandbox.Serve, with Child, so
// that Isolated works in it.
const ChildName = "batch-model"

// request is what a child is told; the model is its only blob. Its files are
// the pipe that frames come from and the one that they go to.
type request struct {
	Task    spec.Task    `json:"task"`
	Outputs spec.Outputs `json:"outputs"`
	Device  onnx.Device  `json:"device"`
	Threads int          `json:"threads"`
}

// loaded is the child's only message: what the model is, or why there is none.
type loaded struct {
	Error   string      `json:"error,omitempty"`
	Inputs  []onnx.Info `json:"inputs,omitempty"`
	Outputs []onnx.Info `json:"outputs,omitempty"`
	Device  string      `json:"device,omitempty"`
}

// Whose fault an error is, as a frame tells it.
const (
	faultInput = 1
	faultModel = 2
)

// Child serves one model to its parent, frame by frame, until the pipe ends. It
// gives up every right that it can do without before it looks at the model.
func Child(c *sandbox.Child) error {
	var r request
	if err := json.Unmarshal(c.Request, &r); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	if len(c.Blobs) != 1 || len(c.Files) != 2 {
		return fmt.Errorf("read the request: %d blobs and %d files, want 1 and 2", len(c.Blobs), len(c.Files))
	}
	rt, err := onnx.Find()
	if err != nil {
		return err
	}
	reach := sandbox.Reach{}
	if r.Device != onnx.DeviceCPU && rt.CUDA() {
		// What CUDA opens while it runs: its parts, loaded when first needed, and the devices.
		reach = sandbox.Reach{
			Read:  []string{filepath.Dir(rt.Library()), "/usr", "/lib", "/lib64", "/opt", "/etc", "/proc", "/sys"},
			Write: []string{"/dev", "/tmp"},
		}
	}
	if _, err := c.Confine(reach); err != nil {
		return err
	}
	runtime, err := serving.NewONNX(rt, onnx.Options{Device: r.Device, Threads: r.Threads})
	if err != nil {
		return err
	}
	ctx := context.Background()
	model, err := runtime.Load(ctx, c.Blobs[0], spec.Model{Task: r.Task, Outputs: r.Outputs})
	if err != nil {
		return c.Send(loaded{Error: err.Error()})
	}
	if err := c.Send(loaded{Inputs: model.Inputs(), Outputs: model.Outputs(), Device: model.Device()}); err != nil {
		return err
	}
	p := &pipe{r: bufio.NewReaderSize(c.Files[0], 1<<20), w: c.Files[1]}
	for {
		err := answer(ctx, p, model)
		if errors.Is(err, io.EOF) {
			return model.Close()
		}
		if err != nil {
			return err
		}
	}
}

// answer runs the model once; io.EOF says that the parent has closed its end.
func answer(ctx context.Context, p *pipe, model serving.Model) error {
	kind, body, err := p.receive()
	if err != nil {
		return err
	}
	if kind != frameTensors {
		return fmt.Errorf("%w: kind %d", errFrame, kind)
	}
	in, err := readTensors(body)
	if err != nil {
		return err
	}
	out, err := model.Infer(ctx, in)
	if err != nil {
		fault := byte(faultModel)
		if errors.Is(err, serving.ErrInput) {
			fault = faultInput
		}
		return p.send(frameError, func(b []byte) ([]byte, error) { return append(append(b, fault), err.Error()...), nil })
	}
	return p.send(frameTensors, func(b []byte) ([]byte, error) { return appendTensors(b, out) })
}
