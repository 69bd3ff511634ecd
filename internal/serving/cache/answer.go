package cache

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"unsafe"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// Answer is all outputs of a model as one block of bytes: of each tensor its name, type, shape
// and number of elements, and then those. It never leaves the process and is never changed.
type Answer struct{ block []byte }

// minBlock is the least that the allocator keeps for a block: smaller ones share it.
const minBlock = 16

// NewAnswer copies the outputs of a model.
func NewAnswer(out []onnx.Tensor) Answer {
	// The allocator rounds sizes up; Grow tells by how much.
	b := slices.Grow([]byte(nil), sizeOf(out))
	b = appendNumber(b, len(out))
	for i := range out {
		t := &out[i]
		b = append(appendNumber(b, len(t.Name)), t.Name...)
		b = append(appendNumber(b, len(t.Type)), t.Type...)
		b = appendNumber(b, len(t.Shape))
		for _, d := range t.Shape {
			b = appendNumber(b, d)
		}
		b = appendNumber(b, t.Len())
		for _, s := range t.Strings {
			b = append(appendNumber(b, len(s)), s...)
		}
		b = append(b, content(t)...)
	}
	return Answer{b}
}

// sizeOf is the length of the block for outputs.
func sizeOf(out []onnx.Tensor) int {
	n := sizeOfNumber(len(out))
	for i := range out {
		t := &out[i]
		n += sizeOfNumber(len(t.Name)) + len(t.Name) + sizeOfNumber(len(t.Type)) + len(t.Type)
		n += sizeOfNumber(len(t.Shape)) + sizeOfNumber(t.Len()) + len(content(t))
		for _, d := range t.Shape {
			n += sizeOfNumber(d)
		}
		for _, s := range t.Strings {
			n += sizeOfNumber(len(s)) + len(s)
		}
	}
	return n
}

// appendNumber writes a number so that small ones are short and none begins another.
func appendNumber[T int | int64](b []byte, n T) []byte {
	return binary.AppendUvarint(b, uint64(n)) //nolint:gosec // one to one, also for negative ones
}

// sizeOfNumber is how many bytes appendNumber writes: 7 bits in each.
func sizeOfNumber[T int | int64](n T) int {
	return (bits.Len64(uint64(n)|1) + 6) / 7 //nolint:gosec // as above
}

// bytes is the memory that the block takes.
func (a Answer) bytes() int64 { return int64(max(cap(a.block), minBlock)) }

// Tensors copies the outputs out of the block. names may be the model's own
// outputs, whose names are used where they are the same.
func (a Answer) Tensors(names []onnx.Info) []onnx.Tensor {
	r := reader{a.block}
	out := make([]onnx.Tensor, r.length())
	for i := range out {
		t := &out[i]
		name, kind := r.next(r.length()), r.next(r.length())
		if i < len(names) && names[i].Name == string(name) && string(names[i].Type) == string(kind) {
			t.Name, t.Type = names[i].Name, names[i].Type
		} else {
			t.Name, t.Type = string(name), onnx.Type(kind)
		}
		t.Shape = make([]int64, r.length())
		for j := range t.Shape {
			t.Shape[j] = r.number()
		}
		r.fill(t, r.length())
	}
	return out
}

// reader takes a block apart, which is as NewAnswer made it.
type reader struct{ rest []byte }

func (r *reader) number() int64 {
	n, size := binary.Uvarint(r.rest)
	r.rest = r.rest[size:]
	return int64(n) //nolint:gosec // it was one
}

func (r *reader) length() int { return int(r.number()) }

func (r *reader) next(n int) []byte {
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// fill copies a tensor's n elements.
func (r *reader) fill(t *onnx.Tensor, n int) {
	switch {
	case t.Type == onnx.Float32:
		t.Floats = take[float32](r, n)
	case t.Type == onnx.Float64:
		t.Doubles = take[float64](r, n)
	case t.Type.Half():
		t.Halves = take[uint16](r, n)
	case t.Type.Integer():
		t.Ints = take[int64](r, n)
	case t.Type == onnx.Bool:
		t.Bools = take[bool](r, n)
	case t.Type == onnx.String:
		t.Strings = r.strings(n)
	}
}

func take[T float32 | float64 | uint16 | int64 | bool](r *reader, n int) []T {
	out := make([]T, n)
	var one T
	copy(memory(out), r.next(n*int(unsafe.Sizeof(one))))
	return out
}

// strings copies n strings, which share their memory.
func (r *reader) strings(n int) []string {
	out := make([]string, n)
	from := r.rest
	for range n {
		r.next(r.length())
	}
	own := reader{bytes.Clone(from[:len(from)-len(r.rest)])}
	for i := range out {
		b := own.next(own.length())
		out[i] = unsafe.String(unsafe.SliceData(b), len(b))
	}
	return out
}
