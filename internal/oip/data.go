package oip

import (
	"unicode/utf8"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// dataReader reads the field "data" of a tensor: flat, or nested as the shape
// is, row-major.
type dataReader struct {
	*walker
	gather  *gatherer
	into    *arrays
	shape   []int64
	kind    onnx.Type
	holds   holding
	most, n int // elements that the shape has room for, and that were read
}

// holding is how a kind of elements is read and held.
type holding int

const (
	integers holding = iota
	singles
	doubles
	booleans
	texts
)

func holdingOf(t onnx.Type) holding {
	switch t {
	case onnx.Float32:
		return singles
	case onnx.Float64:
		return doubles
	case onnx.Bool:
		return booleans
	case onnx.String:
		return texts
	}
	return integers
}

// data reads the values of a tensor of n elements, which end before the byte end.
func (d *decoder) data(name span, kind onnx.Type, shape []int64, n, end int) error {
	if kind.Half() {
		return Errorf(Invalid, "%s has no form in JSON: send it as binary data", datatype(kind))
	}
	if d.peek() != '[' {
		return Errorf(Invalid, "data: want a list")
	}
	r := dataReader{walker: &d.walker, gather: &d.gather, shape: shape, kind: kind, holds: holdingOf(kind), into: &d.gather.arrays, most: n}
	own := r.holds != texts && n > sharedMost
	if own {
		r.into = &arrays{}
		r.into.grow(r.holds, min(n, (end-d.at)/2+1)) // no element is shorter than one byte and its comma: the text bounds what is allocated
	}
	d.gather.text(d.body, name)
	if err := r.read(); err != nil {
		return err
	}
	if own {
		d.gather.addOwn(onnx.Tensor{Type: kind, Shape: shape, Floats: r.into.floats, Doubles: r.into.doubles, Ints: r.into.ints, Bools: r.into.bools})
		return nil
	}
	d.gather.add(kind, shape, n)
	return nil
}

// read reads all of it.
func (r *dataReader) read() error {
	if err := r.nested(0); err != nil {
		return err
	}
	if r.n != r.most {
		return Errorf(Invalid, "the shape %v needs %d values, data has %d", r.shape, r.most, r.n)
	}
	return nil
}

// nested reads a list at a depth of nesting. What is nested has to be so as the shape says.
func (r *dataReader) nested(depth int) error {
	switch {
	case depth == maxNesting:
		return errSyntax
	case depth >= max(len(r.shape), 1):
		return Errorf(Invalid, "data is nested deeper than its shape %v", r.shape)
	}
	items, lists := int64(0), false
	for r.take('['); !r.take(']'); items++ {
		if items > 0 && !r.take(',') {
			return errSyntax
		}
		var err error
		switch inner := r.peek() == '['; {
		case items > 0 && inner != lists:
			return Errorf(Invalid, "data mixes values and lists")
		case inner:
			lists = true
			err = r.nested(depth + 1)
		default:
			err = r.element()
		}
		if err != nil {
			return err
		}
	}
	flat := depth == 0 && !lists
	if !flat && (items != r.shape[depth] || (!lists && depth != len(r.shape)-1)) {
		return Errorf(Invalid, "data is nested otherwise than its shape %v", r.shape)
	}
	return nil
}

// element reads a value.
func (r *dataReader) element() error {
	if r.n == r.most {
		return Errorf(Invalid, "the shape %v needs %d values, data has more", r.shape, r.most)
	}
	r.n++
	start := r.at
	var n decimal
	switch r.holds {
	case singles:
		if r.number(&n) {
			if v, ok := n.float32(); ok {
				r.into.floats = append(r.into.floats, v)
				return nil
			}
		}
	case doubles:
		if r.number(&n) {
			if v, ok := n.float64(); ok {
				r.into.doubles = append(r.into.doubles, v)
				return nil
			}
		}
	case integers:
		if r.number(&n) {
			if v, ok := n.int64(); ok && inRange(r.kind, v) {
				r.into.ints = append(r.into.ints, v)
				return nil
			}
		}
	case texts:
		if s, ok := r.text(); ok {
			if !s.ascii && !utf8.Valid(s.inside(r.body)) {
				return r.refuse([]byte("text"), "a string in UTF-8")
			}
			r.gather.text(r.body, s)
			return nil
		}
	case booleans:
		v, err := r.value()
		if err != nil {
			return err
		}
		switch string(v) {
		case "true", "1":
			r.into.bools = append(r.into.bools, true)
			return nil
		case "false", "0":
			r.into.bools = append(r.into.bools, false)
			return nil
		}
	}
	r.at = start
	v, err := r.value()
	if err != nil {
		return err
	}
	return r.refuse(v, r.want())
}

func (r *dataReader) refuse(value []byte, want string) error {
	return Errorf(Invalid, "data: value %d is %s: want %s", r.n-1, clip(string(value)), want)
}

// want is what a value should have been.
func (r *dataReader) want() string {
	switch r.holds {
	case singles, doubles:
		return "a number that fits " + datatype(r.kind)
	case booleans:
		return "true or false"
	case texts:
		return "a string"
	}
	return "an integer that fits " + datatype(r.kind)
}
