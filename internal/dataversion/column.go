package dataversion

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/dataset"
)

// ErrColumns tells that columns can't be picked from a file.
var ErrColumns = errors.New("columns can't be picked")

// copyColumns writes some columns of a table to w, masked if asked for, as a table of the same format.
func (l *Library) copyColumns(ctx context.Context, d catalog.DataVersion, e artifacts.Entry, what Selection, w io.Writer) (err error) {
	src, err := l.OpenTable(ctx, d, e, dataset.SourceOptions{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	columns := what.Columns
	if _, _, err := project(src.Schema(), columns); err != nil {
		return err
	}
	switch h, ok := src.(*held); {
	case what.Mask != nil:
		src = what.Mask.Source(src)
	case ok && len(columns) > 0:
		if err := dataset.PickColumns(h.Source, columns); err != nil {
			return err
		}
	}
	if len(columns) == 0 {
		for _, f := range src.Schema().Fields() {
			columns = append(columns, f.Name)
		}
	}
	picked, schema, err := project(src.Schema(), columns)
	if err != nil {
		return err
	}
	var out batchWriter
	switch ext := strings.ToLower(path.Ext(e.Path)); ext {
	case ".csv", ".tsv":
		out, err = newCSVWriter(w, columns, ext == ".tsv")
	case ".parquet", ".pq":
		out, err = newParquetWriter(w, schema)
	default:
		err = fmt.Errorf("%w: it is neither CSV nor Parquet by its name", ErrColumns)
	}
	if err != nil {
		return err
	}
	for {
		batch, err := src.Next(ctx)
		if errors.Is(err, io.EOF) {
			return out.close()
		}
		if err != nil {
			return err
		}
		err = writeColumns(out, batch, picked, schema)
		batch.Release()
		if err != nil {
			return err
		}
	}
}

// project finds columns by name.
func project(schema *arrow.Schema, columns []string) ([]int, *arrow.Schema, error) {
	picked := make([]int, len(columns))
	fields := make([]arrow.Field, len(columns))
	for i, name := range columns {
		at := schema.FieldIndices(name)
		if len(at) != 1 {
			known := make([]string, 0, schema.NumFields())
			for _, f := range schema.Fields() {
				known = append(known, f.Name)
			}
			const most = 20
			if len(known) > most {
				known = append(known[:most], "…")
			}
			return nil, nil, fmt.Errorf("%w: there is no column %q; there are %s", ErrColumns, name, strings.Join(known, ", "))
		}
		picked[i], fields[i] = at[0], schema.Field(at[0])
	}
	metadata := schema.Metadata()
	return picked, arrow.NewSchema(fields, &metadata), nil
}

func writeColumns(out batchWriter, batch arrow.RecordBatch, picked []int, schema *arrow.Schema) error {
	columns := make([]arrow.Array, len(picked))
	for i, c := range picked {
		columns[i] = batch.Column(c)
	}
	part := array.NewRecordBatch(schema, columns, batch.NumRows())
	defer part.Release()
	return out.write(part)
}

// batchWriter writes a table batch by batch.
type batchWriter interface {
	write(arrow.RecordBatch) error
	close() error
}

// csvWriter writes RFC 4180 with the header first; null is the empty field, in quotes
// where it is alone: readers skip a line with nothing on it.
type csvWriter struct {
	w      *csv.Writer
	buffer *bufio.Writer // of w too
	record []string
}

func newCSVWriter(w io.Writer, header []string, tabs bool) (*csvWriter, error) {
	buffer := bufio.NewWriter(w)
	out := &csvWriter{w: csv.NewWriter(buffer), buffer: buffer, record: make([]string, len(header))}
	if tabs {
		out.w.Comma = '\t'
	}
	return out, out.w.Write(header)
}

func (c *csvWriter) write(batch arrow.RecordBatch) error {
	for row := range int(batch.NumRows()) {
		for i := range c.record {
			c.record[i] = ""
			if column := batch.Column(i); column.IsValid(row) {
				c.record[i] = column.ValueStr(row)
			}
		}
		if err := c.writeRow(); err != nil {
			return err
		}
	}
	return nil
}

func (c *csvWriter) writeRow() error {
	if len(c.record) == 1 && c.record[0] == "" {
		_, err := c.buffer.WriteString("\"\"\n")
		return err
	}
	return c.w.Write(c.record)
}

func (c *csvWriter) close() error {
	c.w.Flush()
	return c.w.Error()
}

// parquetWriter writes Parquet with Zstandard.
type parquetWriter struct{ w *pqarrow.FileWriter }

func newParquetWriter(w io.Writer, schema *arrow.Schema) (*parquetWriter, error) {
	fw, err := pqarrow.NewFileWriter(schema, onlyWriter{w}, parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd)),
		pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		return nil, fmt.Errorf("write Parquet: %w", err)
	}
	return &parquetWriter{fw}, nil
}

func (p *parquetWriter) write(batch arrow.RecordBatch) error { return p.w.WriteBuffered(batch) }
func (p *parquetWriter) close() error                        { return p.w.Close() }

// onlyWriter keeps the Parquet writer from closing the file, which is synced first.
type onlyWriter struct{ io.Writer }
