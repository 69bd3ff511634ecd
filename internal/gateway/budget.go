package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
)

// errOverBudget: as many bytes of requests are held as may.
var errOverBudget = errors.New("the requests in flight hold as much memory as they may, try again soon")

// budget bounds the bytes that requests hold while they are read, wait and run.
// It counts what has arrived, never what a header announces.
type budget struct {
	limit   int64
	held    atomic.Int64
	refused prometheus.Counter

	inside, peak atomic.Int64 // requests that were admitted and are not answered, and the most of them at once
}

func newBudget(limit int64) *budget {
	return &budget{limit: limit, refused: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "slipway_requests_refused_total", Help: "Requests that were refused because those in flight held as many bytes as they may.",
	})}
}

// metrics tell the bytes held, the bound and the requests refused.
func (b *budget) metrics() []prometheus.Collector {
	return []prometheus.Collector{
		b.refused,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "slipway_request_bytes", Help: "Bytes that requests hold while they are read, wait and run."},
			func() float64 { return float64(b.held.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "slipway_request_bytes_limit", Help: "Bytes above which requests are refused."},
			func() float64 { return float64(b.limit) }),
	}
}

// take counts n bytes; false, and nothing counted, if they are too many.
func (b *budget) take(n int64) bool {
	if b.held.Add(n) <= b.limit {
		return true
	}
	b.held.Add(-n)
	b.refused.Inc()
	return false
}

func (b *budget) give(n int64) { b.held.Add(-n) }

// admit counts the input of a request; the caller calls the function when it is answered.
func (b *budget) admit(in serving.Input) (func(), error) {
	n := sizeOf(in)
	if !b.take(n) {
		return nil, errOverBudget
	}
	b.enter()
	return func() {
		b.inside.Add(-1)
		b.give(n)
	}, nil
}

func (b *budget) enter() {
	inside := b.inside.Add(1)
	for peak := b.peak.Load(); inside > peak && !b.peak.CompareAndSwap(peak, inside); {
		peak = b.peak.Load()
	}
}

// most is the most requests that were under way at once since it was asked last.
func (b *budget) most() int {
	return int(b.peak.Swap(b.inside.Load()))
}

// size is the memory of tensors in bytes.
func size(in []onnx.Tensor) int64 {
	n := 0
	for i := range in {
		t := &in[i]
		n += 4*len(t.Floats) + 8*len(t.Doubles) + 2*len(t.Halves) + 8*len(t.Ints) + len(t.Bools) + 16*len(t.Strings)
		for _, s := range t.Strings {
			n += len(s)
		}
	}
	return int64(n)
}

// sizeOf is about the memory of a request's input in bytes: rows count as tensors of 8 bytes a value.
func sizeOf(in serving.Input) int64 {
	n := int64(0)
	for _, row := range in.Rows {
		n += 8 * int64(len(row))
	}
	for _, row := range in.Matrix {
		n += 8 * int64(len(row))
	}
	return n + size(in.Tensors)
}

// bodies counts the bodies of requests while their handlers run, and tells of those that were too much.
func (b *budget) bodies(next http.Handler, refused func(context.Context, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			counted := &countedBody{ReadCloser: r.Body, budget: b}
			defer func() { b.give(counted.n) }()
			defer func() {
				if counted.over {
					refused(r.Context(), errOverBudget)
				}
			}()
			r.Body = counted
		}
		next.ServeHTTP(w, r)
	})
}

// countedBody is a body whose bytes count as they arrive, and what they become while it is read.
type countedBody struct {
	io.ReadCloser
	budget *budget
	n      int64
	over   bool // it was too much
}

var _ oip.Holder = (*countedBody)(nil)

// Hold implements oip.Holder.
func (c *countedBody) Hold(n int64) (func(), error) {
	if n > c.budget.limit {
		return nil, &oip.Error{Code: oip.TooLarge, Err: errTooManyValues}
	}
	if !c.budget.take(n) {
		c.over = true
		return nil, &oip.Error{Code: oip.Unavailable, Err: errOverBudget}
	}
	c.n += n
	return func() {
		c.n -= n
		c.budget.give(n)
	}, nil
}

// errTooManyValues: one request would take more memory than all may.
var errTooManyValues = errors.New("the request is made of too many values: send fewer rows at once")

func (c *countedBody) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if !c.budget.take(int64(n)) {
		c.over = true
		return 0, &oip.Error{Code: oip.Unavailable, Err: errOverBudget}
	}
	c.n += int64(n)
	return n, err
}
