package dataset

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"
)

// Limits of ReadCSV that no option changes.
const (
	maxRowBytes   = 16 << 20
	maxFieldBytes = 1 << 20
	maxColumns    = 65536
)

// DefaultMaxBytes bounds a CSV file where CSVOptions does not: 1 GiB.
const DefaultMaxBytes = 1 << 30

// CSVOptions configure ReadCSV.
type CSVOptions struct {
	// MaxBytes bounds the file; 0 means DefaultMaxBytes.
	MaxBytes int64
	// Schema, where given, says the kinds of its columns. A column whose cells
	// are not all of that kind keeps the kind found, for Validate to report.
	Schema *Schema
}

// ErrCSV says that a file is no well-formed table.
var ErrCSV = errors.New("not a well-formed CSV table")

// ReadCSV reads a table with a header line. Fields may be quoted, lines may end
// in CRLF, a byte order mark is skipped; an empty field is null. Each column
// has the narrowest kind of integer, number, boolean and string that all its
// fields have. name stands for the file in messages; errors wrap ErrCSV and
// name file, line and what is wrong.
func ReadCSV(r io.Reader, name string, opts CSVOptions) (*Table, error) {
	if opts.MaxBytes <= 0 {
		opts.MaxBytes = DefaultMaxBytes
	}
	c := &csvReader{name: name, source: &boundedReader{r: r, max: opts.MaxBytes, row: maxRowBytes}}
	buffered := bufio.NewReader(c.source)
	if mark, err := buffered.Peek(3); err == nil && bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		if _, err := buffered.Discard(3); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	c.csv = csv.NewReader(buffered)
	c.csv.FieldsPerRecord = -1 // checked here, to say what was found and wanted
	c.csv.ReuseRecord = true

	header, err := c.header()
	if err != nil {
		return nil, err
	}
	cells := make([][]string, len(header))
	var lines []int32
	for {
		record, line, err := c.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(record) != len(header) {
			return nil, c.fail(line, "the row has %d columns, the header has %d", len(record), len(header))
		}
		for i, field := range record {
			if len(field) > maxFieldBytes {
				return nil, c.fail(line, "column %q holds %d bytes, at most %d are read", header[i], len(field), maxFieldBytes)
			}
			if !utf8.ValidString(field) {
				return nil, c.fail(line, "column %q is not UTF-8; save the file as UTF-8", header[i])
			}
			cells[i] = append(cells[i], field)
		}
		lines = append(lines, int32(min(line, math.MaxInt32)))
	}
	return build(name, header, cells, lines, opts.Schema), nil
}

type csvReader struct {
	name   string
	csv    *csv.Reader
	source *boundedReader
	line   int // of the last record read
}

func (c *csvReader) fail(line int, format string, args ...any) error {
	return fmt.Errorf("%s: line %d: %s: %w", c.name, line, fmt.Sprintf(format, args...), ErrCSV)
}

// next reads a record and says on which line it starts.
func (c *csvReader) next() ([]string, int, error) {
	c.source.mark(c.csv.InputOffset())
	record, err := c.csv.Read()
	if err == nil {
		c.line, _ = c.csv.FieldPos(0)
		return record, c.line, nil
	}
	var parse *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return nil, 0, io.EOF
	case errors.Is(err, errTooLarge):
		return nil, 0, fmt.Errorf("%s: the file is larger than %d bytes: %w", c.name, c.source.max, ErrCSV)
	case errors.Is(err, errRowTooLarge):
		return nil, 0, c.fail(c.line+1, "the row is longer than %d bytes; is a quote left open?", maxRowBytes)
	case errors.As(err, &parse):
		return nil, 0, c.fail(parse.StartLine, "%s", quoteHint(parse.Err))
	}
	return nil, 0, fmt.Errorf("%s: %w", c.name, err)
}

func quoteHint(err error) string {
	switch {
	case errors.Is(err, csv.ErrBareQuote):
		return `a quote inside an unquoted field; write "" for a quote and quote the whole field`
	case errors.Is(err, csv.ErrQuote):
		return `a quoted field is not closed properly; write "" for a quote inside it`
	}
	return err.Error()
}

// header reads the first record: names, each once.
func (c *csvReader) header() ([]string, error) {
	record, line, err := c.next()
	if errors.Is(err, io.EOF) {
		return nil, c.fail(1, "the file is empty; the first line must name the columns")
	}
	if err != nil {
		return nil, err
	}
	names := make([]string, len(record))
	for i, field := range record {
		names[i] = strings.Clone(field)
	}
	return names, checkHeader(names, func(format string, args ...any) error { return c.fail(line, format, args...) })
}

// checkHeader trims the names of columns and refuses those that no column can have.
func checkHeader(names []string, fail func(format string, args ...any) error) error {
	if len(names) > maxColumns {
		return fail("the header names %d columns, at most %d are read", len(names), maxColumns)
	}
	seen := make(map[string]int, len(names))
	for i, name := range names {
		name = strings.TrimSpace(name)
		if !utf8.ValidString(name) {
			return fail("the name of column %d is not UTF-8", i+1)
		}
		if name == "" {
			return fail("column %d has no name", i+1)
		}
		if first, twice := seen[name]; twice {
			return fail("columns %d and %d are both named %q", first, i+1, name)
		}
		seen[name] = i + 1
		names[i] = name
	}
	return nil
}

var (
	errTooLarge    = errors.New("file too large")
	errRowTooLarge = errors.New("row too large")
)

// boundedReader fails when the file or the row being read grows too large, so
// that a quote left open cannot pull a whole file into one field.
type boundedReader struct {
	r        io.Reader
	max, row int64
	read     int64
	rowLimit int64 // 0: no row is being read
}

// readAhead is what the buffers between the file and the CSV reader may hold beyond the current row.
const readAhead = 64 << 10

// mark says that a row starts at this offset.
func (b *boundedReader) mark(offset int64) {
	b.rowLimit = offset + b.row + readAhead
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.rowLimit > 0 && b.read > b.rowLimit {
		return 0, errRowTooLarge
	}
	n, err := b.r.Read(p)
	b.read += int64(n)
	if b.read > b.max {
		return 0, errTooLarge
	}
	return n, err
}
