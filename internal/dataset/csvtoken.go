package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
)

// csvTokenizer cuts CSV into fields in a buffer of its own, without allocating.
// It reads what encoding/csv reads, and refuses the same.
type csvTokenizer struct {
	name      string
	r         io.Reader
	separator byte
	special   [256]bool

	buf      []byte
	pos, end int
	base     int64 // of the buffer in the file
	eof      bool
	line     int64 // on which the next row starts, from 1
	fields   []csvField
}

// csvField is a field of the row at hand, as a range of the buffer.
type csvField struct {
	from, to int
	escaped  bool // holds "" for a quote, or CRLF for a line end
}

// csvBuffer is how much of a file is read at once.
const csvBuffer = 1 << 20

// errMore says that the buffer ends within the row.
var errMore = errors.New("the row goes on")

func newCSVTokenizer(r io.Reader, name string) (*csvTokenizer, error) {
	t := &csvTokenizer{name: name, r: r, separator: ',', buf: make([]byte, csvBuffer), line: 1}
	if err := t.fill(); err != nil {
		return nil, err
	}
	if bytes.HasPrefix(t.buf[:t.end], []byte("\xef\xbb\xbf")) {
		t.pos = 3
	}
	if bytes.HasPrefix(t.buf[:t.end], []byte("\xff\xfe")) || bytes.HasPrefix(t.buf[:t.end], []byte("\xfe\xff")) {
		return nil, t.fail(1, "the file is UTF-16; save it as UTF-8")
	}
	t.findSeparator()
	for _, c := range []byte{t.separator, '\n', '"'} {
		t.special[c] = true
	}
	return t, nil
}

// findSeparator takes the semicolon or the tab where the header has no comma.
func (t *csvTokenizer) findSeparator() {
	counts := map[byte]int{}
	quoted := false
	for _, c := range t.buf[t.pos:t.end] {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '\n':
			quoted = true // no more is looked at
		default:
			counts[c]++
			continue
		}
		if c == '\n' {
			break
		}
	}
	if counts[','] > 0 {
		return
	}
	for _, c := range []byte{';', '\t'} {
		if counts[c] > 0 {
			t.separator = c
			return
		}
	}
}

func (t *csvTokenizer) fail(line int64, format string, args ...any) error {
	return fmt.Errorf("%s: line %d: %s: %w", t.name, line, fmt.Sprintf(format, args...), ErrCSV)
}

