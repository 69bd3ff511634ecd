package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
)

// DefaultTableBytes bounds a table in memory where TableOptions does not: 1 GiB.
const DefaultTableBytes = 1 << 30

// ErrTooLarge says that a table has more rows than may be held in memory.
var ErrTooLarge = errors.New("the table is too large to be held in memory")

// TableOptions configure ReadTable.
type TableOptions struct {
	// Schema, where given, says what the columns mean. Text that it says nothing
	// of has the narrowest kind of integer, number, boolean and string that all its fields have.
	Schema *Schema
	// MaxBytes bounds the values in memory: 8 bytes for a number, 1 for a
	// boolean, 16 and its bytes for text. 0 means DefaultTableBytes.
	MaxBytes int64
	// First ends the reading after so many rows; 0 reads all.
	First int
	// Sample keeps a uniform random sample of at most so many rows, at least half
	// as many where the source has them, and the same one for the same rows. 0 keeps all.
	Sample int
	// Progress, where given, is told how many rows are read, after each batch.
	Progress func(rows int64)
}

// ReadTable reads a source into memory. A cell that is not of the type that the
// schema gives its column is an error, which names the place and not the value.
// More than MaxBytes is an ErrTooLarge. The caller closes the source.
func ReadTable(ctx context.Context, src Source, opts TableOptions) (*Table, error) {
	if opts.MaxBytes <= 0 {
		opts.MaxBytes = DefaultTableBytes
	}
	r := &tableReader{src: src, opts: opts, bound: math.MaxUint64}
	for _, f := range src.Schema().Fields() {
		r.columns = append(r.columns, newTableColumn(f, opts.Schema))
	}
	for !r.full() {
		batch, err := src.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		err = r.take(batch)
		batch.Release()
		if err != nil {
			return nil, err
		}
	}
	return r.table(), nil
}

// tableReader is a ReadTable at work.
type tableReader struct {
	src     Source
	opts    TableOptions
	columns []*tableColumn
	lines   []int32 // of the rows that are kept
	ranks   []uint64
	seen    int64
	bound   uint64 // rows of a rank above it are not kept
}

func (r *tableReader) full() bool { return r.opts.First > 0 && len(r.lines) >= r.opts.First }

func (r *tableReader) take(batch arrow.RecordBatch) error {
	lines := linesOf(r.src)
	rows := int(batch.NumRows())
	for c, column := range r.columns {
		column.v.read(batch.Column(c), column.m, r.seen)
	}
	for i := range rows {
		if r.full() {
			break
		}
		rank := mix(uint64(r.seen) + uint64(i) + 1)
		if rank > r.bound {
			continue
		}
		line := lines.at(i)
		if line == 0 { // a file without lines: rows have numbers
			line = int(r.seen) + i + 1
		}
		for _, column := range r.columns {
			if err := column.keep(i); err != nil {
				return fmt.Errorf("%s: line %d: column %s: %w", r.src.Name(), line, column.name, err)
			}
		}
		r.lines = append(r.lines, int32(min(line, math.MaxInt32)))
		r.ranks = append(r.ranks, rank)
		if r.opts.Sample > 0 && len(r.lines) > r.opts.Sample {
			r.thin()
		}
	}
	r.seen += int64(rows)
	if r.opts.Progress != nil {
		r.opts.Progress(r.seen)
	}
	size := int64(0)
	for _, column := range r.columns {
		size += column.bytes
	}
	if size > r.opts.MaxBytes {
		return fmt.Errorf("%s: %d rows and more are over %d bytes: %w", r.src.Name(), r.seen, r.opts.MaxBytes, ErrTooLarge)
	}
	return nil
}

// thin halves the share of the rows that are kept.
func (r *tableReader) thin() {
	r.bound /= 2
	kept := r.lines[:0]
	keep := make([]bool, len(r.lines))
	for i, rank := range r.ranks {
		if keep[i] = rank <= r.bound; keep[i] {
			r.ranks[len(kept)] = rank
			kept = append(kept, r.lines[i])
		}
	}
	r.lines, r.ranks = kept, r.ranks[:len(kept)]
	for _, column := range r.columns {
		column.thin(keep)
	}
}

func (r *tableReader) table() *Table {
	columns := make([]Column, len(r.columns))
	arrays := make([]arrow.Array, len(r.columns))
	for i, c := range r.columns {
		columns[i].Name = c.name
		columns[i].Kind, arrays[i] = c.array()
	}
	return newTable(r.src.Name(), columns, arrays, r.lines)
}
