package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// parquetSource reads Parquet page by page.
type parquetSource struct {
	name   string
	r      parquet.ReaderAtSeeker
	rows   int   // of a batch
	first  int64 // row to begin with
	file   *file.Reader
	arrow  *pqarrow.FileReader
	reader pqarrow.RecordReader // of Next; nil before the first
	schema *arrow.Schema
}

// parquetBuffer is how much of each column is read at once.
const parquetBuffer = 64 << 10

func newParquetSource(r io.ReaderAt, size int64, name string, opts SourceOptions) (src Source, err error) {
	defer recoverInto(&err, name)
	if err := checkFooter(r, size); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, ErrSource, err)
	}
	section := io.NewSectionReader(r, 0, size)
	properties := readerProperties(memory.DefaultAllocator)
	f, err := file.NewParquetReader(section, file.WithReadProps(properties))
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, ErrSource, err)
	}
	forgetArrowSchema(f)
	columns := f.MetaData().Schema.NumColumns()
	if columns > maxColumns {
		return nil, fmt.Errorf("%s: %w: it has %d columns, at most %d are read", name, ErrSource, columns, maxColumns)
	}
	properties.MaxUncompressedPageSize = pageLimit(columns)
	s := &parquetSource{name: name, r: section, rows: opts.rows(columns), file: f}
	if opts.Span != nil {
		s.first = opts.Span.First
	}
	s.arrow, err = pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{BatchSize: int64(s.rows)}, memory.DefaultAllocator)
	if err == nil {
		s.schema, err = s.arrow.Schema()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, ErrSource, err)
	}
	names := make([]string, s.schema.NumFields())
	for i := range names {
		names[i] = s.schema.Field(i).Name
	}
	err = checkHeader(names, func(format string, args ...any) error {
		return fmt.Errorf("%s: %w: %s", name, ErrSource, fmt.Sprintf(format, args...))
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func readerProperties(mem memory.Allocator) *parquet.ReaderProperties {
	properties := parquet.NewReaderProperties(mem)
	properties.BufferedStreamEnabled = true
	properties.BufferSize = parquetBuffer
	return properties
}

func (s *parquetSource) Name() string          { return s.name }
func (s *parquetSource) Schema() *arrow.Schema { return s.schema }

func (s *parquetSource) Next(ctx context.Context) (batch arrow.RecordBatch, err error) {
	defer recoverInto(&err, s.name)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.reader == nil {
		if s.reader, err = s.begin(s.arrow, nil); err != nil {
			return nil, err
		}
	}
	batch, err = s.reader.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	case err != nil:
		return nil, fmt.Errorf("%s: %w: %w", s.name, ErrSource, err)
	}
	batch.Retain() // the reader lets go of it at the next read
	return batch, nil
}

// begin reads some leaves, or all, from the first row on.
func (s *parquetSource) begin(from *pqarrow.FileReader, leaves []int) (pqarrow.RecordReader, error) {
	reader, err := from.GetRecordReader(context.Background(), leaves, nil)
	if err == nil && s.first > 0 {
		err = reader.SeekToRow(s.first)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", s.name, ErrSource, err)
	}
	return reader, nil
}

func (s *parquetSource) Close() (err error) {
	defer recoverInto(&err, s.name)
	if s.reader != nil {
		s.reader.Release()
		s.reader = nil
	}
	return s.file.Close()
}

// recoverInto turns a panic of the Parquet library, which a damaged file can cause, into an error.
func recoverInto(err *error, name string) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%s: %w: the file is damaged: %v", name, ErrSource, p)
	}
}
