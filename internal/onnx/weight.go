package onnx

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// tensor is a stored TensorProto: its type, its shape and where its numbers lie.
type tensor struct {
	name  string
	kind  Type
	dims  []int64
	spans []span // floating-point types only
}

// attributeTensor is a learned attribute of a node.
type attributeTensor struct {
	layer  string
	tensor tensor
}

// stored counts the numbers that the bytes hold.
func (t tensor) stored() int64 {
	n := int64(0)
	for _, s := range t.spans {
		n += s.count
	}
	return n
}

// width is the bytes of one stored number, 0 for types that are not floating point.
func (t Type) width() int64 {
	switch t {
	case Float64:
		return 8
	case Float32:
		return 4
	case Float16, BFloat16:
		return 2
	}
	return 0
}

// elementType names a TensorProto.DataType.
func elementType(number uint64) Type {
	switch number {
	case 1:
		return Float32
	case 2:
		return Uint8
	case 3:
		return Int8
	case 4:
		return Uint16
	case 5:
		return Int16
	case 6:
		return Int32
	case 7:
		return Int64
	case 8:
		return String
	case 9:
		return Bool
	case 10:
		return Float16
	case 11:
		return Float64
	case 12:
		return Uint32
	case 13:
		return Uint64
	case 16:
		return BFloat16
	}
	return Unknown
}

// readTensor reads a TensorProto. Weights in other files are refused: a model
// is one blob with one digest, which Merge makes of several files.
func readTensor(m message) (tensor, error) {
	t := tensor{kind: Unknown}
	var raw, floats, doubles []span
	var data message
	err := m.fields(func(f field) (err error) {
		switch f.id {
		case 1:
			t.dims, err = f.varints(t.dims)
		case 2:
			t.kind = elementType(f.number)
		case 4: // float_data
			if f.kind != protowire.VarintType && f.kind != protowire.Fixed64Type {
				floats, err = f.spans(floats, 4)
			}
		case 8:
			t.name = f.text()
		case 9: // raw_data; the last one counts
			data = f.body
		case 10: // double_data
			if f.kind != protowire.VarintType && f.kind != protowire.Fixed32Type {
				doubles, err = f.spans(doubles, 8)
			}
		case 13, 14: // external_data, data_location
			if f.id == 13 || f.number == 1 {
				return errors.New("its numbers are in another file; name the files in model.external_data (--external-data), or save the model as a single file")
			}
		}
		return err
	})
	if err != nil {
		return t, fmt.Errorf("tensor %q: %w", t.name, err)
	}
	width := t.kind.width()
	if width == 0 {
		return t, nil
	}
	if n := int64(len(data.data)); n > 0 {
		if n%width != 0 {
			return t, fmt.Errorf("tensor %q: %w", t.name, errWidth)
		}
		raw = []span{{at: data.at, count: n / width, stride: width}}
	}
	switch {
	case raw != nil:
		t.spans = raw
	case t.kind == Float32:
		t.spans = floats
	case t.kind == Float64:
		t.spans = doubles
	default:
		// 16-bit floats outside raw_data are varints, which cannot be patched in place; they are only counted.
	}
	want, err := elements(t.dims)
	if err != nil {
		return t, fmt.Errorf("tensor %q: %w", t.name, err)
	}
	if t.spans != nil || want == 0 || t.kind == Float32 || t.kind == Float64 {
		if have := t.stored(); have != want {
			return t, fmt.Errorf("tensor %q has shape %s, which is %d numbers, but holds %d", t.name, formatShape(t.dims), want, have)
		}
	}
	return t, nil
}

// halfToFloat converts IEEE 754 binary16.
func halfToFloat(h uint16) float64 {
	sign, exponent, fraction := 1.0, int(h>>10&0x1f), float64(h&0x3ff)
	if h&0x8000 != 0 {
		sign = -1
	}
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 0x1f:
		if fraction != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}

// floatToHalf converts to IEEE 754 binary16, rounding to even.
func floatToHalf(v float64) uint16 {
	sign := uint16(0)
	if math.Signbit(v) {
		sign, v = 0x8000, -v
	}
	switch {
	case math.IsNaN(v):
		return sign | 0x7e00
	case v >= 65520:
		return sign | 0x7c00
	case v < math.Ldexp(1, -14):
		return sign | uint16(math.RoundToEven(math.Ldexp(v, 24)))
	}
	fraction, exponent := math.Frexp(v) // v = fraction · 2^exponent, fraction in [0.5, 1)
	// A carry out of the fraction raises the exponent, as it should.
	return sign | (uint16(exponent+14)<<10 + uint16(math.RoundToEven(math.Ldexp(fraction, 11))) - 1024)
}
