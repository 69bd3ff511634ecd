package onnx

import (
	"encoding/binary"
	"slices"
)

// Subnormal numbers of float32 lie below 2^-126; a processor takes a hundred cycles and more to
// multiply one. dominant is a weight beside which none of them can be seen. All of them are bits of a
// magnitude, which sort as the numbers do, infinity and NaN last.
const (
	smallestNormal = 1 << 23
	dominant       = (127 - 63) << 23
	infinite       = 255 << 23
)

// withoutSubnormals sets learned float32 numbers that are subnormal to zero where the same
// tensor holds one at least 2^63 times as large: float32 keeps 24 bits, so no sum over such a
// tensor shows them, while weights that training has shrunk towards zero for inputs that never occur make a model up to thirty
// times as slow. It returns the model itself if there are none.
func withoutSubnormals(model []byte, g *Graph) []byte {
	out := model
	for _, p := range g.Parameters {
		if p.Type != Float32 || p.spans == nil {
			continue
		}
		count, largest := 0, uint32(0)
		p.each(func(at int64) {
			v := magnitude(model[at:])
			largest = max(largest, v)
			if v-1 < smallestNormal-1 {
				count++
			}
		})
		if count == 0 || largest < dominant || largest > infinite {
			continue
		}
		if &out[0] == &model[0] {
			out = slices.Clone(model)
		}
		p.each(func(at int64) {
			if v := magnitude(out[at:]); v < smallestNormal {
				binary.LittleEndian.PutUint32(out[at:], 0)
			}
		})
	}
	return out
}

// each visits where the parameter's numbers lie in the model's bytes.
func (p Parameter) each(visit func(at int64)) {
	for _, s := range p.spans {
		for i := range s.count {
			visit(s.at + i*s.stride)
		}
	}
}

// magnitude are the bits of a stored float32 without its sign.
func magnitude(b []byte) uint32 { return binary.LittleEndian.Uint32(b) &^ (1 << 31) }
