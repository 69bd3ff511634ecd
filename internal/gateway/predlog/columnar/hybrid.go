package columnar

import "encoding/binary"

// hybrid appends numbers of so many bits each as runs and as bits, the format's RLE/bit-packing hybrid.
// https://github.com/apache/parquet-format/blob/master/Encodings.md#RLE
func hybrid(b []byte, width int, values []uint8) []byte {
	const ones = 0x0101010101010101
	literal := 0 // where the values begin that are not written yet, of which each eight differ
	for i := 0; i < len(values); {
		if len(values)-i >= 8 && binary.LittleEndian.Uint64(values[i:]) != uint64(values[i])*ones {
			i += 8
			continue
		}
		n := run(values[i:])
		if n < 8 { // and so the last
			break
		}
		b = packed(b, width, values[literal:i])
		b = binary.AppendUvarint(b, uint64(n)<<1) //nolint:gosec // not negative
		b = append(b, values[i])
		i += n
		literal = i
	}
	return packed(b, width, values[literal:])
}

// run is how many values in a row are the same as the first.
func run(values []uint8) int {
	first := values[0]
	for i, v := range values {
		if v != first {
			return i
		}
	}
	return len(values)
}

// packed appends values in bits; zeros make the last eight full.
func packed[T uint8 | int32](b []byte, width int, values []T) []byte {
	if len(values) == 0 {
		return b
	}
	groups := (len(values) + 7) / 8
	b = binary.AppendUvarint(b, uint64(groups)<<1|1) //nolint:gosec // not negative
	end := len(b) + groups*width
	if same, ok := any(values).([]uint8); ok && width == 8 {
		b = append(b, same...)
		values = nil
	}
	var bits uint64
	have := 0
	for _, v := range values {
		bits |= uint64(uint32(v)) << have //nolint:gosec // not negative
		for have += width; have >= 8; have -= 8 {
			b = append(b, byte(bits))
			bits >>= 8
		}
	}
	for ; len(b) < end; bits >>= 8 {
		b = append(b, byte(bits))
	}
	return b
}
