package oip

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// span is where a string stands, with its quotes; the zero span is an empty string that stands nowhere.
type span struct {
	start, end int
	escaped    bool // it has escapes
	ascii      bool // it has nothing but ASCII
}

// inside is what stands between the quotes.
func (s span) inside(body []byte) []byte {
	if s.end == 0 {
		return nil
	}
	return body[s.start+1 : s.end-1]
}

// literal tells that a string means what stands between its quotes.
func (s span) literal(body []byte) bool {
	return !s.escaped && (s.ascii || utf8.Valid(s.inside(body)))
}

// meaning is what a string means. What is no UTF-8 in it is replaced, as encoding/json does.
func (s span) meaning(body []byte) string {
	if s.end == 0 || s.literal(body) {
		return string(s.inside(body))
	}
	var out string
	_ = json.Unmarshal(body[s.start:s.end], &out) // a span is of a string that is well formed
	return out
}

// text goes behind a string.
func (w *walker) text() (span, bool) {
	b := w.body
	if w.at >= len(b) || b[w.at] != '"' {
		return span{}, false
	}
	s := span{start: w.at, ascii: true}
	for i := w.at + 1; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			s.end, w.at = i+1, i+1
			return s, true
		case c < ' ':
			return s, false
		case c == '\\':
			s.escaped = true
			i++
			if i == len(b) || !escape(b[i:]) {
				return s, false
			}
		case c >= utf8.RuneSelf:
			s.ascii = false
		}
	}
	return s, false
}

// escape tells whether what follows a backslash may.
func escape(b []byte) bool {
	if b[0] != 'u' {
		return bytes.IndexByte([]byte(`"\/bfnrt`), b[0]) >= 0
	}
	if len(b) < 5 {
		return false
	}
	for _, c := range b[1:5] {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
			return false
		}
	}
	return true
}
