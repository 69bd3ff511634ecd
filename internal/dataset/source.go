package dataset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// Format is how a file holds a table.
type Format string

// Formats of tables.
const (
	CSV       Format = "csv" // RFC 4180 with a header; the separator may be a semicolon or a tab
	Parquet   Format = "parquet"
	NPY       Format = "npy"
	NPZ       Format = "npz"
	JSONLines Format = "jsonl" // one object a line
)

// ErrSource says that a file can't be read as a table.
var ErrSource = errors.New("not a readable table")

// Source is a table that is read once, from front to back, in batches of bounded size.
//
// The columns of text formats that say nothing of types (CSV) are strings; what
// their values mean is for the schema, or for Infer, to say.
type Source interface {
	// Name is what the source is called in messages and reports.
	Name() string
	// Schema is the columns as they are stored.
	Schema() *arrow.Schema
	// Next returns the next rows, io.EOF after the last. The caller releases the
	// batch. Errors wrap ErrSource (ErrCSV for CSV) where the file is at fault and name the place.
	Next(ctx context.Context) (arrow.RecordBatch, error)
	// Close frees what the source holds. It is safe to close a source twice.
	Close() error
}

// SourceOptions configure a Source.
type SourceOptions struct {
	// Format is told from the name and the first bytes where it is empty.
	Format Format
	// BatchRows bounds the rows of a batch; 0 means 16384, fewer for wide tables.
	BatchRows int
	// Layout, where given, is what Cut found out, and Span the rows of it to read.
	Layout *Layout
	Span   *Span
	// Array names the array of an NPZ archive that holds several; empty means all that fit together.
	Array string
}

// batchCells bounds the cells of a batch where BatchRows does not.
const batchCells = 16384 * 24

func (o SourceOptions) rows(columns int) int {
	if o.BatchRows > 0 {
		return o.BatchRows
	}
	return max(256, min(16384, batchCells/max(columns, 1)))
}

// OpenSource opens a file as a table.
func OpenSource(path string, opts SourceOptions) (Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open table: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: it is no regular file", ErrSource)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open table %s: %w", path, err), f.Close())
	}
	src, err := NewSource(f, info.Size(), filepath.Base(path), opts)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &closing{Source: src, file: f}, nil
}

// NewSource reads size bytes of r as a table; name is its file name, for
// messages and for telling the format. The caller closes r after the source.
func NewSource(r io.ReaderAt, size int64, name string, opts SourceOptions) (Source, error) {
	if opts.Layout != nil {
		opts.Format = opts.Layout.Format
	}
	if opts.Format == "" {
		opts.Format = sniff(r, size, name)
	}
	src, err := newSource(r, size, name, opts)
	if err != nil || opts.Span == nil {
		return src, err
	}
	return &spanned{Source: src, left: opts.Span.Rows}, nil
}

// newSource reads from the first row of the span on, where there is one.
func newSource(r io.ReaderAt, size int64, name string, opts SourceOptions) (Source, error) {
	switch opts.Format {
	case CSV:
		return newCSVSource(r, size, name, opts)
	case Parquet:
		return newParquetSource(r, size, name, opts)
	case NPY:
		return newNPYSource(r, size, name, opts)
	case NPZ:
		return newNPZSource(r, size, name, opts)
	case JSONLines:
		return newJSONLines(r, size, name, opts)
	}
	return nil, fmt.Errorf("%s: %w: the format is %q, known are csv, parquet, npy, npz and jsonl", name, ErrSource, opts.Format)
}

// sniff tells the format from the first bytes, then from the name.
func sniff(r io.ReaderAt, size int64, name string) Format {
	head := make([]byte, min(size, 8))
	if _, err := r.ReadAt(head, 0); err == nil || errors.Is(err, io.EOF) {
		switch {
		case bytes.HasPrefix(head, []byte("PAR1")):
			return Parquet
		case bytes.HasPrefix(head, []byte(npyMagic)):
			return NPY
		case bytes.HasPrefix(head, []byte("PK\x03\x04")):
			return NPZ
		}
	}
	switch strings.ToLower(filepath.Ext(name)) {
	case ".parquet", ".pq":
		return Parquet
	case ".npy":
		return NPY
	case ".npz":
		return NPZ
	case ".jsonl", ".ndjson", ".jsonlines":
		return JSONLines
	}
	return CSV
}

// closing closes the file behind a source.
type closing struct {
	Source
	file *os.File
}

func (c *closing) Close() error {
	err := c.Source.Close()
	if c.file != nil {
		err = errors.Join(err, c.file.Close())
		c.file = nil
	}
	return err
}

// Unwrap implements Wrapped.
func (c *closing) Unwrap() Source { return c.Source }

// liner is a source that knows the lines on which the rows of its last batch start.
type liner interface{ lines() lineNumbers }

// lineNumbers says on which line of the file each row of a batch starts.
type lineNumbers struct {
	first int64   // of row 0; 0: the file has no lines
	each  []int64 // where rows span lines
}

func (l lineNumbers) at(row int) int {
	switch {
	case l.each != nil:
		return int(l.each[row])
	case l.first > 0:
		return int(l.first) + row
	}
	return 0
}

// linesOf finds the lines of the batch that src has just given.
func linesOf(src Source) lineNumbers {
	if l, ok := unwrapped(src).(liner); ok {
		return l.lines()
	}
	return lineNumbers{}
}

// Wrapped is a source that adds something to another, such as what is closed with it.
type Wrapped interface {
	Source
	// Unwrap is the other source, with the same rows and columns.
	Unwrap() Source
}

// unwrapped is what is behind all wrappings.
func unwrapped(src Source) Source {
	for {
		w, ok := src.(Wrapped)
		if !ok {
			return src
		}
		src = w.Unwrap()
	}
}

// TableSource reads a table that is in memory; its rows keep the lines of the file.
func TableSource(t *Table) Source { return &tableSource{table: t} }

type tableSource struct {
	table *Table
	at    int
	last  lineNumbers
}

func (s *tableSource) Name() string          { return s.table.name }
func (s *tableSource) Schema() *arrow.Schema { return s.table.record.Schema() }
func (s *tableSource) Close() error          { return nil }
func (s *tableSource) lines() lineNumbers    { return s.last }

func (s *tableSource) Next(ctx context.Context) (arrow.RecordBatch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.at >= s.table.Rows() {
		return nil, io.EOF
	}
	to := min(s.table.Rows(), s.at+SourceOptions{}.rows(len(s.table.columns)))
	s.last.each = make([]int64, 0, to-s.at)
	for _, line := range s.table.lines[s.at:to] {
		s.last.each = append(s.last.each, int64(line))
	}
	out := s.table.record.NewSlice(int64(s.at), int64(to))
	s.at = to
	return out, nil
}
