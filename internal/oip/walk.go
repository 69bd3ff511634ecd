package oip

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// walker goes through JSON that is known to be well formed, without copying it: a
// request is mostly numbers, and they are read where they stand.
type walker struct{ left []byte }

// space skips to the next value or sign.
func (w *walker) space() {
	for len(w.left) > 0 {
		switch w.left[0] {
		case ' ', '\t', '\n', '\r':
			w.left = w.left[1:]
		default:
			return
		}
	}
}

// value cuts the next value off, whatever it is.
func (w *walker) value() []byte {
	w.space()
	end := 0
	switch w.left[0] {
	case '"':
		end = textEnd(w.left)
	case '{', '[':
		for depth := 1; depth > 0; {
			end++
			switch w.left[end] {
			case '"':
				end += textEnd(w.left[end:]) - 1
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			}
		}
		end++
	default:
		end = len(w.left)
		if i := bytes.IndexAny(w.left, ",]} \t\n\r"); i >= 0 {
			end = i
		}
	}
	value := w.left[:end]
	w.left = w.left[end:]
	return value
}

// textEnd is where the string at the start of b ends, its quotes included.
func textEnd(b []byte) int {
	end := 1
	for b[end] != '"' {
		if b[end] == '\\' {
			end++
		}
		end++
	}
	return end + 1
}

// list calls visit for every value of a list.
func list(value []byte, visit func(value []byte) error) error {
	w := walker{value[1:]}
	for {
		w.space()
		switch w.left[0] {
		case ']':
			return nil
		case ',':
			w.left = w.left[1:]
		}
		if err := visit(w.value()); err != nil {
			return err
		}
		w.space()
	}
}

// object calls visit for every field of an object. Names with escapes come as they are written.
func object(value []byte, visit func(name, value []byte) error) error {
	w := walker{value[1:]}
	for {
		w.space()
		switch w.left[0] {
		case '}':
			return nil
		case ',':
			w.left = w.left[1:]
			w.space()
		}
		name := w.value()
		w.space()
		w.left = w.left[1:] // the colon
		if err := visit(name[1:len(name)-1], w.value()); err != nil {
			return err
		}
	}
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
	err := list(value, func(v []byte) error {
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil {
			return fmt.Errorf("%s holds %s: want integers of 64 bits", name, clip(string(v)))
		}
		out = append(out, n)
		return nil
	})
	return out, err
}