// fill moves what is left to the front of the buffer and reads on; the buffer
// grows where it is full, up to the longest row.
func (t *csvTokenizer) fill() error {
	if t.pos > 0 {
		copy(t.buf, t.buf[t.pos:t.end])
		t.base += int64(t.pos)
		t.end -= t.pos
		t.pos = 0
	}
	if t.end == len(t.buf) {
		if len(t.buf) > maxRowBytes {
			return t.fail(t.line, "the row is longer than %d bytes; is a quote left open?", maxRowBytes)
		}
		t.buf = append(t.buf, make([]byte, len(t.buf))...)
	}
	for t.end < len(t.buf) && !t.eof {
		n, err := t.r.Read(t.buf[t.end:])
		t.end += n
		if errors.Is(err, io.EOF) {
			t.eof = true
		} else if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return nil
}

// offset is where in the file the rows that were cut end.
func (t *csvTokenizer) offset() int64 { return t.base + int64(t.pos) }

// jump goes on with other rows of the file, which r yields from their first byte to their last.
func (t *csvTokenizer) jump(r io.Reader, span Span) {
	t.r, t.base, t.line = r, span.From, span.Line
	t.pos, t.end, t.eof = 0, 0, false
}

// next cuts the next row into t.fields, which hold until the call after, and
// says on which line it starts. After the last row it returns io.EOF.
func (t *csvTokenizer) next() (line int64, err error) {
	for {
		line, err = t.row()
		if !errors.Is(err, errMore) {
			return line, err
		}
		if err := t.fill(); err != nil {
			return 0, err
		}
	}
}

// row cuts one row; errMore leaves everything as it was.
func (t *csvTokenizer) row() (int64, error) {
	buf, pos := t.buf[:t.end], t.pos
	line := t.line
	for { // empty lines are no rows
		if pos == len(buf) {
			if !t.eof {
				return 0, errMore
			}
			t.pos, t.line = pos, line
			return 0, io.EOF
		}
		switch {
		case buf[pos] == '\n':
			pos++
		case buf[pos] == '\r' && pos+1 < len(buf) && buf[pos+1] == '\n':
			pos += 2
		case buf[pos] == '\r' && pos+1 == len(buf) && t.eof:
			pos++
			continue
		case buf[pos] == '\r' && pos+1 == len(buf):
			return 0, errMore
		default:
			t.pos, t.line = pos, line
			return line, t.cut(buf, pos)
		}
		line++
	}
}

// cut cuts the row that starts at pos.
func (t *csvTokenizer) cut(buf []byte, pos int) error {
	if t.cutPlain(buf, pos) {
		return nil
	}
	fields, lines := t.fields[:0], int64(1)
	for {
		var f csvField
		if pos < len(buf) && buf[pos] == '"' {
			newlines, err := t.quoted(buf, pos, &f)
			if err != nil {
				return err
			}
			lines += newlines
			pos = f.to + 1
		} else {
			f.from = pos
			for pos < len(buf) && !t.special[buf[pos]] {
				pos++
			}
			f.to = pos
			if pos < len(buf) && buf[pos] == '"' {
				return t.fail(t.line+lines-1, `a quote inside an unquoted field; write "" for a quote and quote the whole field`)
			}
			if (pos == len(buf) || buf[pos] == '\n') && pos > f.from && buf[pos-1] == '\r' {
				f.to--
			}
		}
		fields = append(fields, f)
		if pos == len(buf) {
			if !t.eof {
				return errMore
			}
			break
		}
		if buf[pos] == '\r' {
			pos++ // quoted looked at what follows
		}
		if pos == len(buf) {
			break
		}
		pos++
		if buf[pos-1] == '\n' {
			break
		}
	}
	t.fields, t.pos, t.line = fields, pos, t.line+lines
	return nil
}

// cutPlain cuts a row that is all in the buffer and has no quote, as most have none:
// eight bytes at a time.
func (t *csvTokenizer) cutPlain(buf []byte, pos int) bool {
	size := bytes.IndexByte(buf[pos:], '\n')
	if size < 0 || bytes.IndexByte(buf[pos:pos+size], '"') >= 0 {
		return false
	}
	const low, high = 0x7f7f7f7f7f7f7f7f, 0x8080808080808080
	fields, end := t.fields[:0], pos+size
	from, at, separators := pos, pos, uint64(t.separator)*0x0101010101010101
	for ; at < end && at+8 <= len(buf); at += 8 {
		word := binary.LittleEndian.Uint64(buf[at:]) ^ separators
		// The high bit of each byte that is 0, a separator.
		for hits := ^(word&low + low | word) & high; hits != 0; hits &= hits - 1 {
			if to := at + bits.TrailingZeros64(hits)>>3; to < end {
				fields = append(fields, csvField{from: from, to: to})
				from = to + 1
			}
		}
	}
	for ; at < end; at++ {
		if buf[at] == t.separator {
			fields = append(fields, csvField{from: from, to: at})
			from = at + 1
		}
	}
	to := end
	if to > from && buf[to-1] == '\r' {
		to--
	}
	fields = append(fields, csvField{from: from, to: to})
	t.fields, t.pos, t.line = fields, end+1, t.line+1
	return true
}

// quoted finds the end of the quoted field at pos, and how many line ends it holds.
func (t *csvTokenizer) quoted(buf []byte, pos int, f *csvField) (newlines int64, err error) {
	f.from = pos + 1
	for at := f.from; ; {
		n := bytes.IndexByte(buf[at:], '"')
		if n < 0 {
			if !t.eof {
				return 0, errMore
			}
			return 0, t.fail(t.line, `a quoted field is not closed properly; write "" for a quote inside it`)
		}
		at += n + 1
		if at < len(buf) && buf[at] == '"' {
			f.escaped = true
			at++
			continue
		}
		if !t.eof && at+1 >= len(buf) {
			return 0, errMore
		}
		f.to = at - 1
		if newlines = int64(bytes.Count(buf[f.from:f.to], []byte{'\n'})); newlines > 0 {
			f.escaped = f.escaped || bytes.Contains(buf[f.from:f.to], []byte("\r\n"))
		}
		ends := at == len(buf) || buf[at] == t.separator || buf[at] == '\n' ||
			buf[at] == '\r' && (at+1 == len(buf) || buf[at+1] == '\n')
		if !ends {
			return 0, t.fail(t.line, `a quoted field is not closed properly; write "" for a quote inside it`)
		}
		return newlines, nil
	}
}

// unescape appends a quoted field to out: "" is a quote, CRLF a line end, as encoding/csv has it.
func unescape(out, field []byte) []byte {
	for i := 0; i < len(field); i++ {
		if i+1 < len(field) && (field[i] == '"' || field[i] == '\r' && field[i+1] == '\n') {
			i++
		}
		out = append(out, field[i])
	}
	return out
}

// header reads the first row: names, each once.
func (t *csvTokenizer) header() ([]string, error) {
	line, err := t.next()
	if errors.Is(err, io.EOF) {
		return nil, t.fail(1, "the file is empty; the first line must name the columns")
	}
	if err != nil {
		return nil, err
	}
	names := make([]string, len(t.fields))
	for i, f := range t.fields {
		names[i] = string(t.buf[f.from:f.to])
		if f.escaped {
			names[i] = string(unescape(nil, t.buf[f.from:f.to]))
		}
	}
	return names, checkHeader(names, func(format string, args ...any) error { return t.fail(line, format, args...) })
}
