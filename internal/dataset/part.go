package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
)

// Part is a run of rows of a table that is read on its own, such as one of the
// files that a table is written as.
type Part struct {
	// Open opens the rows. It is called again where failing rows are to be shown
	// that only the rows before make fail. Each source is closed.
	Open func() (Source, error)
	// First is how many rows come before, -1 where that is not known.
	First int64
}

// partRows is how far apart the row numbers of parts are that do not know their first row.
const partRows = 1 << 40

// CheckParts holds a table that comes in parts against a schema, several parts
// at a time. The report is that of Check on the parts one after the other; what
// is estimated may differ within its error, and the last digits of means and
// sums. All parts have the columns of the first, stored alike. Memory grows with
// CheckOptions.Workers, not with the parts.
func CheckParts(ctx context.Context, name string, parts []Part, s *Schema, opts CheckOptions) (report Report, err error) {
	if len(parts) == 0 {
		return Report{}, fmt.Errorf("validate %s: %w: it has no parts", name, ErrSource)
	}
	p := &partCheck{name: name, parts: parts, schema: s, opts: opts.withDefaults(), sizes: make([]int64, len(parts))}
	if p.opts.Workers <= 0 {
		p.opts.Workers = min(runtime.GOMAXPROCS(0), 8)
	}
	src, err := parts[0].Open()
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	if p.opts.keys, err = readForeignKeys(ctx, src.Schema(), s, p.opts); err != nil {
		return Report{}, fmt.Errorf("validate %s: %w", name, err)
	}
	p.whole = newCheck(src, s, p.opts)
	p.whole.report.Table = name
	if err := p.whole.prepare(); err != nil {
		return Report{}, err
	}
	if err := p.run(ctx); err != nil {
		return Report{}, fmt.Errorf("validate: %w", err)
	}
	if err := p.readLate(ctx); err != nil {
		return Report{}, fmt.Errorf("validate: %w", err)
	}
	p.whole.conclude()
	return p.whole.report, nil
}

// partCheck is a CheckParts at work.
type partCheck struct {
	name   string
	parts  []Part
	schema *Schema
	opts   CheckOptions
	whole  *check
	sizes  []int64 // rows of the parts that are merged

	mu   sync.Mutex
	seen int64 // rows, for progress
}

// run checks the parts and merges them in their order. A part starts only when
// no more than Workers are checked or wait for their turn.
func (p *partCheck) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	turns := make(chan struct{}, p.opts.Workers)
	done := make([]chan partResult, len(p.parts))
	for i := range done {
		done[i] = make(chan partResult, 1)
	}
	var working sync.WaitGroup
	working.Go(func() {
		for i := range p.parts {
			select {
			case turns <- struct{}{}:
			case <-ctx.Done():
				return
			}
			working.Go(func() { done[i] <- p.part(ctx, i) })
		}
	})
	defer working.Wait()
	defer stop()
	for i := range p.parts {
		var r partResult
		select {
		case r = <-done[i]:
		case <-ctx.Done():
			return ctx.Err()
		}
		if r.err != nil {
			return r.err
		}
		p.sizes[i] = r.check.rows()
		p.whole.merge(r.check, p.whole.scan.seen-r.check.scan.first)
		<-turns
	}
	return nil
}

type partResult struct {
	check *check
	err   error
}

// part checks one part.
func (p *partCheck) part(ctx context.Context, i int) (r partResult) {
	src, err := p.parts[i].Open()
	if err != nil {
		return partResult{err: err}
	}
	defer func() { r.err = errors.Join(r.err, src.Close()) }()
	if !src.Schema().Equal(p.whole.scan.src.Schema()) {
		return partResult{err: fmt.Errorf("%s: %w: its columns are not those of the parts before: %s", src.Name(), ErrSource, src.Schema())}
	}
	opts := p.opts
	opts.Workers = max(1, p.opts.Workers/len(p.parts))
	seen := int64(0)
	if p.opts.Progress != nil {
		opts.Progress = func(rows int64) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.seen += rows - seen
			seen = rows
			p.opts.Progress(p.seen)
		}
	}
	k := newCheck(src, p.schema, opts)
	if k.scan.first = p.parts[i].First; k.scan.first < 0 {
		k.scan.first = int64(i) * partRows
	}
	k.scan.seen, seen = k.scan.first, k.scan.first
	if err := k.prepare(); err != nil {
		return partResult{err: err}
	}
	k.logRows(max(1<<16, maxUnique/p.opts.Workers))
	return partResult{check: k, err: k.scan.run(ctx)}
}

