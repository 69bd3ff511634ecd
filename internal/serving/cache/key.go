package cache

import (
	"unsafe"

	"github.com/zeebo/blake3"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// Key stands for the inputs of a request. It is BLAKE3 and not a hash made for tables: who
// finds two inputs of one key would be given the answer to the other one, so that must be
// out of reach for callers who choose their inputs.
type Key [32]byte

// flushAt is how much text is gathered before it is hashed: small writes cost more than their bytes.
const flushAt = 2048

// hasher is what keys are made with, to be used again.
type hasher struct {
	sum  *blake3.Hasher
	text []byte // to be hashed next
}

func newHasher() any { return &hasher{sum: blake3.New(), text: make([]byte, 0, 2*flushAt)} }

// Key is that of tensors in the model's order. Every part of variable length comes after its
// length, so that no two lists of tensors are hashed as the same bytes.
func (c *Cache) Key(in []onnx.Tensor) Key {
	h := c.hashers.Get().(*hasher)
	defer c.hashers.Put(h)
	h.sum.Reset()
	h.text = h.text[:0]
	h.length(len(in))
	for i := range in {
		h.tensor(&in[i])
	}
	h.flush()
	var k Key
	h.sum.Sum(k[:0])
	return k
}

func (h *hasher) tensor(t *onnx.Tensor) {
	h.string(t.Name)
	h.string(string(t.Type))
	h.length(len(t.Shape))
	for _, d := range t.Shape {
		h.text = appendNumber(h.text, d)
	}
	h.length(t.Len())
	for _, s := range t.Strings {
		h.string(s)
	}
	h.bytes(content(t))
}

func (h *hasher) length(n int) { h.text = appendNumber(h.text, n) }

func (h *hasher) string(s string) {
	h.length(len(s))
	h.bytes(unsafe.Slice(unsafe.StringData(s), len(s)))
}

func (h *hasher) bytes(b []byte) {
	if len(h.text)+len(b) < flushAt {
		h.text = append(h.text, b...)
		return
	}
	h.flush()
	_, _ = h.sum.Write(b) // a hash takes everything
}

func (h *hasher) flush() {
	_, _ = h.sum.Write(h.text) // as above
	h.text = h.text[:0]
}

// content is the memory of a tensor's numbers or truth values, to be read; nil for strings. It is the
// machine's form of them, which never leaves the process.
func content(t *onnx.Tensor) []byte {
	switch {
	case t.Type == onnx.Float32:
		return memory(t.Floats)
	case t.Type == onnx.Float64:
		return memory(t.Doubles)
	case t.Type.Half():
		return memory(t.Halves)
	case t.Type.Integer():
		return memory(t.Ints)
	case t.Type == onnx.Bool:
		return memory(t.Bools)
	}
	return nil
}

func memory[T float32 | float64 | uint16 | int64 | bool](values []T) []byte {
	var one T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), len(values)*int(unsafe.Sizeof(one)))
}
