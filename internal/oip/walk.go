package oip

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// walker goes through JSON once, without copying it: a request is mostly numbers, and they are
// read where they stand. Whatever it hands out is well formed.
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
		start := w.at
		if !w.text() {
			return errSyntax
		}
		name := w.body[start+1 : w.at-1]
		if !w.take(':') {
			return errSyntax
		}
		if err := visit(name); err != nil {
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

// name goes behind the name of a field and its colon.
func (w *walker) name() bool {
	w.peek()
	return w.text() && w.take(':')
}

// scalar goes behind a value that is no list and no object.
func (w *walker) scalar(first byte) bool {
	switch first {
	case '"':
		return w.text()
	case 't':
		return w.word("true")
	case 'f':
		return w.word("false")
	case 'n':
		return w.word("null")
	}
	return w.number()
}

func (w *walker) word(s string) bool {
	if !bytes.HasPrefix(w.body[w.at:], []byte(s)) {
		return false
	}
	w.at += len(s)
	return true
}

// text goes behind a string.
func (w *walker) text() bool {
	b := w.body
	if w.at >= len(b) || b[w.at] != '"' {
		return false
	}
	for i := w.at + 1; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			w.at = i + 1
			return true
		case c < ' ':
			return false
		case c == '\\':
			i++
			if i == len(b) || !escape(b[i:]) {
				return false
			}
		}
	}
	return false
}

// escape tells whether what follows a backslash may.
func escape(b []byte) bool {
	switch b[0] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		for i := 1; i <= 4; i++ {
			if i >= len(b) || !(b[i] >= '0' && b[i] <= '9' || b[i] >= 'a' && b[i] <= 'f' || b[i] >= 'A' && b[i] <= 'F') {
				return false
			}
		}
		return true
	}
	return false
}

// number goes behind a number.
func (w *walker) number() bool {
	b, i := w.body, w.at
	digits := func() bool {
		start := i
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		return i > start
	}
	if i < len(b) && b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if !digits() {
		return false
	}
	if i < len(b) && b[i] == '.' {
		i++
		if !digits() {
			return false
		}
	}
	if i < len(b) && b[i]|' ' == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return false
		}
	}
	w.at = i
	return true
}

// is tells the kind of a value by its first sign: '{', '[', '"', or 'n' for null.
func is(value []byte, kind byte) bool { return value[0] == kind }

// text reads a string; null is an empty one.
func text(name string, value []byte) (string, error) {
	switch {
	case is(value, 'n'):
		return "", nil
	case !is(value, '"'):
		return "", fmt.Errorf("%s is %s: want a string", name, clip(string(value)))
	}
	if plain := value[1 : len(value)-1]; bytes.IndexByte(plain, '\\') < 0 && utf8.Valid(plain) {
		return string(plain), nil
	}
	var s string
	err := json.Unmarshal(value, &s)
	return s, err
}

// integers reads a list of integers; null is none.
func integers(name string, value []byte) ([]int64, error) {
	switch {
	case is(value, 'n'):
		return nil, nil
	case !is(value, '['):
		return nil, fmt.Errorf("%s is %s: want a list of integers", name, clip(string(value)))
	}
	out := make([]int64, 0, 4)
	w := walker{body: value}
	err := w.list(func() error {
		v, err := w.value()
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil {
			return fmt.Errorf("%s holds %s: want integers of 64 bits", name, clip(string(v)))
		}
		out = append(out, n)
		return nil
	})
	return out, err
}