// readLate reads the failing rows that are to be shown and that only merging
// found: a second look at the parts that hold them.
func (p *partCheck) readLate(ctx context.Context) error {
	wanted := p.whole.unread()
	if len(wanted) == 0 {
		return nil
	}
	from := int64(0)
	for i, n := range p.sizes {
		late := map[int64][]func(columns []*columnState, line int){}
		for row, tell := range wanted {
			if row >= from && row < from+n {
				late[row-from] = tell
			}
		}
		if len(late) > 0 {
			if err := p.readRows(ctx, p.parts[i], late); err != nil {
				return err
			}
		}
		from += n
	}
	return nil
}

// readRows reads some rows of a part, numbered from 0.
func (p *partCheck) readRows(ctx context.Context, part Part, late map[int64][]func([]*columnState, int)) (err error) {
	src, err := part.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	for at := int64(0); len(late) > 0; {
		batch, err := src.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		n := batch.NumRows()
		for row, tell := range late {
			if row < at || row >= at+n {
				continue
			}
			one := batch.NewSlice(row-at, row-at+1)
			for _, c := range p.whole.scan.columns {
				c.v.read(one.Column(c.index), c.m, row)
			}
			for _, t := range tell {
				t(p.whole.scan.columns, linesOf(src).at(int(row-at)))
			}
			one.Release()
			delete(late, row)
		}
		batch.Release()
		at += n
	}
	return nil
}

// unread lists what is to be done with rows that are still to be read, by row from 0.
func (k *check) unread() map[int64][]func(columns []*columnState, line int) {
	out := map[int64][]func([]*columnState, int){}
	for _, c := range k.scan.columns {
		for _, cell := range c.cells {
			for i := range cell.sample {
				if s := &cell.sample[i]; s.unread {
					out[s.Row-1] = append(out[s.Row-1], func(_ []*columnState, line int) {
						s.Line, s.Value, s.unread = line, c.shown(c.v.text(0)), false
					})
				}
			}
		}
	}
	for _, r := range k.scan.rows {
		for i := range r.sample {
			if s := &r.sample[i]; s.unread {
				out[s.Row-1] = append(out[s.Row-1], func(columns []*columnState, line int) {
					s.Line, s.Value, s.unread = line, r.show(columns, 0), false
				})
			}
		}
		total, ok := r.test.(*dependencyTotal)
		if !ok {
			continue
		}
		for _, row := range total.conflicts() {
			if _, known := total.samples[row]; !known && len(total.samples) < 2*r.most {
				out[row] = append(out[row], func(columns []*columnState, line int) {
					total.keep(row, Sample{Row: row + 1, Line: line, Value: r.show(columns, 0)})
				})
			}
		}
	}
	return out
}

// chunkRows is how many rows a chunk of a table in memory has.
const chunkRows = 1 << 16

// chunks cuts a table in memory into runs of rows where there are too few
// columns to give every worker one; nil where it is best read as it is.
func chunks(src Source, workers int) []Part {
	t, ok := src.(*tableSource)
	if workers <= 0 {
		workers = min(runtime.GOMAXPROCS(0), 8)
	}
	if !ok || t.at > 0 || t.table.Rows() < 2*chunkRows || len(t.table.columns) >= workers {
		return nil
	}
	var parts []Part
	for from := 0; from < t.table.Rows(); from += chunkRows {
		part := t.table.Slice(from, min(t.table.Rows(), from+chunkRows))
		parts = append(parts, Part{Open: func() (Source, error) { return TableSource(part), nil }, First: int64(from)})
	}
	return parts
}
