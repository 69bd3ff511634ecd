package columnar

import (
	"encoding/binary"

	"github.com/klauspost/compress/s2"
)

// sampled is how much of a page tells whether compression is worth its time.
const sampled = 4 << 10

// worth tells whether Snappy takes an eighth off what a body begins with.
func (w *Writer) worth(body []byte) bool {
	if len(body) < 64 {
		return false
	}
	n := min(sampled, len(body))
	w.spare = w.snappy(w.spare[:0], body[:n])
	return len(w.spare) < n-n/8
}

// snappy appends the body compressed, piece by piece.
// https://github.com/google/snappy/blob/main/format_description.txt
func (w *Writer) snappy(b, body []byte) []byte {
	const piece = 32 << 10
	b = binary.AppendUvarint(b, uint64(len(body)))
	for len(body) > 0 {
		n := min(piece, len(body))
		at, room := len(b), s2.MaxEncodedLen(n)
		b = append(b, make([]byte, room)...)
		// A piece is a stream of its own, whose length goes: only that of the whole stands.
		one := s2.EncodeSnappyBetter(b[at:at+room], body[:n])
		_, head := binary.Uvarint(one)
		b = b[:at+copy(b[at:], one[head:])]
		body = body[n:]
		w.worked(n)
	}
	return b
}

// literal appends the head of so many bytes that stand as they are; they must follow.
func literal(b []byte, n int) []byte {
	switch {
	case n <= 60:
		return append(b, byte(n-1)<<2)
	case n <= 1<<16:
		return append(b, 61<<2, byte(n-1), byte((n-1)>>8))
	}
	return append(b, 63<<2, byte(n-1), byte((n-1)>>8), byte((n-1)>>16), byte((n-1)>>24))
}

// same appends the same byte n times.
func same(b []byte, v byte, n int) []byte {
	b = append(b, 0, v) // once
	for n--; n > 0; n -= 64 {
		b = append(b, byte(min(n, 64)-1)<<2|2, 1, 0) // what is one byte back
	}
	return b
}

// sizes of what the two append, the bytes that follow included.
func literalSize(n int) int {
	switch {
	case n <= 60:
		return n + 1
	case n <= 1<<16:
		return n + 3
	}
	return n + 5
}

func sameSize(n int) int { return 2 + (n-1+63)/64*3 }
