package serving

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// Batching says how requests that wait at the same time are put together.
type Batching struct {
	// MaxRows is how many rows a batch holds at most. A request of more runs
	// alone, as it is. Zero or 1: requests are never put together.
	MaxRows int
	// MaxDelay is how long a request may be held back while a place is free, in
	// the hope that others come. Zero: only for callers whom a batch has just answered, and
	// only if a batch takes long; others are put together if they had to wait anyway. Holding back that gained nothing is tried ever more rarely.
	MaxDelay time.Duration
	// Preferred are numbers of rows at which a batch is not held back any longer.
	Preferred []int
}

// Usual is the priority of a request that states none.
const Usual = 5

// Cut is why a batch was closed.
type Cut string

// Why a batch was closed.
const (
	CutIdle      Cut = "idle"      // a place was free
	CutTurn      Cut = "turn"      // a place became free
	CutFull      Cut = "full"      // MaxRows
	CutPreferred Cut = "preferred" // a preferred size
	CutDelay     Cut = "delay"     // it was held back as long as it may be
	CutTogether  Cut = "together"  // those of the batch before are back
	CutAlone     Cut = "alone"     // the request cannot share a batch
	CutResource  Cut = "resource"  // resources that models share became free
)

// Inferer runs a model on tensors. A Model is one.
type Inferer interface {
	Infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error)
}

// Batcher puts requests together by rows, runs the batches and gives each
// request its own rows back.
//
// Invariants: requests of one shape and priority run in the order in which they came; a
// request that ends early (its deadline, its client gone) leaves the queue at
// once, and a batch that nobody waits for any more is stopped; when a batch
// fails, its requests run one by one, so that only those at fault fail.
type Batcher struct {
	model    Inferer
	batching Batching
	limits   Limits
	record   func(Batch)
	trace    func(context.Context, Passage) // nil: nobody wants to know
	apart    atomic.Bool                    // the outputs of a batch could not be taken apart: nothing is put together any more
	traced   bool                           // the steps of a composed model are told to trace
	uniform  bool                           // the model leaves no size of its inputs open but the number of rows

	mu      sync.Mutex
	queue   []*call       // the most urgent first, then in order of arrival
	rows    int64         // of the queue
	service time.Duration // mean of what a batch takes; 0: none has run
	last    Batch         // that has ended, at the time ended
	ended   time.Time
	running int // batches, and a place that waits for resources
	holding
	sharing
	narrowing
}

// Batch is what is known of a batch that has run.
type Batch struct {
	Rows     int64
	Requests int
	Cut      Cut
	Queue    []time.Duration // of each request: from its arrival to the start
	Compute  time.Duration
	// Input and Output are the parts of Compute in which requests were put together and answers taken apart.
	Input, Output time.Duration
	Shares        bool          // it took resources that models share
	Wait          time.Duration // for them, before it was closed
}

// Passage is how one request went through the Batcher.
type Passage struct {
	Arrived time.Time
	Started time.Time // of its batch; zero: it left before
	Ended   time.Time
	Batch   Batch     // that it ran in
	Cached  Cached    // how it was answered without a batch, if it was
	Steps   []StepRun // that a composed model took for the batch, as they ended
}

// call is one request in the Batcher.
type call struct {
	ctx     context.Context
	in      []onnx.Tensor
	rows    int64
	shape   string // requests of one shape can share a batch; empty: it runs alone
	urgency int    // see Batcher.Infer
	arrived time.Time
	crowd   *crowd // of the batch that it is in, if there are others
	out     []onnx.Tensor
	steps   []StepRun
	err     error
	done    chan struct{}
}

// crowd are those who wait for a batch of several requests: as long as one does, the batch goes on.
type crowd struct {
	ctx     context.Context // of the batch
	cancel  context.CancelFunc
	waiting int // guarded by Batcher.mu
}

// NewBatcher runs at most l.Running batches of m at once while at most l.Waiting
// requests of each priority wait. record, which may be nil, hears of each batch and must return soon.
func NewBatcher(m Inferer, b Batching, l Limits, record func(Batch)) *Batcher {
	if record == nil {
		record = func(Batch) {}
	}
	b.MaxRows = max(b.MaxRows, 1)
	l.Running, l.Waiting = max(l.Running, 1), max(l.Waiting, 0)
	return &Batcher{model: m, batching: b, limits: l, record: record}
}

// Pending is how many requests wait.
func (b *Batcher) Pending() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.queue)
}

