package dataset

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// lineReader gives the lines of a file that are not blank, with their numbers.
type lineReader struct {
	r    *bufio.Reader
	long []byte
	line int64
	at   int64 // bytes that were read as lines
}

func newLineReader(r io.ReaderAt, size int64) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(io.NewSectionReader(r, 0, size), csvBuffer)}
}

// next returns a line, which holds until the call after; io.EOF after the last.
func (l *lineReader) next() ([]byte, int64, error) {
	for {
		text, err := l.r.ReadSlice('\n')
		l.line++
		l.at += int64(len(text))
		if errors.Is(err, bufio.ErrBufferFull) {
			l.long = append(l.long[:0], text...)
			for errors.Is(err, bufio.ErrBufferFull) && len(l.long) <= maxRowBytes {
				text, err = l.r.ReadSlice('\n')
				l.at += int64(len(text))
				l.long = append(l.long, text...)
			}
			text = l.long
		}
		if len(text) > maxRowBytes {
			return nil, l.line, fmt.Errorf("the line is longer than %d bytes", maxRowBytes)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, l.line, err
		}
		if text = bytes.TrimSpace(text); len(text) > 0 {
			return text, l.line, nil
		}
		if err != nil {
			return nil, l.line, io.EOF
		}
	}
}

// eachMember calls visit with the members of a JSON object; value is never empty.
// It refuses what is no object, names that stand twice and values that nest too deep.
func eachMember(text []byte, visit func(key string, value []byte) error) error {
	if !json.Valid(text) {
		return errors.New("it is not JSON")
	}
	if text[0] != '{' {
		return errors.New("it is no JSON object; each line is one object")
	}
	seen := make(map[string]bool, 16)
	at := 1
	for {
		at = skipSpace(text, at)
		if text[at] == '}' {
			return nil
		}
		if text[at] == ',' {
			at = skipSpace(text, at+1)
		}
		end := skipString(text, at)
		key, err := jsonText(text[at:end])
		if err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("%q stands twice", key)
		}
		seen[key] = true
		at = skipSpace(text, skipSpace(text, end)+1)
		if end, err = skipValue(text, at); err != nil {
			return err
		}
		if end-at > maxFieldBytes {
			return fmt.Errorf("%q holds %d bytes, at most %d are read", key, end-at, maxFieldBytes)
		}
		if err := visit(key, bytes.TrimRight(text[at:end], " \t\r\n")); err != nil {
			return err
		}
		at = end
	}
}

// The functions below walk text that is known to be valid JSON.

func skipSpace(text []byte, at int) int {
	for text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r' {
		at++
	}
	return at
}

func skipString(text []byte, at int) int {
	for at++; text[at] != '"'; at++ {
		if text[at] == '\\' {
			at++
		}
	}
	return at + 1
}

func skipValue(text []byte, at int) (int, error) {
	depth := 0
	for ; at < len(text); at++ {
		switch text[at] {
		case '"':
			at = skipString(text, at) - 1
		case '{', '[':
			if depth++; depth > maxNesting {
				return 0, fmt.Errorf("values nest deeper than %d", maxNesting)
			}
			continue
		case '}', ']':
			if depth == 0 {
				return at, nil
			}
			depth--
		case ',':
			if depth == 0 {
				return at, nil
			}
			continue
		default:
			continue
		}
		if depth == 0 {
			return at + 1, nil
		}
	}
	return at, nil
}
