package dataset

import (
	"archive/zip"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// npySource reads NumPy arrays of equal length side by side. The first
// dimension is the rows; what one row of an array holds becomes its columns.
type npySource struct {
	name   string
	schema *arrow.Schema
	arrays []*npyArray
	rows   int64
	at     int64
	batch  int
}

// npyArray is one array of a source.
type npyArray struct {
	header  npyHeader
	columns int64     // elements of a row
	r       io.Reader // of rows, in C order
	at      io.ReaderAt
	closer  io.Closer
	buf     []byte
}

func newNPYSource(r io.ReaderAt, size int64, name string, opts SourceOptions) (Source, error) {
	section := io.NewSectionReader(r, 0, size)
	header, err := readNPYHeader(section, name)
	if err != nil {
		return nil, err
	}
	a := &npyArray{header: header, r: bufio.NewReaderSize(section, csvBuffer), at: io.NewSectionReader(r, header.data, size-header.data)}
	s := &npySource{name: name}
	if err := s.join("", a, size-header.data); err != nil {
		return nil, err
	}
	return s.ready(opts)
}

func newNPZSource(r io.ReaderAt, size int64, name string, opts SourceOptions) (Source, error) {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, ErrSource, err)
	}
	s := &npySource{name: name}
	var names []string
	for _, f := range archive.File {
		title := strings.TrimSuffix(f.Name, ".npy")
		names = append(names, title)
		if opts.Array != "" && opts.Array != title {
			continue
		}
		if err := s.joinEntry(title, f, r, opts.Array == ""); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	if len(s.arrays) == 0 {
		return nil, fmt.Errorf("%s: %w: no such array; it holds %s", name, ErrSource, strings.Join(names, ", "))
	}
	return s.ready(opts)
}

// joinEntry adds an array of an archive. Its columns are named after it where there may be others.
func (s *npySource) joinEntry(title string, f *zip.File, r io.ReaderAt, prefix bool) error {
	open, err := f.Open()
	if err != nil {
		return fmt.Errorf("%s: %s: %w: %w", s.name, f.Name, ErrSource, err)
	}
	buffered := bufio.NewReaderSize(open, parquetBuffer)
	header, err := readNPYHeader(buffered, s.name+": "+f.Name)
	if err != nil {
		return errors.Join(err, open.Close())
	}
	a := &npyArray{header: header, r: buffered, closer: open}
	if start, err := f.DataOffset(); err == nil && f.Method == zip.Store {
		a.at = io.NewSectionReader(r, start+header.data, int64(f.UncompressedSize64)-header.data)
	}
	if !prefix {
		title = ""
	}
	return s.join(title, a, int64(f.UncompressedSize64)-header.data)
}

// join puts an array beside those there are; size is what the file holds of it.
func (s *npySource) join(title string, a *npyArray, size int64) error {
	fail := func(format string, args ...any) error {
		what := s.name
		if title != "" {
			what += ": " + title
		}
		err := fmt.Errorf("%s: %w: %s", what, ErrSource, fmt.Sprintf(format, args...))
		if a.closer != nil {
			err = errors.Join(err, a.closer.Close())
		}
		return err
	}
	shape := a.header.shape
	if len(shape) == 0 {
		return fail("it is a single value, a table needs rows")
	}
	a.columns = 1
	for _, n := range shape[1:] {
		if a.columns *= n; a.columns > maxColumns {
			return fail("a row has more than %d values", maxColumns)
		}
	}
	want := a.columns * a.header.item
	switch {
	case a.columns == 0 || want == 0:
		return fail("rows of shape %v hold nothing", shape)
	case shape[0] > size/want:
		return fail("the file is cut off: %d rows of %d bytes are announced, %d bytes are there", shape[0], want, size)
	case a.header.fortran && a.columns > 1 && a.at == nil:
		return fail("a compressed array in Fortran order can't be read in rows; save numpy.ascontiguousarray of it")
	case len(shape) > 2 && a.header.fortran:
		return fail("an array of %d dimensions in Fortran order can't be read; save numpy.ascontiguousarray of it", len(shape))
	case len(s.arrays) > 0 && shape[0] != s.rows:
		return fail("it has %d rows, the arrays before have %d; name the one to read", shape[0], s.rows)
	}
	s.rows = shape[0]
	s.arrays = append(s.arrays, a)
	var fields []arrow.Field
	if s.schema != nil {
		fields = s.schema.Fields()
	}
	for c := range a.columns {
		for _, f := range a.header.fields {
			fields = append(fields, arrow.Field{Name: columnName(title, f.name, c, a.columns), Type: f.arrowType(), Nullable: true})
		}
	}
	s.schema = arrow.NewSchema(fields, nil)
	return nil
}

// columnName names a column of an array: the array's name, the field's, and the place in the row where there are several.
func columnName(title, field string, c, columns int64) string {
	name := strings.Trim(title+"."+field, ".")
	switch {
	case columns == 1 && name == "":
		return "value"
	case columns == 1:
		return name
	case name == "":
		return fmt.Sprintf("c%d", c)
	}
	return fmt.Sprintf("%s.%d", name, c)
}

