package dataset

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// maxNesting bounds how deep JSON values may nest.
const maxNesting = 64

// jsonLines reads one JSON object a line. The columns are all names in the
// order in which they first come, found in a pass of their own; a name that a
// line leaves out is null. Arrays and objects become their JSON text.
type jsonLines struct {
	name    string
	r       io.ReaderAt
	size    int64
	lineAt  *lineReader
	schema  *arrow.Schema
	columns map[string]int
	rows    int
	last    lineNumbers
}

// jsonKind is what the values of a name are so far.
type jsonKind byte

const (
	jsonNull jsonKind = iota
	jsonBoolean
	jsonInteger
	jsonNumber
	jsonString // or a mixture
)

func newJSONLines(r io.ReaderAt, size int64, name string, opts SourceOptions) (Source, error) {
	s := &jsonLines{name: name, r: r, size: size, columns: map[string]int{}}
	kinds, names, err := s.known(opts.Layout)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, s.fail(1, errors.New("no line names a column"))
	}
	fields := make([]arrow.Field, len(names))
	for i, n := range names {
		fields[i] = arrow.Field{Name: n, Type: map[jsonKind]arrow.DataType{
			jsonNull: arrow.BinaryTypes.String, jsonBoolean: arrow.FixedWidthTypes.Boolean, jsonInteger: arrow.PrimitiveTypes.Int64,
			jsonNumber: arrow.PrimitiveTypes.Float64, jsonString: arrow.BinaryTypes.String,
		}[kinds[i]], Nullable: true}
	}
	s.schema = arrow.NewSchema(fields, nil)
	s.rows = opts.rows(len(names))
	s.lineAt = newLineReader(r, size)
	if span := opts.Span; span != nil {
		s.lineAt = newLineReader(io.NewSectionReader(r, span.From, span.To-span.From), span.To-span.From)
		s.lineAt.line = span.Line - 1
	}
	return s, nil
}

// known are the names and their kinds: of a layout, else found in a pass of its own.
func (s *jsonLines) known(l *Layout) (kinds []jsonKind, names []string, err error) {
	if l == nil {
		return s.discover(nil)
	}
	for i, c := range l.Columns {
		s.columns[c.Name] = i
		names, kinds = append(names, c.Name), append(kinds, jsonKindOf(c.Kind))
	}
	return kinds, names, nil
}

// kind is what a column of such values is.
func (k jsonKind) kind() Kind {
	switch k {
	case jsonBoolean:
		return Boolean
	case jsonInteger:
		return Integer
	case jsonNumber:
		return Number
	}
	return String
}

func jsonKindOf(k Kind) jsonKind {
	switch k {
	case Boolean:
		return jsonBoolean
	case Integer:
		return jsonInteger
	case Number:
		return jsonNumber
	}
	return jsonString
}

func (s *jsonLines) fail(line int64, err error) error {
	return fmt.Errorf("%s: line %d: %w: %w", s.name, line, ErrSource, err)
}

// discover finds the names and what their values are. Row, which may be nil, hears
// where each row is: from where the one before it ends.
func (s *jsonLines) discover(row func(from, to, line int64) error) (kinds []jsonKind, names []string, err error) {
	lines := newLineReader(s.r, s.size)
	for {
		from, before := lines.at, lines.line+1
		text, line, err := lines.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, s.fail(line, err)
		}
		err = eachMember(text, func(key string, value []byte) error {
			i, known := s.columns[key]
			if !known {
				if len(names) == maxColumns {
					return fmt.Errorf("more than %d names", maxColumns)
				}
				i = len(names)
				s.columns[key] = i
				names, kinds = append(names, key), append(kinds, jsonNull)
			}
			kinds[i] = widen(kinds[i], value)
			return nil
		})
		if err != nil {
			return nil, nil, s.fail(line, err)
		}
		if row != nil {
			if err := row(from, lines.at, before); err != nil {
				return nil, nil, err
			}
		}
	}
	trimmed := append([]string(nil), names...)
	return kinds, names, checkHeader(trimmed, func(format string, args ...any) error { return s.fail(1, fmt.Errorf(format, args...)) })
}

// widen is the kind of a column that holds one value more.
func widen(k jsonKind, value []byte) jsonKind {
	is := jsonString
	switch value[0] {
	case 'n':
		return k
	case 't', 'f':
		is = jsonBoolean
	case '"', '{', '[':
	default:
		is = jsonNumber
		if _, ok := parseInteger(string(value)); ok {
			is = jsonInteger
		} else if _, ok := parseNumber(string(value)); !ok {
			is = jsonString // beyond float64
		}
	}
	switch {
	case k == jsonNull || k == is:
		return is
	case k >= jsonInteger && is >= jsonInteger:
		return max(k, is)
	}
	return jsonString
}

func (s *jsonLines) Name() string          { return s.name }
func (s *jsonLines) Schema() *arrow.Schema { return s.schema }
func (s *jsonLines) Close() error          { return nil }
func (s *jsonLines) lines() lineNumbers    { return s.last }

func (s *jsonLines) Next(ctx context.Context) (arrow.RecordBatch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	builder := array.NewRecordBuilder(memory.DefaultAllocator, s.schema)
	defer builder.Release()
	s.last = lineNumbers{each: make([]int64, 0, s.rows)}
	row, size := 0, 0
	filled := make([]int, s.schema.NumFields())
	for ; row < s.rows && size < maxBatchText; row++ {
		text, line, err := s.lineAt.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = eachMember(text, func(key string, value []byte) error {
				c, known := s.columns[key]
				if !known {
					return fmt.Errorf("%q was not there before: the file changed while it was read", key)
				}
				filled[c]++
				return appendJSON(builder.Field(c), value)
			})
		}
		if err != nil {
			return nil, s.fail(line, err)
		}
		for c := range filled {
			if filled[c] <= row {
				builder.Field(c).AppendNull()
				filled[c]++
			}
		}
		s.last.each = append(s.last.each, line)
		size += len(text)
	}
	if row == 0 {
		return nil, io.EOF
	}
	return builder.NewRecordBatch(), nil
}

func appendJSON(b array.Builder, value []byte) error {
	if value[0] == 'n' {
		b.AppendNull()
		return nil
	}
	switch b := b.(type) {
	case *array.Int64Builder:
		v, _ := parseInteger(string(value))
		b.Append(v)
	case *array.Float64Builder:
		v, _ := parseNumber(string(value))
		b.Append(v)
	case *array.BooleanBuilder:
		b.Append(value[0] == 't')
	case *array.StringBuilder:
		if value[0] != '"' {
			b.Append(string(value))
			return nil
		}
		text, err := jsonText(value)
		if err != nil {
			return err
		}
		b.Append(text)
	}
	return nil
}

// jsonText reads a string with its quotes.
func jsonText(value []byte) (string, error) {
	inner := value[1 : len(value)-1]
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner), nil
	}
	var text string
	err := json.Unmarshal(value, &text)
	return text, err
}
