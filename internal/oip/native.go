package oip

import (
	"encoding/binary"
	"unsafe"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// The protocol's binary form is little-endian, which is how most machines hold
// numbers: there the bytes are the array, and nothing has to be converted.

// littleEndian tells that this machine is one of those.
func littleEndian() bool { return binary.NativeEndian.Uint16([]byte{1, 0}) == 1 }

// bytesOf is a tensor's binary form without a copy, to be read while the tensor is
// not changed; nil if it has to be made.
func bytesOf(t onnx.Tensor) []byte {
	switch {
	case !littleEndian():
		return nil
	case t.Type == onnx.Float32:
		return asBytes(t.Floats)
	case t.Type == onnx.Float64:
		return asBytes(t.Doubles)
	case t.Type == onnx.Int64:
		return asBytes(t.Ints)
	}
	return nil
}

// takeBytes makes raw, which nobody else may change from then on, the content of a
// tensor; false if it has to be converted.
func takeBytes(t *onnx.Tensor, raw []byte) bool {
	switch {
	case !littleEndian():
		return false
	case t.Type == onnx.Float32:
		t.Floats = fromBytes[float32](raw)
		return t.Floats != nil
	case t.Type == onnx.Float64:
		t.Doubles = fromBytes[float64](raw)
		return t.Doubles != nil
	case t.Type == onnx.Int64:
		t.Ints = fromBytes[int64](raw)
		return t.Ints != nil
	}
	return false
}

// textOf is the text of bytes, which nobody may change from then on.
func textOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

type number interface{ float32 | float64 | int64 }

func asBytes[T number](values []T) []byte {
	var one T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), len(values)*int(unsafe.Sizeof(one)))
}

// fromBytes is nil for no bytes and for bytes that do not lie as numbers have to.
func fromBytes[T number](raw []byte) []T {
	var one T
	p := unsafe.Pointer(unsafe.SliceData(raw))
	if len(raw) == 0 || uintptr(p)%unsafe.Alignof(one) != 0 {
		return nil
	}
	return unsafe.Slice((*T)(p), len(raw)/int(unsafe.Sizeof(one)))
}
