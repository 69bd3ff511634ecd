package serving

import (
	"sync"
	"time"
)

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
	// Success and Fail count requests, from arrival to answer.
	Success, Fail Total
	// Queue and Compute count requests: how long they waited, and ran.
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
	for i, waited := range b.Queue {
		outcome := &s.c.Success
		if b.Failed[i] {
			outcome = &s.c.Fail
		}
		outcome.add(1, waited+b.Compute)
		s.c.Queue.add(1, waited)
		s.c.Compute.add(1, b.Compute)
	}
}

func (s *counts) read() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.c
	out.Sizes, out.Cuts = make(map[int64]Total, len(s.c.Sizes)), make(map[Cut]uint64, len(s.c.Cuts))
	for k, v := range s.c.Sizes {
		out.Sizes[k] = v
	}
	for k, v := range s.c.Cuts {
		out.Cuts[k] = v
	}
	return out
}
