package dataset

import (
	"context"
	"errors"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// scan is one pass over a source. Workers share the columns of each batch, so
// that a column is seen by one of them at a time and its rows in order. Where the
// source gives its columns apart, a worker reads the column that it looks at;
// otherwise one more goroutine reads ahead.
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
	order    []*columnState // that take longest first
	draw     lottery
}

// scanPart is what one worker gathers of a batch.
type scanPart struct {
	hashes []uint64
	bad    []bool
	broken bool // some row is bad
}

// scanBatch is a batch at hand.
type scanBatch struct {
	rows   int
	lines  lineNumbers
	column func(i int) (arrow.Array, error)
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
	s.order = slices.Clone(s.columns)
	var err error
	if src, ok := unwrapped(s.src).(columnSource); ok {
		err = s.byColumn(ctx, src)
	} else {
		err = s.byRow(ctx)
	}
	if err != nil {
		return err
	}
	for _, c := range s.columns {
		c.finish()
	}
	return ctx.Err()
}

// byColumn has the workers read the columns that they look at.
func (s *scan) byColumn(ctx context.Context, src columnSource) (err error) {
	batches, err := src.columns()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, batches.close()) }()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := batches.nextRows()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = s.batch(scanBatch{rows: n, column: func(i int) (arrow.Array, error) { return batches.column(ctx, i) }})
		}
		if err != nil {
			return err
		}
	}
}

// readBatch is a decoded batch.
type readBatch struct {
	record arrow.RecordBatch
	lines  lineNumbers
	err    error
}

// byRow looks at batches of whole rows.
func (s *scan) byRow(ctx context.Context) error {
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
		err := s.batch(scanBatch{rows: int(b.record.NumRows()), lines: b.lines, column: func(i int) (arrow.Array, error) { return b.record.Column(i), nil }})
		b.record.Release()
		if err != nil {
			return err
		}
	}
	return nil
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
func (s *scan) batch(b scanBatch) error {
	n := b.rows
	s.draw.draw(s.seen, n, s.bound())
	for _, p := range s.parts {
		p.broken = false
		p.bad = resize(p.bad, n)
		clear(p.bad)
		if s.distinct != nil {
			p.hashes = resize(p.hashes, n)
			clear(p.hashes)
		}
	}
	// Who takes longest starts first: so no worker waits long for another.
	slices.SortStableFunc(s.order, func(a, b *columnState) int { return int(b.took - a.took) })
	s.share(len(s.order), func(part *scanPart, i int) { s.column(part, s.order[i], b) })
	for _, c := range s.columns {
		if c.err != nil {
			return c.err
		}
	}
	if s.pairs != nil {
		s.pairs.observe()
	}
	s.share(len(s.rows), func(part *scanPart, i int) { s.rows[i].run(s.columns, n, s.seen, b.lines, part) })
	s.join(n)
	s.seen += int64(n)
	if s.progress != nil {
		s.progress(s.seen)
	}
	return nil
}

// bound is the greatest rank of a row that still gets into a sample.
func (s *scan) bound() (bound uint64) {
	for _, c := range s.columns {
		if !c.m.kind.textual() {
			bound = max(bound, c.sample.bound)
		}
	}
	return bound
}

// column reads a column and looks at it.
func (s *scan) column(part *scanPart, c *columnState, b scanBatch) {
	start := time.Now()
	if c.err = c.read(b, s.src.Name(), s.seen); c.err != nil {
		return
	}
	c.observe(b.lines, &s.draw)
	if s.distinct != nil {
		// Hashes are scrambled: a sum of them, each times an odd number of its own, is
		// as good as another hash of them all (multilinear hashing, Lemire and Kaser, 2014).
		odd := mix(uint64(c.index)+1) | 1
		sums := part.hashes[:len(c.v.hashes)]
		for row, h := range c.v.hashes {
			sums[row] += h * odd
		}
	}
	if c.v.bad > 0 {
		part.broken = true
		for row, f := range c.v.flags {
			if f&cellBad != 0 {
				part.bad[row] = true
			}
		}
	}
	c.took = time.Since(start)
}

// share hands n tasks to the workers.
func (s *scan) share(n int, task func(part *scanPart, i int)) {
	if n == 0 {
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	work := func(part *scanPart) {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			task(part, i)
		}
	}
	for _, part := range s.parts[1:min(len(s.parts), n)] {
		wg.Go(func() { work(part) })
	}
	work(s.parts[0])
	wg.Wait()
}

// join adds up what the workers found of the rows.
func (s *scan) join(n int) {
	first := s.parts[0]
	for _, p := range s.parts[1:] {
		if p.broken {
			first.broken = true
			for i, bad := range p.bad {
				first.bad[i] = first.bad[i] || bad
			}
		}
		if s.distinct != nil {
			for i, h := range p.hashes {
				first.hashes[i] += h
			}
		}
	}
	if s.log != nil {
		s.log.noteRows(first.bad, s.seen)
	}
	s.goodRows += int64(n)
	if first.broken {
		for _, bad := range first.bad {
			if bad {
				s.goodRows--
			}
		}
	}
	if s.distinct != nil {
		s.distinct.addAll(first.hashes)
	}
}
