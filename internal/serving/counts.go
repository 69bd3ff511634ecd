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

// Counts is what an instance has done. The inference protocol calls it statistics.
type Counts struct {
	Last time.Time // end of the last batch; zero: none
	// Rows and Batches that have run: their ratio is the mean size of a batch.
	Rows, Batches uint64
	// Success and Fail count requests, from arrival to answer; Failures why.
	Success, Fail Total
	Failures      map[Failure]uint64
	// Queue and Compute count requests that ran: how long they waited, and how long their batch took.
	Queue, Compute Total
	// Sizes counts batches by their number of rows, and how long the model ran.
	Sizes map[int64]Total
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
		s.c.Sizes, s.c.Cuts = map[int64]Total{}, map[Cut]uint64{}
	}
	s.c.Last = time.Now()
	s.c.Batches++
	s.c.Rows += uint64(b.Rows) //nolint:gosec // never negative
	s.c.Cuts[b.Cut]++
	size := s.c.Sizes[b.Rows]
	size.add(1, b.Compute)
	s.c.Sizes[b.Rows] = size
	for _, waited := range b.Queue {
		s.c.Queue.add(1, waited)
		s.c.Compute.add(1, b.Compute)
	}
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
