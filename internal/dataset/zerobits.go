package dataset

import (
	"encoding/binary"
	"iter"
	"math/bits"
)

// zeroBits gives which of the n bits from one on are 0, as a bitmap of Arrow has them where a row is null.
func zeroBits(bitmap []byte, from, n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := 0; i < n; {
			// The bits at hand, at most 64, with those that are not asked for set.
			var word uint64
			at := from + i
			shift, k := at&7, min(n-i, 64-at&7)
			if rest := bitmap[at>>3:]; len(rest) >= 8 {
				word = binary.LittleEndian.Uint64(rest)
			} else {
				var last [8]byte
				copy(last[:], rest)
				word = binary.LittleEndian.Uint64(last[:])
			}
			for zeros := ^(word >> shift) & (^uint64(0) >> (64 - k)); zeros != 0; zeros &= zeros - 1 {
				if !yield(i + bits.TrailingZeros64(zeros)) {
					return
				}
			}
			i += k
		}
	}
}
