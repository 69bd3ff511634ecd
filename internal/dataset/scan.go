package dataset

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
)

// scan is one pass over a source. One goroutine decodes; workers share the
// columns of each batch, so that a column is seen by one of them at a time and
// its rows in order.
type scan struct {
	src      Source
	columns  []*columnState
	rows     []*rowCheck
	pairs    *pairGuess // where Infer asks for rules between columns
	workers  int
	progress func(rows int64)

	first    int64   // row that the source starts with
	log      *rowLog // where the check will be merged
	seen     int64   // rows so far
	goodRows int64   // rows that break no expectation
	distinct *rowSet // of whole rows; nil where it is not asked for
	parts    []*scanPart
	ranks    []uint64
}

// scanPart is what one worker gathers of a batch.
type scanPart struct {
	hashes []uint64
	bad    []bool
}

// readBatch is a decoded batch.
type readBatch struct {
	record arrow.RecordBatch
	lines  lineNumbers
	err    error
}

// run reads the source to its end.
func (s *scan) run(ctx context.Context) error {
	if s.workers <= 0 {
		s.workers = min(runtime.GOMAXPROCS(0), 8)
	}
	s.workers = max(1, min(s.workers, len(s.columns)))
	for range s.workers {
		s.parts = append(s.parts, &scanPart{})
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	batches := make(chan readBatch, 1)
	var decoding sync.WaitGroup
	decoding.Go(func() { s.decode(ctx, batches) })
	defer func() {
		stop()
		for b := range batches {
			if b.record != nil {
				b.record.Release()
			}
		}
		decoding.Wait()
	}()
	for b := range batches {
		if b.err != nil {
			return b.err
		}
		s.batch(b)
		b.record.Release()
		if s.progress != nil {
			s.progress(s.seen)
		}
	}
	for _, c := range s.columns {
		c.finish()
	}
	return ctx.Err()
}

// decode reads ahead of the checks.
func (s *scan) decode(ctx context.Context, out chan<- readBatch) {
	defer close(out)
	for {
		record, err := s.src.Next(ctx)
		if errors.Is(err, io.EOF) {
			return
		}
		b := readBatch{record: record, err: err}
		if err == nil {
			b.lines = linesOf(s.src)
		}
		select {
		case out <- b:
		case <-ctx.Done():
			if record != nil {
				record.Release()
			}
			return
		}
		if err != nil {
			return
		}
	}
}

// batch looks at the columns of a batch, then at its rows.
func (s *scan) batch(b readBatch) {
	n := int(b.record.NumRows())
	s.ranks = resize(s.ranks, n)
	for i := range s.ranks {
		s.ranks[i] = rankOf(s.seen + int64(i))
	}
	for _, p := range s.parts {
		p.hashes, p.bad = resize(p.hashes, n), resize(p.bad, n)
		clear(p.hashes)
		clear(p.bad)
	}
	s.share(len(s.columns), func(part *scanPart, i int) {
		c := s.columns[i]
		c.observe(b.record.Column(c.index), s.seen, b.lines, s.ranks)
		if s.distinct != nil {
			seed := uint64(c.index) * 0x9e3779b97f4a7c15
			for row, h := range c.v.hashes {
				part.hashes[row] += mix(h ^ seed)
			}
		}
		for row, f := range c.v.flags {
			if f&cellBad != 0 {
				part.bad[row] = true
			}
		}
	})
	if s.pairs != nil {
		s.pairs.observe()
	}
	s.share(len(s.rows), func(part *scanPart, i int) { s.rows[i].run(s.columns, n, s.seen, b.lines, part.bad) })
	s.join(n)
	s.seen += int64(n)
}

// share hands n tasks to the workers.
func (s *scan) share(n int, task func(part *scanPart, i int)) {
	if n == 0 {
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for _, part := range s.parts[:min(len(s.parts), n)] {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				task(part, i)
			}
		})
	}
	wg.Wait()
}

// join adds up what the workers found of the rows.
func (s *scan) join(n int) {
	first := s.parts[0]
	for _, p := range s.parts[1:] {
		for i := range n {
			first.bad[i] = first.bad[i] || p.bad[i]
		}
		if s.distinct != nil {
			for i := range n {
				first.hashes[i] += p.hashes[i]
			}
		}
	}
	if s.log != nil {
		s.log.noteRows(first.bad, s.seen)
	}
	for _, bad := range first.bad {
		if !bad {
			s.goodRows++
		}
	}
	if s.distinct != nil {
		for _, h := range first.hashes {
			s.distinct.add(mix(h))
		}
	}
}
