package serving

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving/cache"
)

// Limits bound the calls of one instance.
type Limits struct {
	// Running is how many batches run at once; 0 means 1, but see PoolConfig.Limits.
	Running int
	// Narrow is how many run at once, on a thread each, while that many large ones can be made. Not above Running: they never do.
	Narrow int
	// Waiting is how many more requests of each priority may wait for their turn before ErrBusy.
	Waiting int
	// Latency is what callers rely on: a request is refused with ErrBusy when a full
	// batch waits for each place already and the answer would take longer than this. Zero: no such bound.
	Latency time.Duration
	// Cache is how many bytes of answers are kept, to be given again to requests with the
	// same inputs. Zero: none are.
	Cache int64
}

// Instance is one loaded model version with its limits.
type Instance struct {
	model     Model
	batcher   *Batcher
	responses *responses // nil: answers are not kept
	counts    counts
	good      atomic.Pointer[Input]
	zeros     atomic.Bool // the model has answered zeros
	warm      WarmUp

	mu      sync.Mutex
	uses    int
	leaving bool
	idle    chan struct{} // closed when leaving and unused
}

// NewInstance wraps a loaded model, which belongs to the instance from then on.
// Requests are put together if the model takes any number of rows. observe, which may
// be nil, hears of each batch and must return soon.
func NewInstance(m Model, l Limits, b Batching, observe func(Batch)) *Instance {
	i := &Instance{model: m, idle: make(chan struct{})}
	if !batchable(m.Inputs(), m.Outputs()) {
		b = Batching{}
	}
	i.batcher = NewBatcher(m, b, l, func(done Batch) {
		i.counts.add(done)
		if observe != nil {
			observe(done)
		}
	})
	i.batcher.uniform = uniform(m.Inputs())
	if l.Cache > 0 {
		i.responses = &responses{
			cache: cache.New(l.Cache, m.Outputs()), batcher: i.batcher, sound: i.sound, counts: &i.counts, flights: map[cache.Key]*flight{},
		}
	}
	return i
}

// Device is where the model runs.
func (i *Instance) Device() string { return i.model.Device() }

// Process tells how the model's process is; false if it has none of its own.
func (i *Instance) Process() (Process, bool) {
	if s, ok := i.model.(Supervised); ok {
		return s.Process()
	}
	return Process{}, false
}

// Instances is how many batches run at once.
func (i *Instance) Instances() int { return i.batcher.limits.Running }

// Resources are what a batch of it takes of what models share, by name.
func (i *Instance) Resources() []Need { return i.batcher.gate.needs() }

// Priority says how many turns it gets where models compete for resources, see spec.Deployment; 0 if it takes none.
func (i *Instance) Priority() int {
	if i.batcher.gate == nil {
		return 0
	}
	return i.batcher.gate.priority
}

// Columns names the model's input columns; nil if the model names none.
func (i *Instance) Columns() []string { return i.model.Columns() }

// Inputs and Outputs describe the tensors of Infer. Do not modify.
func (i *Instance) Inputs() []onnx.Info { return i.model.Inputs() }

// Outputs describes what Infer returns. Do not modify.
func (i *Instance) Outputs() []onnx.Info { return i.model.Outputs() }

// Batching is how requests are put together.
func (i *Instance) Batching() Batching { return i.batcher.batching }

// Pending is how many requests wait.
func (i *Instance) Pending() int { return i.batcher.Pending() }

// Counts is what the instance has done since it was made.
func (i *Instance) Counts() Counts { return i.counts.read() }

// Accepts tells whether the rows fit the model without running it.
func (i *Instance) Accepts(in Input) (err error) {
	defer recovered(&err)
	_, err = i.model.Tensors(in)
	return err
}

// Infer answers a request of tensors with every output. Priority is that of
// Batcher.Infer. Errors wrap ErrInput, ErrModel or ErrBusy, or are the context's.
func (i *Instance) Infer(ctx context.Context, in []onnx.Tensor, priority int) ([]onnx.Tensor, error) {
	out, err := i.infer(ctx, in, priority)
	if err == nil {
		i.answered(Input{Tensors: in})
	}
	return out, err
}

// Admits tells, before a request is read, whether it would be let in now if it had one row and no
// priority of its own; else the error is ErrBusy, and the request counts as refused. While answers are
// kept a request has to be read first: it may be one that is answered without the model.
func (i *Instance) Admits() error {
	if i.responses != nil && i.responses.cache.Usage().Entries > 0 {
		return nil
	}
	err := i.batcher.admits()
	if err != nil {
		i.counts.request(0, err)
	}
	return err
}

// Refuse counts a request that its caller does not let in, by the reason that FailureOf has for err.
func (i *Instance) Refuse(err error) { i.counts.request(0, err) }

func (i *Instance) infer(ctx context.Context, in []onnx.Tensor, priority int) ([]onnx.Tensor, error) {
	start := time.Now()
	in, err := onnx.Arrange(i.model.Inputs(), in)
	var out []onnx.Tensor
	switch {
	case err != nil:
	case i.responses != nil:
		out, err = i.responses.infer(ctx, in, priority)
	default:
		out, err = i.batcher.Infer(ctx, in, priority)
	}
	i.counts.request(time.Since(start), err)
	return out, err
}

