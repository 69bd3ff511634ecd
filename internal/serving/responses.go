package serving

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving/cache"
)

// Cached is how a request was answered without a run of the model for it.
type Cached string

// How requests are answered without a run of their own.
const (
	CachedHit    Cached = "hit"    // the answer was kept
	CachedShared Cached = "shared" // it ran for another request with the same inputs at that time
)

// responses answers requests in front of a Batcher: with what the cache holds, or, where several
// with the same inputs come while the first of them runs, with its answer.
//
// Invariants: an error is not kept; a run that several wait for goes on as long as one of them does, and each waits no
// longer than its own context lasts; none waits for a run that is less urgent than itself.
type responses struct {
	cache   *cache.Cache
	batcher *Batcher
	sound   func(in, out []onnx.Tensor) bool // the answer is one to give again
	counts  *counts

	mu      sync.Mutex
	flights map[cache.Key]*flight
}

// flight is a run of the model for one request that others may wait for too.
type flight struct {
	ctx     context.Context
	cancel  context.CancelFunc
	urgency int
	waiting int // guarded by responses.mu
	done    chan struct{}

	// Known when done is closed. out belongs to the request that began the flight.
	out    []onnx.Tensor
	answer cache.Answer
	err    error
}

// infer answers a request as Batcher.Infer does.
func (r *responses) infer(ctx context.Context, in []onnx.Tensor, priority int) ([]onnx.Tensor, error) {
	if over(ctx) {
		return r.batcher.Infer(ctx, in, priority) // which says so
	}
	began := time.Now()
	key := r.cache.Key(in)
	for {
		if out, ok := r.cache.Get(key); ok {
			r.answered(ctx, CachedHit, began, time.Since(began))
			return out, nil
		}
		f, first := r.board(ctx, key, urgencyOf(priority))
		switch {
		case f == nil: // it was kept a moment ago
			continue
		case first:
			go r.fly(f, key, in, priority, time.Since(began))
			return r.land(ctx, f, key)
		}
		return r.share(ctx, f, key, began)
	}
}

// over tells that a request's time is over, also if the timer that has to end its context has not.
func over(ctx context.Context) bool {
	d, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(d)
}

// board joins the flight of other requests with the same inputs, unless it is less urgent, or begins one. Nil:
// the answer is in the cache.
func (r *responses) board(ctx context.Context, key cache.Key, urgency int) (_ *flight, first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.flights[key]; f != nil && f.urgency <= urgency {
		f.waiting++
		return f, false
	}
	if r.cache.Has(key) {
		return nil, false
	}
	f := &flight{urgency: urgency, waiting: 1, done: make(chan struct{})}
	// It may outlast the request that began it.
	f.ctx, f.cancel = context.WithCancel(context.WithoutCancel(ctx))
	r.flights[key] = f
	return f, true
}

// fly runs the model and keeps the answer.
func (r *responses) fly(f *flight, key cache.Key, in []onnx.Tensor, priority int, lookup time.Duration) {
	defer f.cancel()
	f.out, f.err = r.batcher.Infer(f.ctx, in, priority)
	ended := time.Now()
	if f.err == nil {
		f.answer = cache.NewAnswer(f.out)
		if r.sound(in, f.out) {
			r.cache.Put(key, f.answer)
		}
	}
	r.counts.missed(lookup + time.Since(ended))
	r.mu.Lock()
	r.forget(key, f)
	r.mu.Unlock()
	close(f.done)
}

// land waits for a flight. The error is that of ctx as soon as ctx ends; when nobody waits any more, the flight ends too.
func (r *responses) land(ctx context.Context, f *flight, key cache.Key) ([]onnx.Tensor, error) {
	select {
	case <-f.done:
		return f.out, f.err
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.waiting--; f.waiting == 0 {
		r.forget(key, f)
		f.cancel()
	}
	return nil, fmt.Errorf("wait for the model: %w", ctx.Err())
}

// share answers a request with what the model answers to another one.
func (r *responses) share(ctx context.Context, f *flight, key cache.Key, began time.Time) ([]onnx.Tensor, error) {
	waits := time.Now()
	if _, err := r.land(ctx, f, key); err != nil {
		r.counts.missed(waits.Sub(began))
		return nil, err
	}
	landed := time.Now()
	out := r.cache.Tensors(f.answer)
	r.answered(ctx, CachedShared, began, waits.Sub(began)+time.Since(landed))
	return out, nil
}

// forget lets nobody board a flight any more. The caller holds r.mu.
func (r *responses) forget(key cache.Key, f *flight) {
	if r.flights[key] == f {
		delete(r.flights, key)
	}
}

// answered notes a request that the model did not run for. work is the time that finding and
// copying the answer took; the rest it has waited.
func (r *responses) answered(ctx context.Context, how Cached, began time.Time, work time.Duration) {
	now := time.Now()
	r.counts.hit(work, now.Sub(began)-work)
	if r.batcher.trace != nil {
		r.batcher.trace(ctx, Passage{Arrived: began, Ended: now, Cached: how})
	}
}
