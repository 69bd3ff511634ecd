package onnx

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// message is the body of a protobuf message and where it starts in the model's bytes.
type message struct {
	data []byte
	at   int64
}

// field is one field of a message. Exactly one of number and body counts, by kind.
type field struct {
	id     protowire.Number
	kind   protowire.Type
	number uint64
	body   message
	// at is where the value starts in the model's bytes, behind the tag; end is where the next field does.
	at, end int64
}

// fields calls visit for every field. Nothing is copied: bodies are windows
// into the model's bytes, so a claimed length beyond them is an error, never an allocation.
func (m message) fields(visit func(field) error) error {
	rest, at := m.data, m.at
	for len(rest) > 0 {
		id, kind, n := protowire.ConsumeTag(rest)
		if n < 0 {
			return fmt.Errorf("byte %d: %w", at, protowire.ParseError(n))
		}
		rest, at = rest[n:], at+int64(n)
		f := field{id: id, kind: kind, at: at}
		switch kind {
		case protowire.VarintType:
			f.number, n = protowire.ConsumeVarint(rest)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(rest)
			f.number = uint64(v)
		case protowire.Fixed64Type:
			f.number, n = protowire.ConsumeFixed64(rest)
		case protowire.BytesType:
			f.body.data, n = protowire.ConsumeBytes(rest)
			f.body.at = at + int64(n-len(f.body.data))
		default:
			return fmt.Errorf("byte %d: wire type %d does not occur in ONNX", at, kind)
		}
		if n < 0 {
			return fmt.Errorf("byte %d: %w", at, protowire.ParseError(n))
		}
		rest, at = rest[n:], at+int64(n)
		f.end = at
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}

// text is the field's string; a field of another kind is an empty one.
func (f field) text() string { return string(f.body.data) }

// varints appends a repeated integer field, which may come packed or one by one.
func (f field) varints(to []int64) ([]int64, error) {
	if f.kind == protowire.VarintType {
		return append(to, int64(f.number)), nil
	}
	for rest := f.body.data; len(rest) > 0; {
		v, n := protowire.ConsumeVarint(rest)
		if n < 0 {
			return nil, fmt.Errorf("byte %d: %w", f.at, protowire.ParseError(n))
		}
		to, rest = append(to, int64(v)), rest[n:]
	}
	return to, nil
}

// span is where equally spaced numbers lie in the model's bytes.
type span struct {
	at, count, stride int64
}

// errWidth says that a repeated number's bytes are no whole count of numbers.
var errWidth = errors.New("length is not a multiple of the element's size")

// spans appends where the numbers of a repeated fixed-size field lie. Numbers
// written one by one, each with its own tag, join into one span.
func (f field) spans(to []span, width int64) ([]span, error) {
	next := span{at: f.at, count: 1, stride: width}
	if f.kind == protowire.BytesType {
		size := int64(len(f.body.data))
		if size%width != 0 {
			return nil, fmt.Errorf("byte %d: %w", f.at, errWidth)
		}
		next = span{at: f.body.at, count: size / width, stride: width}
	}
	if next.count == 0 {
		return to, nil
	}
	if last := len(to) - 1; last >= 0 && next.count == 1 {
		s := &to[last]
		gap := next.at - (s.at + (s.count-1)*s.stride)
		if s.count == 1 {
			s.stride = gap
		}
		if gap == s.stride {
			s.count++
			return to, nil
		}
	}
	return append(to, next), nil
}