func (f npyField) arrowType() arrow.DataType {
	switch f.kind {
	case 'i':
		return arrow.PrimitiveTypes.Int64
	case 'u':
		if f.size == 8 {
			return arrow.PrimitiveTypes.Uint64
		}
		return arrow.PrimitiveTypes.Int64
	case 'f':
		return arrow.PrimitiveTypes.Float64
	case 'b':
		return arrow.FixedWidthTypes.Boolean
	case 'M':
		return arrow.FixedWidthTypes.Timestamp_us
	}
	return arrow.BinaryTypes.String
}

func (s *npySource) ready(opts SourceOptions) (Source, error) {
	names := make([]string, s.schema.NumFields())
	width := int64(1)
	for i := range names {
		names[i] = s.schema.Field(i).Name
	}
	err := checkHeader(names, func(format string, args ...any) error {
		return fmt.Errorf("%s: %w: %s", s.name, ErrSource, fmt.Sprintf(format, args...))
	})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	for _, a := range s.arrays {
		width += a.columns * a.header.item
	}
	s.batch = max(1, min(opts.rows(len(names)), int(maxBatchText/width)))
	if opts.Span != nil {
		if err := s.skip(opts.Span.First); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// skip passes over rows; only what is compressed is read for it.
func (s *npySource) skip(rows int64) error {
	for _, a := range s.arrays {
		width := a.columns * a.header.item
		switch {
		case a.header.fortran && a.columns > 1: // read by place
		case a.at != nil:
			a.r = bufio.NewReaderSize(io.NewSectionReader(a.at, rows*width, (s.rows-rows)*width), csvBuffer)
		default:
			if _, err := io.CopyN(io.Discard, a.r, rows*width); err != nil {
				return fmt.Errorf("%s: row %d: %w: %w", s.name, rows+1, ErrSource, err)
			}
		}
	}
	s.at = rows
	return nil
}

func (s *npySource) Name() string          { return s.name }
func (s *npySource) Schema() *arrow.Schema { return s.schema }

func (s *npySource) Next(ctx context.Context) (arrow.RecordBatch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rows := min(s.rows-s.at, int64(s.batch))
	if rows == 0 {
		return nil, io.EOF
	}
	columns := make([]arrow.Array, 0, s.schema.NumFields())
	defer func() { releaseAll(columns) }()
	for _, a := range s.arrays {
		for c := range a.columns {
			b, step, err := a.read(s.at, rows, s.rows, c)
			if err != nil {
				return nil, fmt.Errorf("%s: row %d: %w: %w", s.name, s.at+1, ErrSource, err)
			}
			for _, f := range a.header.fields {
				columns = append(columns, f.column(b, rows, step))
			}
		}
	}
	s.at += rows
	return array.NewRecordBatch(s.schema, columns, rows), nil
}

// read gives column c of some rows: its elements start at b and stand step bytes apart.
func (a *npyArray) read(at, rows, all, c int64) (b []byte, step int64, err error) {
	item, width := a.header.item, a.header.item*a.columns
	if a.header.fortran && a.columns > 1 {
		b = make([]byte, rows*item)
		n, err := a.at.ReadAt(b, (c*all+at)*item)
		if errors.Is(err, io.EOF) && n == len(b) {
			err = nil
		}
		return b, item, err
	}
	if c == 0 {
		if int64(len(a.buf)) < rows*width {
			a.buf = make([]byte, rows*width)
		}
		if _, err := io.ReadFull(a.r, a.buf[:rows*width]); err != nil {
			return nil, 0, err
		}
	}
	return a.buf[c*item:], width, nil
}

// column copies a field of some rows into an array.
func (f npyField) column(b []byte, rows, step int64) arrow.Array {
	at := func(row int64) []byte { return b[row*step+f.offset:] }
	fill := func(builder array.Builder, put func(b []byte)) arrow.Array {
		defer builder.Release()
		builder.Reserve(int(rows))
		for row := range rows {
			put(at(row))
		}
		return builder.NewArray()
	}
	switch f.arrowType().ID() {
	case arrow.INT64:
		out := array.NewInt64Builder(memory.DefaultAllocator)
		return fill(out, func(b []byte) { out.UnsafeAppend(f.integer(b)) })
	case arrow.UINT64:
		out := array.NewUint64Builder(memory.DefaultAllocator)
		return fill(out, func(b []byte) { out.UnsafeAppend(f.bits(b)) })
	case arrow.FLOAT64:
		out := array.NewFloat64Builder(memory.DefaultAllocator)
		return fill(out, func(b []byte) { out.UnsafeAppend(f.float(b)) })
	case arrow.BOOL:
		out := array.NewBooleanBuilder(memory.DefaultAllocator)
		return fill(out, func(b []byte) { out.UnsafeAppend(b[0] != 0) })
	case arrow.TIMESTAMP:
		out := array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"})
		return fill(out, func(b []byte) {
			if v, ok := f.micros(b); ok {
				out.Append(arrow.Timestamp(v))
			} else {
				out.AppendNull()
			}
		})
	}
	out := array.NewStringBuilder(memory.DefaultAllocator)
	return fill(out, func(b []byte) { out.Append(f.text(b)) })
}

func (s *npySource) Close() error {
	var errs []error
	for _, a := range s.arrays {
		if a.closer != nil {
			errs = append(errs, a.closer.Close())
			a.closer = nil
		}
	}
	return errors.Join(errs...)
}
