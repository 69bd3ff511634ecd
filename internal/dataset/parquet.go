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
	file   *file.Reader
	reader pqarrow.RecordReader
	schema *arrow.Schema
}

// parquetBuffer is how much of each column is read at once.
const parquetBuffer = 64 << 10

func newParquetSource(r io.ReaderAt, size int64, name string, opts SourceOptions) (src Source, err error) {
	defer recoverInto(&err, name)
	properties := parquet.NewReaderProperties(memory.DefaultAllocator)
	properties.BufferedStreamEnabled = true
	properties.BufferSize = parquetBuffer
	f, err := file.NewParquetReader(io.NewSectionReader(r, 0, size), file.WithReadProps(properties))
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, ErrSource, err)
	}
	columns := f.MetaData().Schema.NumColumns()
	if columns > maxColumns {
		return nil, fmt.Errorf("%s: %w: it has %d columns, at most %d are read", name, ErrSource, columns, maxColumns)
	}
	fr, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{BatchSize: int64(opts.rows(columns))}, memory.DefaultAllocator)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, ErrSource, err)
	}
	reader, err := fr.GetRecordReader(context.Background(), nil, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, ErrSource, err)
	}
	names := make([]string, reader.Schema().NumFields())
	for i := range names {
		names[i] = reader.Schema().Field(i).Name
	}
	err = checkHeader(names, func(format string, args ...any) error {
		return fmt.Errorf("%s: %w: %s", name, ErrSource, fmt.Sprintf(format, args...))
	})
	if err != nil {
		return nil, err
	}
	return &parquetSource{name: name, file: f, reader: reader, schema: reader.Schema()}, nil
}

func (s *parquetSource) Name() string          { return s.name }
func (s *parquetSource) Schema() *arrow.Schema { return s.schema }

func (s *parquetSource) Next(ctx context.Context) (batch arrow.RecordBatch, err error) {
	defer recoverInto(&err, s.name)
	if err := ctx.Err(); err != nil {
		return nil, err
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

func (s *parquetSource) Close() (err error) {
	defer recoverInto(&err, s.name)
	if s.reader == nil {
		return nil
	}
	s.reader.Release()
	s.reader = nil
	return s.file.Close()
}

// recoverInto turns a panic of the Parquet library, which a damaged file can cause, into an error.
func recoverInto(err *error, name string) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%s: %w: the file is damaged: %v", name, ErrSource, p)
	}
}
