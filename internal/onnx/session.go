package onnx

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	ort "github.com/yalue/onnxruntime_go"
)

// Sentinels of Open and Run.
var (
	// ErrInvalidModel says that the bytes are no model that can be served.
	ErrInvalidModel = errors.New("not a usable ONNX model")
	// ErrNoDevice says that the device asked for is not there.
	ErrNoDevice = errors.New("device is not available")
	// ErrClosed says that the session was closed.
	ErrClosed = errors.New("session is closed")
)

// Options configure a Session.
type Options struct {
	// Device is where the model runs; empty means auto.
	Device Device
	// Threads bounds the threads of one operator; 0 leaves it to ONNX Runtime, which takes all cores.
	Threads int
	// DeviceMemory bounds in bytes what the session takes of a CUDA device's memory for its
	// weights and tensors; 0 leaves it to ONNX Runtime, which takes what it needs.
	DeviceMemory int64
}

// Session is a model on a device. It is safe for concurrent use.
type Session struct {
	inputs, outputs []Info
	halves          []Type // of outputs that come as float32 although they are not
	examples        map[string]any
	device          Device

	mu     sync.RWMutex // held for reading while the native session runs
	native *ort.DynamicAdvancedSession
}

// Open loads a model. The error wraps ErrInvalidModel when the bytes are at
// fault, ErrNoDevice when CUDA is asked for and not there.
func (r *Runtime) Open(model []byte, o Options) (*Session, error) {
	device := r.Resolve(o.Device)
	switch device {
	case DeviceCPU:
	default:
		index, ok := device.CUDA()
		if !ok {
			return nil, fmt.Errorf("open model: device %q is not one of auto, cpu, cuda, cuda:N", device)
		}
		if err := r.probeCUDA(index); err != nil {
			return nil, fmt.Errorf("open model on %s: %w (%w); use device cpu or auto, or point %s at a library built with CUDA",
				device, ErrNoDevice, err, LibraryVariable)
		}
	}
	return r.open(model, device, o)
}

// Resolve is the device that auto, or an empty one, stands for; others are themselves.
func (r *Runtime) Resolve(d Device) Device {
	switch {
	case d != DeviceAuto && d != "":
		return d
	case r.CUDA():
		return DeviceCUDA
	}
	return DeviceCPU
}

func (r *Runtime) open(model []byte, device Device, o Options) (_ *Session, err error) {
	graph, err := ReadGraph(model)
	if err != nil {
		return nil, err
	}
	if err := servable(graph); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidModel, err)
	}
	options, err := sessionOptions(device, o)
	if err != nil {
		return nil, fmt.Errorf("open model on %s: %w", device, err)
	}
	defer func() { err = errors.Join(err, options.Destroy()) }()

	if device == DeviceCPU {
		model = withoutSubnormals(model, graph)
	}
	wide := widenHalves(model, graph)
	native, err := ort.NewDynamicAdvancedSessionWithONNXData(wide.model, names(graph.Inputs), wide.outputs, options)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; check the file, and export it with an opset that ONNX Runtime %s knows",
			ErrInvalidModel, err, r.Version())
	}
	return &Session{inputs: graph.Inputs, outputs: graph.Outputs, halves: wide.halves, examples: graph.Examples, device: device, native: native}, nil
}

// servable refuses what the native binding cannot carry, before it crashes on it.
func servable(g *Graph) error {
	if len(g.Inputs) == 0 {
		return errors.New("the graph has no inputs")
	}
	if len(g.Outputs) == 0 {
		return errors.New("the graph has no outputs")
	}
	for _, info := range slices.Concat(g.Inputs, g.Outputs) {
		// The binding has no tensors without dimensions.
		if info.Shape != nil && len(info.Shape) == 0 {
			return fmt.Errorf("%s is a scalar, which is not served; give it the shape [batch,1]", info.Name)
		}
	}
	for _, in := range g.Inputs {
		if !in.Type.Supported() {
			return fmt.Errorf("input %s has type %s, which is not served; put a Cast behind an input of type float32", in.Name, in.Type)
		}
	}
	for _, out := range g.Outputs {
		if !out.Type.Supported() {
			return fmt.Errorf("output %s has type %s, which is not served; put a Cast to float32 before it", out.Name, out.Type)
		}
	}
	return nil
}

