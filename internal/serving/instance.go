package serving

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/slipway-ml/slipway/internal/feature"
)

// Limits bound the calls of one instance.
type Limits struct {
	// Running is how many calls run at once; at least 1.
	Running int
	// Waiting is how many more may wait for their turn before ErrBusy.
	Waiting int
}

// Instance is one loaded model version with its limits.
type Instance struct {
	model   Model
	running chan struct{}
	places  chan struct{} // running and waiting
	good    atomic.Pointer[Input]

	mu      sync.Mutex
	uses    int
	leaving bool
	idle    chan struct{} // closed when leaving and unused
}

// NewInstance wraps a loaded model, which belongs to the instance from then on.
func NewInstance(m Model, l Limits) *Instance {
	running := max(l.Running, 1)
	return &Instance{
		model:   m,
		running: make(chan struct{}, running),
		places:  make(chan struct{}, running+max(l.Waiting, 0)),
		idle:    make(chan struct{}),
	}
}

// Device is where the model runs.
func (i *Instance) Device() string { return i.model.Device() }

// Columns names the model's input columns; nil if the model names none.
func (i *Instance) Columns() []string { return i.model.Columns() }

// Accepts tells whether the rows fit the model without running it.
func (i *Instance) Accepts(in Input) (err error) {
	defer recovered(&err)
	return i.model.Accepts(in)
}

// Predict answers each row of the input. Errors wrap ErrInput, ErrModel or
// ErrBusy, or are the context's.
func (i *Instance) Predict(ctx context.Context, in Input) ([]feature.Prediction, error) {
	select {
	case i.places <- struct{}{}:
		defer func() { <-i.places }()
	default:
		return nil, fmt.Errorf("%w: %d are", ErrBusy, cap(i.places))
	}
	select {
	case i.running <- struct{}{}:
		defer func() { <-i.running }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a free place: %w", ctx.Err())
	}
	if err := ctx.Err(); err != nil { // nobody waits for the answer any more
		return nil, fmt.Errorf("before the model ran: %w", err)
	}
	out, err := i.predict(ctx, in)
	if err != nil {
		return nil, err
	}
	if i.good.Load() == nil {
		first := in.first()
		i.good.CompareAndSwap(nil, &first)
	}
	return out, nil
}

// predict runs the model and makes sure that an answer is an answer.
func (i *Instance) predict(ctx context.Context, in Input) (out []feature.Prediction, err error) {
	defer recovered(&err)
	out, err = i.model.Predict(ctx, in)
	if err != nil {
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

// Health runs the model on a row that it has answered before, or on a row of
// zeros. The zeros need not be a row that the model knows: failing on them
// is ErrUnproven, which tells that nothing is known yet.
func (i *Instance) Health(ctx context.Context) error {
	if in := i.good.Load(); in != nil {
		if _, err := i.predict(ctx, *in); err != nil {
			return fmt.Errorf("run a row that was answered before: %w", err)
		}
		return nil
	}
	_, err := i.predict(ctx, i.model.Zero())
	if err != nil && ctx.Err() == nil && (errors.Is(err, ErrModel) || errors.Is(err, ErrInput)) {
		return fmt.Errorf("%w: %w", ErrUnproven, err)
	}
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
