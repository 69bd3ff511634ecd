package serving

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"
)

// Failure is why a request failed.
type Failure string

// Why requests fail, in the words that Triton's metrics use.
const (
	FailureRejected Failure = "REJECTED" // too many were waiting
	FailureCanceled Failure = "CANCELED" // its time was over, or its caller gone
	FailureBackend  Failure = "BACKEND"  // the model failed
	FailureOther    Failure = "OTHER"
)

// FailureOf is why a request failed with an error of an Instance.
func FailureOf(err error) Failure {
	switch {
	case errors.Is(err, ErrBusy):
		return FailureRejected
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return FailureCanceled
	case errors.Is(err, ErrModel):
		return FailureBackend
	}
	return FailureOther
}

// Total is how often something took how long in all.
type Total struct {
	Count uint64
	Time  time.Duration
}

func (t *Total) add(n int, d time.Duration) {
	t.Count += uint64(n) //nolint:gosec // counts of requests are not negative
	t.Time += d
}

// Phases is how often batches ran and how long their parts took: to put their requests
// together, to run the model, to take its answer apart.
type Phases struct {
	Count                uint64
	Input, Infer, Output time.Duration
}

func (p *Phases) add(n int, b *Batch) {
	p.Count += uint64(n) //nolint:gosec // counts of requests are not negative
	p.Input += time.Duration(n) * b.Input
	p.Infer += time.Duration(n) * (b.Compute - b.Input - b.Output)
	p.Output += time.Duration(n) * b.Output
}

// Counts is what an instance has done. The inference protocol calls it statistics.
type Counts struct {
	Last time.Time // end of the last batch; zero: none
	// Rows and Batches that have run: their ratio is the mean size of a batch.
	Rows, Batches uint64
	// Success and Fail count requests, from arrival to answer; Failures why.
	Success, Fail Total
	Failures      map[Failure]uint64
	// Queue counts requests that ran or were answered from the cache, and how long they waited.
	Queue Total
	// Compute counts requests that ran: what each part of their batches took.
	Compute Phases
	// Sizes counts batches by their number of rows.
	Sizes map[int64]Phases
	// CacheHits count requests that were answered without a run of their own, and the time to find and copy the answer;
	// CacheMisses those that were not, and the time to look for it and to keep the model's.
	CacheHits, CacheMisses Total
	// Cuts counts batches by why they were closed.
	Cuts map[Cut]uint64
}

type counts struct {
	mu sync.Mutex
	c  Counts
}

func (s *counts) add(b Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.c.Sizes == nil {
		s.c.Sizes, s.c.Cuts = map[int64]Phases{}, map[Cut]uint64{}
	}
	s.c.Last = time.Now()
	s.c.Batches++
	s.c.Rows += uint64(b.Rows) //nolint:gosec // never negative
	s.c.Cuts[b.Cut]++
	size := s.c.Sizes[b.Rows]
	size.add(1, &b)
	s.c.Sizes[b.Rows] = size
	s.c.Compute.add(len(b.Queue), &b)
	for _, waited := range b.Queue {
		s.c.Queue.add(1, waited)
	}
}

// hit counts a request that was answered from the cache, which it has waited for if the model was at it.
func (s *counts) hit(lookup, waited time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.c.CacheHits.add(1, lookup)
	s.c.Queue.add(1, waited)
}

// missed counts a request that was not.
func (s *counts) missed(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.c.CacheMisses.add(1, d)
}

// request counts a request that has been answered or refused.
func (s *counts) request(d time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.c.Success.add(1, d)
		return
	}
	s.c.Fail.add(1, d)
	if s.c.Failures == nil {
		s.c.Failures = map[Failure]uint64{}
	}
	s.c.Failures[FailureOf(err)]++
}

func (s *counts) read() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.c
	out.Sizes, out.Cuts, out.Failures = maps.Clone(s.c.Sizes), maps.Clone(s.c.Cuts), maps.Clone(s.c.Failures)
	return out
}
