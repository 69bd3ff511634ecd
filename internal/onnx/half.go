package onnx

import (
	"encoding/binary"
	"math"

	"github.com/x448/float16"
	ort "github.com/yalue/onnxruntime_go"
)

// Half tells that values of the type have 16 bits and travel in Tensor.Halves.
func (t Type) Half() bool { return t == Float16 || t == BFloat16 }

// FromHalf is the number that the bits of a Float16 or BFloat16 mean; exact.
func FromHalf(t Type, bits uint16) float32 {
	if t == BFloat16 {
		return math.Float32frombits(uint32(bits) << 16)
	}
	return float16.Frombits(bits).Float32()
}

// ToHalf rounds a number to the nearest Float16 or BFloat16, to the even one of two
// that are as near. What is too large becomes infinite.
func ToHalf(t Type, v float32) uint16 {
	if t != BFloat16 {
		return float16.Fromfloat32(v).Bits()
	}
	bits := math.Float32bits(v)
	if v != v { //nolint:staticcheck // NaN; a quiet one, for rounding could make it infinite
		return uint16(bits>>16) | 0x40 //nolint:gosec // the upper half
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16) //nolint:gosec // the upper half
}

// toHalves rounds a tensor's float32 numbers to a type of 16 bits.
func (t *Tensor) toHalves(kind Type) {
	t.Type, t.Halves = kind, make([]uint16, len(t.Floats))
	for i, v := range t.Floats {
		t.Halves[i] = ToHalf(kind, v)
	}
	t.Floats = nil
}

// halfToNative copies halves into native form.
func halfToNative(t *Tensor, shape ort.Shape) (ort.Value, error) {
	data := make([]byte, 0, 2*len(t.Halves))
	for _, v := range t.Halves {
		data = binary.NativeEndian.AppendUint16(data, v)
	}
	kind := ort.TensorElementDataType(ort.TensorElementDataTypeFloat16)
	if t.Type == BFloat16 {
		kind = ort.TensorElementDataTypeBFloat16
	}
	return ort.NewCustomDataTensor(shape, data, kind)
}
