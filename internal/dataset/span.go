package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
)

// Layout says how a table lies in its file, so that runs of its rows can be read
// on their own, each by who does not read the rows before it.
type Layout struct {
	Format Format `json:"format"`
	// Columns are those of JSON lines, which only reading all of them tells.
	Columns []Column `json:"columns,omitempty"`
	Rows    int64    `json:"rows"`
	Spans   []Span   `json:"spans"`
}

// Span is a run of rows of a table.
type Span struct {
	First int64 `json:"first"` // how many rows come before
	Rows  int64 `json:"rows"`
	// From and To bound the bytes of the rows in formats of text, and Line is the
	// line that From is on; all are 0 in formats whose rows are found by number.
	From int64 `json:"from,omitempty"`
	To   int64 `json:"to,omitempty"`
	Line int64 `json:"line,omitempty"`
}

// Cut reads size bytes of r once and cuts the table into spans of at most rows
// rows. Progress, which may be nil, hears of the bytes that have been looked at.
// A file that can't be read to its end as a table is an ErrSource or an ErrCSV.
func Cut(ctx context.Context, r io.ReaderAt, size int64, name string, rows int, progress func(bytes int64)) (Layout, error) {
	if rows < 1 {
		return Layout{}, fmt.Errorf("cut %s: spans of %d rows: want at least 1", name, rows)
	}
	c := &cutter{ctx: ctx, rows: int64(rows), progress: progress, Layout: Layout{Format: sniff(r, size, name), Spans: []Span{}}}
	var err error
	switch c.Format {
	case CSV:
		err = c.csv(r, size, name)
	case JSONLines:
		err = c.jsonLines(r, size, name)
	default:
		err = c.counted(r, size, name)
	}
	return c.Layout, err
}

// cutter is a Cut at work.
type cutter struct {
	Layout
	ctx      context.Context
	rows     int64 // of a span
	progress func(int64)
}

// row takes a row of a text format: its bytes and its line, each where what comes before it ends.
func (c *cutter) row(from, to, line int64) error {
	if c.Rows%c.rows == 0 {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if c.progress != nil {
			c.progress(from)
		}
		c.Spans = append(c.Spans, Span{First: c.Rows, From: from, Line: line})
	}
	c.Rows++
	last := &c.Spans[len(c.Spans)-1]
	last.Rows++
	last.To = to
	return nil
}

func (c *cutter) csv(r io.ReaderAt, size int64, name string) error {
	t, err := newCSVTokenizer(io.NewSectionReader(r, 0, size), name)
	if err != nil {
		return err
	}
	header, err := t.header()
	if err != nil {
		return err
	}
	for {
		from, before := t.offset(), t.line
		line, err := t.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(t.fields) != len(header) {
			return t.fail(line, "the row has %d columns, the header has %d", len(t.fields), len(header))
		}
		if err := c.row(from, t.offset(), before); err != nil {
			return err
		}
	}
}

func (c *cutter) jsonLines(r io.ReaderAt, size int64, name string) error {
	s := &jsonLines{name: name, r: r, size: size, columns: map[string]int{}}
	kinds, names, err := s.discover(c.row)
	if err != nil {
		return err
	}
	for i, n := range names {
		c.Columns = append(c.Columns, Column{Name: n, Kind: kinds[i].kind()})
	}
	return nil
}

// counted cuts a table that says how many rows it has.
func (c *cutter) counted(r io.ReaderAt, size int64, name string) error {
	src, err := NewSource(r, size, name, SourceOptions{Format: c.Format})
	if err != nil {
		return err
	}
	switch s := src.(type) {
	case *parquetSource:
		c.Rows = s.file.NumRows()
	case *npySource:
		c.Rows = s.rows
	default:
		err = fmt.Errorf("%s: %w: a table of format %s can't be cut", name, ErrSource, c.Format)
	}
	for first := int64(0); first < c.Rows; first += c.rows {
		c.Spans = append(c.Spans, Span{First: first, Rows: min(c.rows, c.Rows-first)})
	}
	return errors.Join(err, src.Close())
}

// spanned ends a source after the rows of a span.
type spanned struct {
	Source
	left int64
}

func (s *spanned) lines() lineNumbers { return linesOf(s.Source) }

// Next implements Source.
func (s *spanned) Next(ctx context.Context) (arrow.RecordBatch, error) {
	if s.left <= 0 {
		return nil, io.EOF
	}
	batch, err := s.Source.Next(ctx)
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w: it ends %d rows early: the file is not the one that was cut", s.Name(), ErrSource, s.left)
	}
	if err != nil {
		return nil, err
	}
	if n := batch.NumRows(); n > s.left {
		whole := batch
		batch = whole.NewSlice(0, s.left)
		whole.Release()
	}
	s.left -= batch.NumRows()
	return batch, nil
}