// answered keeps the first row of the first request that was answered, for Health.
func (i *Instance) answered(in Input) {
	if i.good.Load() == nil {
		first := in.first()
		i.good.CompareAndSwap(nil, &first)
	}
}

// Cache tells what of its answers the instance keeps; false if it keeps none.
func (i *Instance) Cache() (cache.Usage, bool) {
	if i.responses == nil {
		return cache.Usage{}, false
	}
	return i.responses.cache.Usage(), true
}

// sound tells that an answer may be given again. Predictions that are no numbers are the model's failure.
func (i *Instance) sound(in, out []onnx.Tensor) bool {
	predictions, err := i.Predictions(out)
	if err != nil || len(predictions) != (Input{Tensors: in}).Len() {
		var panicked *PanicError
		return !errors.As(err, &panicked) // the outputs are no predictions, and the tensors are the answer
	}
	return !slices.ContainsFunc(predictions, func(p feature.Prediction) bool { return !p.Finite() })
}

// Predictions reads one prediction a row from outputs of Infer; the error wraps ErrModel.
func (i *Instance) Predictions(out []onnx.Tensor) (_ []feature.Prediction, err error) {
	defer recovered(&err)
	return i.model.Predictions(out)
}

// Predict answers each row of the input. Errors wrap ErrInput, ErrModel or
// ErrBusy, or are the context's.
func (i *Instance) Predict(ctx context.Context, in Input) ([]feature.Prediction, error) {
	out, err := i.predict(ctx, in, func(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) {
		return i.infer(ctx, in, Usual)
	})
	if err != nil {
		return nil, err
	}
	i.answered(in)
	return out, nil
}

// predict runs the model by way of infer and makes sure that an answer is an answer.
func (i *Instance) predict(ctx context.Context, in Input, infer func(context.Context, []onnx.Tensor) ([]onnx.Tensor, error)) (out []feature.Prediction, err error) {
	defer recovered(&err)
	tensors, err := i.model.Tensors(in)
	if err != nil {
		return nil, err
	}
	answer, err := infer(ctx, tensors)
	if err != nil {
		return nil, err
	}
	if out, err = i.model.Predictions(answer); err != nil {
		return nil, err
	}
	if len(out) != in.Len() {
		return nil, fmt.Errorf("%w: %d predictions for %d rows", ErrModel, len(out), in.Len())
	}
	for row, p := range out {
		if !p.Finite() {
			return nil, fmt.Errorf("%w: row %d: the prediction is not a finite number", ErrModel, row)
		}
	}
	return out, nil
}

// run runs the model beside the batcher, when it is the model's turn and with what a batch takes.
func (i *Instance) run(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) {
	if err := i.batcher.gate.acquire(ctx); err != nil {
		return nil, err
	}
	defer i.batcher.gate.release()
	return i.model.Infer(ctx, in)
}

// Health runs the model on a row that it has answered before, or on a row of
// zeros. The zeros need not be a row that the model knows: failing on them, if it has
// not answered them before, is ErrUnproven, which tells that nothing is known yet.
func (i *Instance) Health(ctx context.Context) error {
	if in := i.good.Load(); in != nil {
		if err := i.try(ctx, *in); err != nil {
			return fmt.Errorf("run a row that was answered before: %w", err)
		}
		return nil
	}
	err := i.try(ctx, i.model.Zero())
	if err == nil {
		i.zeros.Store(true)
	}
	if err != nil && !i.zeros.Load() && ctx.Err() == nil && (errors.Is(err, ErrModel) || errors.Is(err, ErrInput)) {
		return fmt.Errorf("%w: %w", ErrUnproven, err)
	}
	return err
}

// try runs the model on its own, beside the requests and without waiting for resources that models share: a model
// must not look ill because others are busy, nor the answer come late for that. Of tensors the answer may be anything.
func (i *Instance) try(ctx context.Context, in Input) (err error) {
	if in.Tensors == nil {
		_, err = i.predict(ctx, in, i.model.Infer)
		return err
	}
	defer recovered(&err)
	_, err = i.model.Infer(ctx, in.Tensors)
	return err
}

// acquire holds the instance open until release; false when it is leaving.
func (i *Instance) acquire() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.leaving {
		return false
	}
	i.uses++
	return true
}

func (i *Instance) release() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.uses--
	if i.leaving && i.uses == 0 {
		close(i.idle)
	}
}

// retire takes no more calls, waits for those inside and closes the model.
func (i *Instance) retire() error {
	i.mu.Lock()
	if i.leaving {
		i.mu.Unlock()
		<-i.idle
		return nil
	}
	i.leaving = true
	if i.uses == 0 {
		close(i.idle)
	}
	i.mu.Unlock()
	<-i.idle
	if i.responses != nil {
		i.responses.cache.Close()
	}
	defer i.batcher.gate.leave()
	if err := i.model.Close(); err != nil {
		return fmt.Errorf("close the model: %w", err)
	}
	return nil
}

// PanicError is a panic inside a call of the model. The stack is for the log,
// not for the caller.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: %w", ErrModel, &PanicError{Value: r, Stack: debug.Stack()})
	}
}
