package dataset

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow/bitutil"
)

// errHybrid says that a run of indices or levels is cut off, too long, or of a number that is too large.
var errHybrid = errors.New("indices or levels are damaged")

// hybrid reads small numbers as Parquet writes indices of a dictionary, levels
// and booleans: runs of one number, or of numbers packed to a width in bits, the
// lowest bit first (Apache Parquet, Encodings.md, "Run Length Encoding /
// Bit-Packing Hybrid"). The zero value is an empty stream.
type hybrid struct {
	data  []byte // behind the run at hand
	width int    // bits of a number, 0 to 32

	left  int    // numbers of the run at hand
	same  bool   // it is one number, repeated
	value uint32 // that number
	bits  []byte // of a packed run
	at    int    // bit of the next number there
}

func newHybrid(data []byte, width int) hybrid { return hybrid{data: data, width: width} }

// run opens the next run.
func (h *hybrid) run() error {
	head, n := binary.Uvarint(h.data)
	if n <= 0 || head>>1 > math.MaxInt32/8 {
		return errHybrid
	}
	h.data = h.data[n:]
	count := int(head >> 1)
	if h.same = head&1 == 0; h.same {
		size := (h.width + 7) / 8
		if len(h.data) < size {
			return errHybrid
		}
		h.value = 0
		for i, b := range h.data[:size] {
			h.value |= uint32(b) << (8 * i)
		}
		if h.value>>h.width != 0 {
			return errHybrid
		}
		h.data, h.left = h.data[size:], count
		return nil
	}
	// The last run may be shorter than it says: its numbers come in eights.
	size := min(count*h.width, len(h.data))
	h.bits, h.data, h.at, h.left = h.data[:size], h.data[size:], 0, 8*count
	return nil
}

// next reads len(out) numbers.
func (h *hybrid) next(out []int32) error {
	for len(out) > 0 {
		if h.left == 0 {
			if err := h.run(); err != nil {
				return err
			}
			continue
		}
		n := min(h.left, len(out))
		if h.same {
			for i := range out[:n] {
				out[i] = int32(h.value)
			}
		} else if err := h.unpack(out[:n]); err != nil {
			return err
		}
		h.left, out = h.left-n, out[n:]
	}
	return nil
}

// unpack reads numbers of a packed run.
func (h *hybrid) unpack(out []int32) error {
	if h.at+len(out)*h.width > 8*len(h.bits) {
		return errHybrid
	}
	if h.width == 0 {
		clear(out)
		return nil
	}
	mask, width, at := uint64(1)<<h.width-1, h.width&63, h.at
	last := 8 * (len(h.bits) - 8) // bit up to which 8 bytes are left
	// 8 bytes from the byte on that a number starts in hold 57 bits from there: eight small numbers, four larger ones.
	if width <= 7 {
		for ; len(out) >= 8 && at <= last; out = out[8:] {
			word, eight := binary.LittleEndian.Uint64(h.bits[at>>3:])>>(at&7), (*[8]int32)(out)
			eight[0] = int32(word & mask)
			eight[1] = int32(word >> width & mask)
			eight[2] = int32(word >> (2 * width & 63) & mask)
			eight[3] = int32(word >> (3 * width & 63) & mask)
			eight[4] = int32(word >> (4 * width & 63) & mask)
			eight[5] = int32(word >> (5 * width & 63) & mask)
			eight[6] = int32(word >> (6 * width & 63) & mask)
			eight[7] = int32(word >> (7 * width & 63) & mask)
			at += 8 * width
		}
	} else if width <= 14 {
		for ; len(out) >= 4 && at <= last; out = out[4:] {
			word, four := binary.LittleEndian.Uint64(h.bits[at>>3:])>>(at&7), (*[4]int32)(out)
			four[0] = int32(word & mask)
			four[1] = int32(word >> width & mask)
			four[2] = int32(word >> (2 * width & 63) & mask)
			four[3] = int32(word >> (3 * width & 63) & mask)
			at += 4 * width
		}
	}
	for ; len(out) > 0 && at <= last; out = out[1:] {
		out[0] = int32(binary.LittleEndian.Uint64(h.bits[at>>3:]) >> (at & 7) & mask)
		at += width
	}
	for i := range out {
		var word [8]byte
		copy(word[:], h.bits[at>>3:])
		out[i] = int32(binary.LittleEndian.Uint64(word[:]) >> (at & 7) & mask)
		at += width
	}
	h.at = at
	return nil
}

// bitmap reads n numbers of one bit into a bitmap, from bit at on, and says how
// many are 1. The bits must be 0 before, and seven bytes must follow the last.
func (h *hybrid) bitmap(out []byte, at, n int) (ones int, err error) {
	for n > 0 {
		if h.left == 0 {
			if err := h.run(); err != nil {
				return 0, err
			}
			continue
		}
		k := min(h.left, n)
		switch {
		case h.same && h.value == 1:
			bitutil.SetBitsTo(out, int64(at), int64(k), true)
			ones += k
		case h.same:
		case h.at+k > 8*len(h.bits):
			return 0, errHybrid
		default:
			ones += copyBits(out, at, h.bits, h.at, k)
			h.at += k
		}
		h.left, at, n = h.left-k, at+k, n-k
	}
	return ones, nil
}

// copyBits adds n bits of in, from one on, to the bits of out, which are 0, and says how many are 1.
func copyBits(out []byte, to int, in []byte, from, n int) (ones int) {
	for n > 0 {
		k := min(n, 56)
		var word uint64
		if rest := in[from>>3:]; len(rest) >= 8 {
			word = binary.LittleEndian.Uint64(rest)
		} else {
			var last [8]byte
			copy(last[:], rest)
			word = binary.LittleEndian.Uint64(last[:])
		}
		word = word >> (from & 7) & (1<<k - 1)
		ones += bits.OnesCount64(word)
		place := out[to>>3:][:8]
		binary.LittleEndian.PutUint64(place, binary.LittleEndian.Uint64(place)|word<<(to&7))
		from, to, n = from+k, to+k, n-k
	}
	return ones
}
