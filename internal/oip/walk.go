package oip

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// walker goes through JSON without copying it: a request is mostly numbers, and they are read where
// they stand. Whatever it hands out is well formed.
type walker struct {
	body []byte
	at   int
}

// errSyntax says that the body is no JSON, or is nested deeper than maxNesting; see walker.explain.
var errSyntax = errors.New("it is not well formed")

// maxNesting bounds lists and objects within each other.
const maxNesting = 256

// peek skips to the next value or sign and tells its first byte; 0 at the end.
func (w *walker) peek() byte {
	for ; w.at < len(w.body); w.at++ {
		switch c := w.body[w.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// take skips a sign, which has to be the next.
func (w *walker) take(sign byte) bool {
	if w.peek() != sign {
		return false
	}
	w.at++
	return true
}

// end makes sure that nothing follows.
func (w *walker) end() error {
	if w.peek() != 0 || w.at < len(w.body) {
		return errSyntax
	}
	return nil
}

// explain says of errSyntax what is wrong and where.
func (w *walker) explain(err error) error {
	if !errors.Is(err, errSyntax) {
		return err
	}
	var any json.RawMessage
	if why := json.Unmarshal(w.body, &any); why != nil {
		return why
	}
	return fmt.Errorf("it is nested deeper than %d levels", maxNesting)
}

// list calls visit before every value of a list, which it has to read.
func (w *walker) list(visit func() error) error {
	if !w.take('[') {
		return errSyntax
	}
	if w.take(']') {
		return nil
	}
	for {
		if err := visit(); err != nil {
			return err
		}
		if w.take(']') {
			return nil
		}
		if !w.take(',') {
			return errSyntax
		}
	}
}

// object calls visit for every field of an object, whose value it has to read. Names with escapes come as they are written.
func (w *walker) object(visit func(name []byte) error) error {
	if !w.take('{') {
		return errSyntax
	}
	if w.take('}') {
		return nil
	}
	for {
		w.peek()
		name, ok := w.text()
		if !ok || !w.take(':') {
			return errSyntax
		}
		if err := visit(name.inside(w.body)); err != nil {
			return err
		}
		if w.take('}') {
			return nil
		}
		if !w.take(',') {
			return errSyntax
		}
	}
}

// value reads the next value, whatever it is.
func (w *walker) value() ([]byte, error) {
	w.peek()
	start := w.at
	if !w.skip() {
		return nil, errSyntax
	}
	return w.body[start:w.at], nil
}

// skip goes behind the next value.
func (w *walker) skip() bool {
	var open [maxNesting]byte // the sign that closes each list and object around
	depth := 0
	for {
		switch c := w.peek(); c {
		case '{', '[':
			if depth == maxNesting {
				return false
			}
			w.at++
			open[depth] = c + 2 // '}' and ']'
			depth++
			if !w.take(open[depth-1]) {
				if c == '{' && !w.name() {
					return false
				}
				continue
			}
			depth--
		default:
			if !w.scalar(c) {
				return false
			}
		}
		for { // behind a value
			if depth == 0 {
				return true
			}
			if w.take(open[depth-1]) {
				depth--
				continue
			}
			if !w.take(',') || open[depth-1] == '}' && !w.name() {
				return false
			}
			break
		}
	}
}

// leap goes behind the next value as skip does, but takes a list of numbers for well formed: it
// is for a list that is read later.
func (w *walker) leap() bool {
	if w.peek() != '[' {
		return w.skip()
	}
	depth := 0
	for at := w.at; ; {
		n := bytes.IndexByte(w.body[at:], ']')
		if n < 0 {
			return false
		}
		inside := w.body[at : at+n]
		if bytes.IndexByte(inside, '"') >= 0 { // in strings, brackets mean nothing
			return w.skip()
		}
		depth += bytes.Count(inside, []byte{'['}) - 1
		at += n + 1
		if depth == 0 {
			w.at = at
			return true
		}
	}
}

// name goes behind the name of a field and its colon.
func (w *walker) name() bool {
	w.peek()
	_, ok := w.text()
	return ok && w.take(':')
}

// scalar goes behind a value that is no list and no object.
func (w *walker) scalar(first byte) bool {
	switch first {
	case '"':
		_, ok := w.text()
		return ok
	case 't':
		return w.word("true")
	case 'f':
		return w.word("false")
	case 'n':
		return w.word("null")
	}
	var n decimal
	return w.number(&n)
}

func (w *walker) word(s string) bool {
	if !bytes.HasPrefix(w.body[w.at:], []byte(s)) {
		return false
	}
	w.at += len(s)
	return true
}
