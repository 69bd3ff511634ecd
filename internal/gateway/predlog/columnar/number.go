package columnar

import (
	"encoding/binary"
	mathbits "math/bits"
	"slices"
)

// Required writes a column of doubles that every row has.
func (w *Writer) Required(name string, values []float64) {
	column(w, w.begin(name, double, false, nil), values)
}

// Doubles writes a column of doubles, of which those of rows without a value do not count.
func (w *Writer) Doubles(name string, values []float64, present Mask) {
	if present == nil {
		column(w, w.begin(name, double, true, nil), values)
		return
	}
	w.numbers = w.numbers[:0]
	for i, v := range values {
		if present[i] != 0 {
			w.numbers = append(w.numbers, v)
		}
	}
	column(w, w.begin(name, double, true, present), w.numbers)
}

// Floats writes a column of doubles that are given as floats, all present.
func (w *Writer) Floats(name string, values []float32) {
	column(w, w.begin(name, double, true, nil), values)
}

// column writes numbers in the encoding that suits them.
func column[T float32 | float64](w *Writer, c *chunk, values []T) {
	w.worked(len(values))
	if len(values) == 0 {
		plain(w, c, values)
		return
	}
	if places, ok := few(w, values); ok {
		w.dictionary(c, places)
		return
	}
	different := differ(values)
	if mathbits.OnesCount8(different) <= 6 {
		split(w, c, values, different)
		return
	}
	plain(w, c, values)
}

// plain writes numbers as they are.
func plain[T float32 | float64](w *Writer, c *chunk, values []T) {
	c.encoding = encodingPlain
	size := len(w.levels) + 8*len(values)
	w.page(c, encodingPlain, size, size)
	w.out.b = append(w.out.b, w.levels...)
	for out := w.extend(8 * len(values)); len(values) > 0; out, values = out[8:], values[1:] {
		binary.LittleEndian.PutUint64(out, bits(values[0]))
	}
}

// extend makes the file longer; the bytes are to be filled.
func (w *Writer) extend(n int) []byte {
	at := len(w.out.b)
	w.out.b = slices.Grow(w.out.b, n)[:at+n]
	return w.out.b[at:]
}

// differ tells the places of a double's eight bytes in which the numbers are not all the same, from the lowest bit on.
func differ[T float32 | float64](values []T) uint8 {
	_, floats := any(values).([]float32) // of which the lower three bytes are zero
	first := bits(values[0])
	var d uint64
	for len(values) > 0 {
		n := min(64, len(values))
		for _, v := range values[:n] {
			d |= bits(v) ^ first
		}
		values = values[n:]
		if p := places(d); p == 0xff || floats && p == 0xf8 {
			return p
		}
	}
	return places(d)
}

// places tells which bytes of a word are not zero.
func places(d uint64) uint8 {
	var p uint8
	for i := range 8 {
		if d>>(8*i)&0xff != 0 {
			p |= 1 << i
		}
	}
	return p
}

// split writes the bytes of each place together. As a stream of Snappy, of which a reader needs to know nothing
// else, the places where all are the same take next to nothing, and the others no time to compress.
func split[T float32 | float64](w *Writer, c *chunk, values []T, different uint8) {
	c.encoding, c.codec = encodingSplit, codecSnappy
	n := len(values)
	whole := len(w.levels) + 8*n
	w.body = binary.AppendUvarint(w.body[:0], uint64(whole)) //nolint:gosec // not negative
	if len(w.levels) > 0 {
		w.body = append(literal(w.body, len(w.levels)), w.levels...)
	}
	size := len(w.body)
	for i := range 8 {
		if different>>i&1 != 0 {
			size += literalSize(n)
		} else {
			size += sameSize(n)
		}
	}
	w.page(c, encodingSplit, whole, size)
	w.out.b = append(slices.Grow(w.out.b, size), w.body...)
	w.body = slices.Grow(w.body[:0], n)
	var planes [8][]byte
	for i := range planes {
		if different>>i&1 == 0 {
			planes[i] = w.body[:n] // is not read
			w.out.b = same(w.out.b, byte(bits(values[0])>>(8*i)), n)
			continue
		}
		w.out.b = literal(w.out.b, n)
		at := len(w.out.b)
		w.out.b = w.out.b[:at+n]
		planes[i] = w.out.b[at:]
	}
	upper(values, &planes)
	if different&7 != 0 { // floats have none of these
		lower(values, &planes)
	}
}

// upper writes the upper five bytes of each number.
func upper[T float32 | float64](values []T, planes *[8][]byte) {
	d, e, f, g, h := planes[3][:len(values)], planes[4][:len(values)], planes[5][:len(values)], planes[6][:len(values)], planes[7][:len(values)]
	for i, v := range values {
		u := bits(v)
		d[i] = byte(u >> 24)
		e[i] = byte(u >> 32)
		f[i] = byte(u >> 40)
		g[i] = byte(u >> 48)
		h[i] = byte(u >> 56)
	}
}

// lower writes the lower three bytes of each number.
func lower[T float32 | float64](values []T, planes *[8][]byte) {
	a, b, c := planes[0][:len(values)], planes[1][:len(values)], planes[2][:len(values)]
	for i, v := range values {
		u := bits(v)
		a[i] = byte(u)
		b[i] = byte(u >> 8)
		c[i] = byte(u >> 16)
	}
}
