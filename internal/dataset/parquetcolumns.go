package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// columnBatches is a source whose columns are read apart from each other. A batch
// is announced, then each of its columns is read, from any goroutine, once.
type columnBatches interface {
	// nextRows announces a batch of so many rows, io.EOF after the last.
	nextRows() (int, error)
	// column reads a column of the batch, as an array of the type that the source's
	// schema says, or as a dictionary of such. It holds until the column's next batch.
	column(ctx context.Context, i int) (arrow.Array, error)
	close() error
}

// columnSource is a source that can be read by column, instead of by Next.
type columnSource interface {
	columns() (columnBatches, error)
}

// parquetColumns reads the columns of a Parquet file apart. A batch lies within
// one row group, so that one dictionary holds for all of it.
type parquetColumns struct {
	name    string
	file    *file.Reader // with memory that is used again
	arrow   *pqarrow.FileReader
	most    int // rows of a batch
	readers []parquetReader

	group int
	left  int64 // rows of the group that no batch has announced
	rows  int   // of the batch
}

// parquetReader reads one column.
type parquetReader struct {
	fast *parquetColumn        // nil where the library reads the column
	slow *pqarrow.ColumnReader // nil until it does
	read int64                 // rows so far
}

// columns implements columnSource.
func (s *parquetSource) columns() (_ columnBatches, err error) {
	defer recoverInto(&err, s.name)
	properties := readerProperties(&bufferPool{})
	properties.MaxUncompressedPageSize = pageLimit(s.file.MetaData().Schema.NumColumns())
	f, err := file.NewParquetReader(s.r, file.WithReadProps(properties), file.WithMetadata(s.file.MetaData()))
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", s.name, ErrSource, err)
	}
	f.WriterVersion() // worked out once, before columns are read at the same time
	p := &parquetColumns{name: s.name, file: f, arrow: s.arrow, most: s.rows, group: -1, readers: make([]parquetReader, s.schema.NumFields())}
	for i := range p.readers {
		if field := s.arrow.Manifest.Fields[i]; field.IsLeaf() && readable(f, field.ColIndex, s.schema.Field(i).Type) {
			p.readers[i].fast = newParquetColumn(f, field.ColIndex, s.schema.Field(i).Type)
		}
	}
	return p, nil
}

func (p *parquetColumns) nextRows() (int, error) {
	for p.left <= 0 {
		if p.group++; p.group >= p.file.NumRowGroups() {
			return 0, io.EOF
		}
		p.left = p.file.MetaData().RowGroup(p.group).NumRows()
	}
	p.rows = int(min(int64(p.most), p.left))
	p.left -= int64(p.rows)
	return p.rows, nil
}

func (p *parquetColumns) column(ctx context.Context, i int) (out arrow.Array, err error) {
	defer recoverInto(&err, p.name)
	r := &p.readers[i]
	if r.fast != nil {
		out, err = r.fast.next(p.group, p.rows)
		if errors.Is(err, errOtherPage) {
			err = r.fast.close()
			r.fast = nil
		}
	}
	if r.fast == nil && err == nil {
		out, err = p.slowly(ctx, i)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", p.name, ErrSource, err)
	}
	r.read += int64(p.rows)
	return out, nil
}

// slowly reads the batch of a column by the library, from where it was read to.
func (p *parquetColumns) slowly(ctx context.Context, i int) (arrow.Array, error) {
	r := &p.readers[i]
	if r.slow == nil {
		leaves, groups := map[int]bool{}, make([]int, p.file.NumRowGroups())
		for leaf := range p.file.MetaData().Schema.NumColumns() {
			leaves[leaf] = true
		}
		for g := range groups {
			groups[g] = g
		}
		var err error
		if r.slow, err = p.arrow.GetFieldReader(ctx, i, leaves, groups); err != nil {
			return nil, err
		}
		if r.read > 0 {
			if err := r.slow.SeekToRow(r.read); err != nil {
				return nil, err
			}
		}
	}
	chunks, err := r.slow.NextBatch(int64(p.rows))
	if err != nil {
		return nil, err
	}
	if chunks.Len() != p.rows {
		return nil, fmt.Errorf("column %d has %d rows where %d are", i+1, chunks.Len(), p.rows)
	}
	if parts := chunks.Chunks(); len(parts) != 1 {
		return array.Concatenate(parts, memory.DefaultAllocator)
	}
	return chunks.Chunk(0), nil
}

func (p *parquetColumns) close() (err error) {
	defer recoverInto(&err, p.name)
	for i := range p.readers {
		if r := &p.readers[i]; r.fast != nil {
			err = errors.Join(err, r.fast.close())
		}
		if r := &p.readers[i]; r.slow != nil {
			r.slow.Release()
		}
	}
	return err
}