func sessionOptions(device Device, o Options) (_ *ort.SessionOptions, err error) {
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, options.Destroy())
		}
	}()
	if o.Threads > 0 {
		if err := options.SetIntraOpNumThreads(o.Threads); err != nil {
			return nil, err
		}
	}
	// Threads spin between the operators of a run, which takes a fifth off one, but not between runs: gateway and
	// models share the cores.
	if err := options.AddSessionConfigEntry("session.force_spinning_stop", "1"); err != nil {
		return nil, err
	}
	// Parts of an operator are dealt to the threads in ever smaller pieces: where the gateway takes the processor from one
	// thread for a while, the others do its share instead of spinning until it is back. 4 is the value that ONNX Runtime suggests.
	if err := options.AddSessionConfigEntry("session.dynamic_block_base", "4"); err != nil {
		return nil, err
	}
	if index, ok := device.CUDA(); ok {
		return options, appendCUDA(options, index, o.DeviceMemory)
	}
	return options, nil
}

func names(infos []Info) []string {
	out := make([]string, len(infos))
	for i, info := range infos {
		out[i] = info.Name
	}
	return out
}

// Inputs describes what Run needs, in the model's order. Do not modify.
func (s *Session) Inputs() []Info { return s.inputs }

// Outputs describes what Run returns, in the model's order; a sequence of maps
// (scikit-learn's ZipMap) counts as the float32 matrix it is turned into. Do not modify.
func (s *Session) Outputs() []Info { return s.outputs }

// Examples are values that the model knows, by input; see Graph.Examples. Do not modify.
func (s *Session) Examples() map[string]any { return s.examples }

// Device is where the model runs: "cpu", "cuda", or "cuda:N" where N is not 0.
func (s *Session) Device() string { return string(s.device) }

// Run computes all outputs. The tensors may come in any order; an error wraps
// ErrInput when they do not fit. When ctx ends, the running computation is
// stopped and the error wraps ctx.Err().
func (s *Session) Run(ctx context.Context, in []Tensor) ([]Tensor, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("run model: %w", err)
	}
	if ctx.Done() == nil {
		return s.run(nil, in)
	}
	options, err := ort.NewRunOptions()
	if err != nil {
		return nil, fmt.Errorf("run model: %w", err)
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { stopped <- options.Terminate() })
	out, err := s.run(options, in)
	if !stop() {
		// The options must outlive Terminate.
		if failed := <-stopped; failed != nil {
			err = errors.Join(err, failed)
		}
	}
	if failed := options.Destroy(); failed != nil {
		err = errors.Join(err, failed)
	}
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("run model: %w", ctx.Err())
	}
	return out, err
}

func (s *Session) run(options *ort.RunOptions, in []Tensor) (out []Tensor, err error) {
	in, err = Arrange(s.inputs, in)
	if err != nil {
		return nil, fmt.Errorf("run model: %w", err)
	}
	values := make([]ort.Value, 0, len(in)+len(s.outputs))
	results := make([]ort.Value, len(s.outputs))
	defer func() {
		for _, v := range append(values, results...) {
			err = errors.Join(err, destroy(v))
		}
	}()
	for i := range in {
		v, err := toNative(&in[i])
		if err != nil {
			return nil, fmt.Errorf("run model: input %s: %w", in[i].Name, err)
		}
		values = append(values, v)
	}

	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.native == nil {
		return nil, fmt.Errorf("run model: %w", ErrClosed)
	}
	if err := s.native.RunWithOptions(values, results, options); err != nil {
		return nil, fmt.Errorf("run model: %w", err)
	}
	out = make([]Tensor, len(results))
	for i, v := range results {
		if out[i], err = fromNative(s.outputs[i].Name, v); err != nil {
			return nil, fmt.Errorf("run model: %w", err)
		}
		if s.halves[i] != "" && out[i].Type == Float32 {
			out[i].toHalves(s.halves[i])
		}
	}
	return out, nil
}

// destroy releases a value. After a failed run the binding leaves nil pointers
// behind non-nil interfaces, on which Destroy would crash.
func destroy(v ort.Value) error {
	if v == nil || reflect.ValueOf(v).IsNil() {
		return nil
	}
	return v.Destroy()
}

// Close waits for running calls and gives the native memory back. Closing
// twice is fine.
func (s *Session) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.native == nil {
		return nil
	}
	native := s.native
	s.native = nil
	if err := native.Destroy(); err != nil {
		return fmt.Errorf("close model: %w", err)
	}
	return nil
}