// Infer runs a request, alone or with others. The tensors are in the model's
// order and checked. Priority 1 goes first, a larger number later; 0 is Usual.
// The error wraps ErrBusy when too many wait or the answer would come too late, see Limits;
// it is that of ctx as soon as ctx ends.
func (b *Batcher) Infer(ctx context.Context, in []onnx.Tensor, priority int) ([]onnx.Tensor, error) {
	if over, ok := ctx.Deadline(); ok && !time.Now().Before(over) {
		<-ctx.Done() // its timer is late, and must not let the request through
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("before the model ran: %w", err)
	}
	c := b.newCall(ctx, in, priority)
	if d, ok := ctx.Deadline(); ok && !c.arrived.Before(d) { // its timer may be late
		return nil, fmt.Errorf("before the model ran: %w", context.DeadlineExceeded)
	}
	b.mu.Lock()
	b.away = max(b.away-c.rows, 0)
	free := b.running < b.places(c.rows) && len(b.queue) == 0 && !b.hold(c)
	if free && b.gate.try() {
		b.running++
		b.busy += c.rows
		narrow := b.narrow
		b.mu.Unlock()
		b.alone(c, narrow)
		return c.out, c.err
	}
	if err := b.enqueue(c); err != nil {
		b.mu.Unlock()
		return nil, err
	}
	if free { // but what it shares with other models is not
		b.next(CutIdle)
	}
	b.filled()
	b.mu.Unlock()
	select {
	case <-c.done:
		return c.out, c.err
	case <-ctx.Done():
		b.leave(c)
		return nil, fmt.Errorf("wait for the model: %w", ctx.Err())
	}
}

func (b *Batcher) newCall(ctx context.Context, in []onnx.Tensor, priority int) *call {
	c := &call{ctx: ctx, in: in, rows: 1, urgency: urgencyOf(priority), arrived: time.Now(), done: make(chan struct{})}
	if len(in) > 0 {
		c.rows = in[0].Rows()
	}
	if !b.apart.Load() && b.batching.MaxRows > 1 && c.rows < int64(b.batching.MaxRows) {
		c.shape = shapeKey(in, b.uniform)
	}
	return c
}

// urgencyOf is the place of a priority in the queue.
func urgencyOf(priority int) int {
	if priority <= 0 {
		return Usual
	}
	return priority
}

// alone runs a request on its caller's goroutine, for there is nobody to share with.
func (b *Batcher) alone(c *call, narrow bool) {
	cut := CutIdle
	if c.shape == "" {
		cut = CutAlone
	}
	// Others may be waiting by the time it ends; they must not depend on this
	// caller, and a panic must not take their turn with it.
	defer b.turn()
	b.execute([]*call{c}, cut, way{narrow: narrow})
}

// turn hands a place that became free to those who wait.
func (b *Batcher) turn() {
	defer b.gate.release() // when the next one waits already, so that it can be this model's
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running--
	held := b.timer != nil || len(b.queue) > 0 && b.queue[0].shape != "" && b.reunite(b.rows)
	if !held { // else those who wait do so on purpose
		b.next(CutTurn)
	}
}

// next starts a batch if a place is free and somebody waits, and where batches run side by side one for each free place. The caller holds b.mu.
func (b *Batcher) next(cut Cut) {
	b.start(cut)
	for b.narrow && len(b.queue) > 0 && b.running < b.places(0) && !b.reunite(b.rows) {
		b.start(CutTurn)
	}
}

// start is next for one place.
func (b *Batcher) start(cut Cut) {
	if len(b.queue) == 0 || b.running >= b.places(0) {
		return
	}
	b.stopTimer()
	if b.gate != nil {
		b.ask(cut)
		return
	}
	b.running++
	narrow := b.narrow
	batch, cut := b.form(cut)
	go func() {
		defer b.turn()
		b.execute(batch, cut, way{narrow: narrow})
	}()
}

// form closes the batch that begins with the first request of the queue. The caller holds b.mu.
func (b *Batcher) form(cut Cut) ([]*call, Cut) {
	batch, rows, full := b.take()
	b.busy += rows
	switch {
	case batch[0].shape == "":
		cut = CutAlone
	case full:
		cut = CutFull
	}
	if len(batch) > 1 {
		ctx, cancel := context.WithCancel(context.Background())
		all := &crowd{ctx: ctx, cancel: cancel, waiting: len(batch)}
		for _, c := range batch {
			c.crowd = all
		}
	}
	return batch, cut
}

