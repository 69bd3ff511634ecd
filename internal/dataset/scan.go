package dataset

import (
	"context"
	"errors"
	"io"
	"runtime"
	"slices"
	"sync"
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
	order    []*columnState // that take longest last
	round    *round
	draw     lottery
	apart    int // rows of the batch before, which are not joined yet
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
	s.order, s.round = slices.Clone(s.columns), newRound()
	for _, r := range s.rows {
		for _, at := range r.distinctColumns() {
			s.columns[at].rules = append(s.columns[at].rules, r)
		}
	}
	for _, c := range s.columns {
		c.v.lean = s.pairs == nil && !c.hashesAsked()
	}
	var err error
	if src, ok := unwrapped(s.src).(columnSource); ok {
		err = s.byColumn(ctx, src)
	} else {
		err = s.byRow(ctx)
	}
	if err != nil {
		return err
	}
	for _, p := range s.parts {
		p.turn(0, s.distinct != nil)
	}
	s.join(s.apart, s.seen-int64(s.apart))
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

// batch looks at the columns of a batch and at its rows.
func (s *scan) batch(b scanBatch) error {
	s.draw.draw(s.seen, b.rows, s.bound())
	for _, p := range s.parts {
		p.turn(b.rows, s.distinct != nil)
	}
	s.round.run(s.tasks(b), s.parts)
	for _, c := range s.columns {
		if c.err != nil {
			return c.err
		}
	}
	if s.pairs != nil {
		s.pairs.observe()
	}
	s.apart = b.rows
	s.seen += int64(b.rows)
	if s.progress != nil {
		s.progress(s.seen)
	}
	return nil
}

// tasks are what there is to do for a batch.
func (s *scan) tasks(b scanBatch) []roundTask {
	tasks := make([]roundTask, 0, len(s.columns)+len(s.rows)+1)
	// Who takes longest starts first: so no worker waits long for another.
	slices.SortStableFunc(s.order, func(a, b *columnState) int { return int(a.took - b.took) })
	for _, c := range s.order {
		tasks = append(tasks, func(part *scanPart) []roundTask { return s.column(part, c, b) })
	}
	for _, r := range s.rows {
		if r.waits.Store(int32(len(r.distinctColumns()))); r.waits.Load() == 0 {
			tasks = append(tasks, s.rule(r, b))
		}
	}
	if n, first := s.apart, s.seen-int64(s.apart); n > 0 {
		tasks = append(tasks, func(*scanPart) []roundTask { s.join(n, first); return nil })
	}
	return tasks
}

// rule is the task of holding the rows against a rule.
func (s *scan) rule(r *rowCheck, b scanBatch) roundTask {
	return func(part *scanPart) []roundTask {
		r.run(s.columns, b.rows, s.seen, b.lines, part)
		return nil
	}
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

// column reads a column and looks at it. The rules that waited for it alone are next.
func (s *scan) column(part *scanPart, c *columnState, b scanBatch) (next []roundTask) {
	start := time.Now()
	if c.err = c.read(b, s.src.Name(), s.seen); c.err != nil {
		return nil // the rules on it wait for ever
	}
	c.observe(b.lines, &s.draw)
	part.mark(c, s.distinct != nil)
	for _, r := range c.rules {
		if r.waits.Add(-1) == 0 {
			next = append(next, s.rule(r, b))
		}
	}
	c.took = time.Since(start)
	return next
}
