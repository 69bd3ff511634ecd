package oip

import (
	"encoding/binary"
	"math"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// decodeRaw fills a tensor of n elements from the protocol's binary form:
// little-endian, row-major, one byte for a bool, strings behind their length in
// four bytes. The bytes have to be exactly as many as the elements need, and belong
// to the tensor from then on.
func decodeRaw(t *onnx.Tensor, n int, raw []byte, room *blocks) error {
	if t.Type == onnx.String {
		return decodeStrings(t, n, raw, room)
	}
	w := width(t.Type)
	if w == 0 { // any number of its elements would fit into no bytes
		return Errorf(Invalid, "it is of no type that the protocol has")
	}
	if n*w != len(raw) {
		return Errorf(Invalid, "the shape %v of %s needs %d bytes, there are %d", t.Shape, datatype(t.Type), n*w, len(raw))
	}
	if takeBytes(t, raw) {
		return nil
	}
	le := binary.LittleEndian
	switch t.Type {
	case onnx.Float32:
		t.Floats = make([]float32, n)
		for i := range t.Floats {
			t.Floats[i] = math.Float32frombits(le.Uint32(raw[4*i:]))
		}
	case onnx.Float64:
		t.Doubles = make([]float64, n)
		for i := range t.Doubles {
			t.Doubles[i] = math.Float64frombits(le.Uint64(raw[8*i:]))
		}
	case onnx.Float16, onnx.BFloat16:
		t.Halves = make([]uint16, n)
		for i := range t.Halves {
			t.Halves[i] = le.Uint16(raw[2*i:])
		}
	case onnx.Bool:
		t.Bools = make([]bool, n)
		for i, b := range raw {
			t.Bools[i] = b != 0
		}
	default:
		t.Ints = room.integers(n)
		for i := range t.Ints {
			v, ok := integer(t.Type, raw[i*w:])
			if !ok {
				return beyond()
			}
			t.Ints[i] = v
		}
	}
	return nil
}

func beyond() error {
	return Errorf(Unsupported, "a UINT64 above %d is not served", int64(math.MaxInt64))
}

// integer reads an integer; false if it does not fit 64 bits with sign.
func integer(t onnx.Type, raw []byte) (int64, bool) {
	le := binary.LittleEndian
	switch t {
	case onnx.Int8:
		return int64(int8(raw[0])), true //nolint:gosec // the bits are those of a signed number
	case onnx.Uint8:
		return int64(raw[0]), true
	case onnx.Int16:
		return int64(int16(le.Uint16(raw))), true //nolint:gosec // as above
	case onnx.Uint16:
		return int64(le.Uint16(raw)), true
	case onnx.Int32:
		return int64(int32(le.Uint32(raw))), true //nolint:gosec // as above
	case onnx.Uint32:
		return int64(le.Uint32(raw)), true
	case onnx.Int64:
		return int64(le.Uint64(raw)), true //nolint:gosec // as above
	}
	v := le.Uint64(raw)
	return int64(v), v <= math.MaxInt64 //nolint:gosec // the caller is told
}

// decodeStrings reads n strings, which lie in raw from then on.
func decodeStrings(t *onnx.Tensor, n int, raw []byte, room *blocks) error {
	if n > len(raw)/4 { // each takes four bytes at least
		return Errorf(Invalid, "the shape %v needs %d strings, %d bytes cannot hold them", t.Shape, n, len(raw))
	}
	t.Strings = room.strings(n)
	for i := range t.Strings {
		if len(raw) < 4 {
			return Errorf(Invalid, "the bytes end before string %d of %d", i, n)
		}
		size := binary.LittleEndian.Uint32(raw)
		raw = raw[4:]
		if uint64(size) > uint64(len(raw)) {
			return Errorf(Invalid, "string %d announces %d bytes, %d are left", i, size, len(raw))
		}
		t.Strings[i] = textOf(raw[:size])
		raw = raw[size:]
	}
	if len(raw) != 0 {
		return Errorf(Invalid, "%d bytes follow the last of %d strings", len(raw), n)
	}
	return nil
}

// appendRaw writes a tensor in the protocol's binary form.
func appendRaw(b []byte, t onnx.Tensor) []byte {
	if raw := bytesOf(t); raw != nil {
		return append(b, raw...)
	}
	le := binary.LittleEndian
	switch t.Type {
	case onnx.Float32:
		for _, v := range t.Floats {
			b = le.AppendUint32(b, math.Float32bits(v))
		}
	case onnx.Float64:
		for _, v := range t.Doubles {
			b = le.AppendUint64(b, math.Float64bits(v))
		}
	case onnx.Float16, onnx.BFloat16:
		for _, v := range t.Halves {
			b = le.AppendUint16(b, v)
		}
	case onnx.Bool:
		for _, v := range t.Bools {
			if v {
				b = append(b, 1)
			} else {
				b = append(b, 0)
			}
		}
	case onnx.String:
		for _, s := range t.Strings {
			b = le.AppendUint32(b, uint32(len(s))) //nolint:gosec // far below 4 GiB: ONNX Runtime made it
			b = append(b, s...)
		}
	default:
		w := width(t.Type)
		for _, v := range t.Ints {
			for range w { // little-endian
				b = append(b, byte(v))
				v >>= 8
			}
		}
	}
	return b
}

// rawOf is the binary form of a tensor that is not changed as long as it is used.
func rawOf(t onnx.Tensor) []byte {
	if raw := bytesOf(t); raw != nil {
		return raw
	}
	return appendRaw(make([]byte, 0, rawSize(t)), t)
}

// rawSize is how many bytes appendRaw writes.
func rawSize(t onnx.Tensor) int {
	if t.Type != onnx.String {
		return t.Len() * width(t.Type)
	}
	n := 4 * len(t.Strings)
	for _, s := range t.Strings {
		n += len(s)
	}
	return n
}