// take removes the first request and those that can share its batch from the
// queue. The caller holds b.mu.
func (b *Batcher) take() (batch []*call, rows int64, full bool) {
	first, most := b.queue[0], b.share()
	rest := b.queue[:0]
	for _, c := range b.queue {
		switch {
		case c == first:
		case full || c.shape == "" || c.shape != first.shape:
			rest = append(rest, c)
			continue
		case rows+c.rows > most:
			full = true // a later one that would fit must not overtake this one
			rest = append(rest, c)
			continue
		}
		batch = append(batch, c)
		rows += c.rows
	}
	clear(b.queue[len(rest):])
	b.queue = rest
	b.rows -= rows
	return batch, rows, rows >= int64(b.batching.MaxRows) || full && most == int64(b.batching.MaxRows)
}

// leave takes a request that is no longer waited for out of the queue, or out of its batch's crowd.
func (b *Batcher) leave(c *call) {
	b.mu.Lock()
	i := slices.Index(b.queue, c)
	switch {
	case i >= 0:
		b.queue = slices.Delete(b.queue, i, i+1)
		b.rows -= c.rows
		b.unask()
	case c.crowd != nil:
		if c.crowd.waiting--; c.crowd.waiting == 0 {
			c.crowd.cancel()
		}
	}
	b.mu.Unlock()
	if i >= 0 && b.trace != nil {
		b.trace(c.ctx, Passage{Arrived: c.arrived, Ended: time.Now()})
	}
}

// way is how a batch comes to run.
type way struct {
	narrow bool          // beside others, on one thread
	waited time.Duration // for resources
}

// execute runs a batch and answers its requests.
func (b *Batcher) execute(batch []*call, cut Cut, w way) {
	start := time.Now()
	report := Batch{Requests: len(batch), Cut: cut, Queue: make([]time.Duration, len(batch)), Shares: b.gate != nil, Wait: w.waited}
	var joined, answered time.Time
	if len(batch) == 1 {
		batch[0].out, batch[0].steps, batch[0].err = b.infer(batch[0].ctx, batch[0].in, w.narrow)
	} else {
		joined, answered = b.joint(batch, w.narrow)
	}
	report.Compute = time.Since(start)
	if !answered.IsZero() {
		report.Input, report.Output = joined.Sub(start), report.Compute-answered.Sub(start)
	}
	for i, c := range batch {
		report.Rows += c.rows
		report.Queue[i] = start.Sub(c.arrived)
	}
	b.learn(report)
	b.record(report)
	for _, c := range batch {
		if b.trace != nil {
			b.trace(c.ctx, Passage{Arrived: c.arrived, Started: start, Ended: start.Add(report.Compute), Batch: report, Steps: c.steps})
		}
		close(c.done)
	}
}

// joint runs several requests as one, and each alone if that fails. It tells when they were put together and when the
// model had answered; both are zero if it failed.
func (b *Batcher) joint(batch []*call, narrow bool) (joined, answered time.Time) {
	ins := make([][]onnx.Tensor, len(batch))
	rows := make([]int64, len(batch))
	for i, c := range batch {
		ins[i], rows[i] = c.in, c.rows
	}
	all := onnx.Concat(ins)
	joined = time.Now()
	out, steps, err := b.infer(batch[0].crowd.ctx, all, narrow)
	answered = time.Now()
	batch[0].crowd.cancel()
	var parts [][]onnx.Tensor
	if err == nil {
		if parts, err = onnx.Split(out, rows); err != nil {
			b.apart.Store(true)
		}
	}
	for i, c := range batch {
		if err == nil {
			c.out, c.steps = parts[i], steps
		} else {
			c.out, c.steps, c.err = b.infer(c.ctx, c.in, narrow)
		}
	}
	if err != nil {
		return time.Time{}, time.Time{}
	}
	return joined, answered
}

func (b *Batcher) infer(ctx context.Context, in []onnx.Tensor, narrow bool) (out []onnx.Tensor, steps []StepRun, err error) {
	defer recovered(&err)
	if narrow {
		ctx = WithOneThread(ctx)
	}
	if b.traced {
		var l stepLog
		ctx = context.WithValue(ctx, stepLogKey{}, &l)
		defer func() { steps = l.runs }()
	}
	out, err = b.model.Infer(ctx, in)
	return out, nil, err
}
