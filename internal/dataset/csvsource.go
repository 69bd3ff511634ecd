package dataset

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// csvSource reads CSV as columns of text; the empty field is null.
type csvSource struct {
	tokens *csvTokenizer
	schema *arrow.Schema
	rows   int
	text   []textColumn
	err    error // that ends the file
	last   lineNumbers
}

func newCSVSource(r io.ReaderAt, size int64, name string, opts SourceOptions) (Source, error) {
	tokens, err := newCSVTokenizer(io.NewSectionReader(r, 0, size), name)
	if err != nil {
		return nil, err
	}
	header, err := tokens.header()
	if err != nil {
		return nil, err
	}
	if span := opts.Span; span != nil {
		tokens.jump(io.NewSectionReader(r, span.From, span.To-span.From), *span)
	}
	fields := make([]arrow.Field, len(header))
	for i, h := range header {
		fields[i] = arrow.Field{Name: h, Type: arrow.BinaryTypes.String, Nullable: true}
	}
	return &csvSource{tokens: tokens, schema: arrow.NewSchema(fields, nil), rows: opts.rows(len(header)), text: make([]textColumn, len(header))}, nil
}

func (s *csvSource) Name() string          { return s.tokens.name }
func (s *csvSource) Schema() *arrow.Schema { return s.schema }
func (s *csvSource) Close() error          { return nil }
func (s *csvSource) lines() lineNumbers    { return s.last }

// Next implements Source. Rows before a broken one are given first.
func (s *csvSource) Next(ctx context.Context) (arrow.RecordBatch, error) {
	if err := errors.Join(ctx.Err(), s.err); err != nil {
		if s.err != nil {
			return nil, s.err
		}
		return nil, err
	}
	for c := range s.text {
		s.text[c].start(s.rows)
	}
	rows, size := 0, 0
	s.last = lineNumbers{}
	for rows < s.rows && size < maxBatchText {
		line, err := s.tokens.next()
		if err == nil {
			err = s.take(line)
		}
		if err != nil {
			s.err = err
			break
		}
		s.number(rows, line)
		for _, f := range s.tokens.fields {
			size += f.to - f.from
		}
		rows++
	}
	if err := s.checkText(); err != nil {
		s.err = err
		return nil, err
	}
	if rows == 0 {
		return nil, s.err
	}
	columns := make([]arrow.Array, len(s.text))
	for c := range s.text {
		columns[c] = s.text[c].finish()
	}
	defer releaseAll(columns)
	return array.NewRecordBatch(s.schema, columns, int64(rows)), nil
}

func releaseAll(arrays []arrow.Array) {
	for _, a := range arrays {
		a.Release()
	}
}

// maxBatchText bounds the text of a batch, so that huge cells do not add up.
const maxBatchText = 16 << 20

// take adds the row at hand to the columns.
func (s *csvSource) take(line int64) error {
	t := s.tokens
	if len(t.fields) != len(s.text) {
		return t.fail(line, "the row has %d columns, the header has %d", len(t.fields), len(s.text))
	}
	for i, f := range t.fields {
		if f.to-f.from > maxFieldBytes {
			return t.fail(line, "column %q holds %d bytes, at most %d are read", s.schema.Field(i).Name, f.to-f.from, maxFieldBytes)
		}
		s.text[i].add(t.buf, f)
	}
	return nil
}

// number notes on which line a row starts; a list is only kept where rows span lines.
func (s *csvSource) number(row int, line int64) {
	if row == 0 {
		s.last.first = line
		return
	}
	if s.last.each == nil && line == s.last.first+int64(row) {
		return
	}
	if s.last.each == nil {
		for i := range row {
			s.last.each = append(s.last.each, s.last.first+int64(i))
		}
	}
	s.last.each = append(s.last.each, line)
}

// checkText refuses fields that are not UTF-8, and names the first.
func (s *csvSource) checkText() error {
	for c := range s.text {
		column := &s.text[c]
		if utf8.Valid(column.data) && column.startsAreRunes() {
			continue
		}
		for row := range len(column.offsets) - 1 {
			if !utf8.Valid(column.data[column.offsets[row]:column.offsets[row+1]]) {
				return s.tokens.fail(int64(s.last.at(row)), "column %q is not UTF-8; save the file as UTF-8", s.schema.Field(c).Name)
			}
		}
	}
	return nil
}

// textColumn gathers a column of text in Arrow's layout.
type textColumn struct {
	offsets []int32
	data    []byte
	valid   []byte // bitmap; nil while there are no nulls
	nulls   int
	before  int // bytes of the batch before, to reserve as much
}

func (c *textColumn) start(rows int) {
	c.before = max(len(c.data), 64)
	c.offsets = append(make([]int32, 0, rows+1), 0)
	c.data = make([]byte, 0, c.before+c.before/8)
	c.valid, c.nulls = nil, 0
}

// add appends a cell of the buffer; where it is empty, a null.
func (c *textColumn) add(buf []byte, f csvField) {
	if row := len(c.offsets) - 1; f.from == f.to {
		c.addNull(row)
	} else if c.valid != nil {
		c.valid[row>>3] |= 1 << (row & 7)
	}
	at := len(c.data)
	switch size := f.to - f.from; {
	case f.escaped:
		c.data = unescape(c.data, buf[f.from:f.to])
	case size <= 16 && f.from+16 <= len(buf) && at+16 <= cap(c.data): // two words are faster than a call
		in, out := buf[f.from:f.from+16], c.data[at:at+16]
		binary.LittleEndian.PutUint64(out, binary.LittleEndian.Uint64(in))
		binary.LittleEndian.PutUint64(out[8:], binary.LittleEndian.Uint64(in[8:]))
		c.data = c.data[:at+size]
	default:
		c.data = append(c.data, buf[f.from:f.to]...)
	}
	c.offsets = append(c.offsets, int32(min(len(c.data), math.MaxInt32)))
}

// addNull notes that row is null.
func (c *textColumn) addNull(row int) {
	if c.valid == nil {
		c.valid = make([]byte, (cap(c.offsets)+7)/8)
		for i := range row {
			c.valid[i>>3] |= 1 << (i & 7)
		}
	}
	c.nulls++
}

func (c *textColumn) startsAreRunes() bool {
	for _, o := range c.offsets[:len(c.offsets)-1] {
		if int(o) < len(c.data) && !utf8.RuneStart(c.data[o]) {
			return false
		}
	}
	return true
}

func (c *textColumn) finish() arrow.Array {
	rows := len(c.offsets) - 1
	buffers := []*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(c.offsets)), memory.NewBufferBytes(c.data)}
	if c.valid != nil {
		buffers[0] = memory.NewBufferBytes(c.valid)
	}
	data := array.NewData(arrow.BinaryTypes.String, rows, buffers, nil, c.nulls, 0)
	defer data.Release()
	return array.NewStringData(data)
}
