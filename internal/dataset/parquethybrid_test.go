package dataset

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// hybridRuns writes numbers in runs, packed or repeated as picks say.
func hybridRuns(numbers []int32, width int, rng *rand.Rand) (out []byte) {
	for len(numbers) > 0 {
		n := min(len(numbers), 1+rng.IntN(40))
		if same := numbers[0]; rng.IntN(2) == 0 {
			for n = 1; n < len(numbers) && numbers[n] == same; n++ {
			}
			out = binary.AppendUvarint(out, uint64(n)<<1)
			for i := range (width + 7) / 8 {
				out = append(out, byte(uint32(same)>>(8*i)))
			}
			numbers = numbers[n:]
			continue
		}
		if n < len(numbers) {
			n = (n + 7) / 8 * 8 // only the last run has fewer than it says
		}
		n = min(n, len(numbers))
		groups := (n + 7) / 8
		packed := make([]byte, groups*width)
		for i, x := range numbers[:n] {
			for b := range width {
				packed[(i*width+b)/8] |= byte(uint32(x)>>b&1) << ((i*width + b) % 8)
			}
		}
		out, numbers = append(binary.AppendUvarint(out, uint64(groups)<<1|1), packed...), numbers[n:]
	}
	return out
}

func TestHybrid(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	for width := range 33 {
		numbers := make([]int32, 1000)
		for i := range numbers {
			if numbers[i] = int32(uint32(rng.Uint64()) & uint32(uint64(1)<<width-1)); i > 0 && rng.IntN(2) == 0 {
				numbers[i] = numbers[i-1]
			}
		}
		data := hybridRuns(numbers, width, rng)
		h := newHybrid(data, width)
		got := make([]int32, len(numbers))
		for at := 0; at < len(got); {
			n := min(1+rng.IntN(50), len(got)-at)
			require.NoError(t, h.next(got[at:at+n]))
			at += n
		}
		require.Equal(t, numbers, got, "width %d", width)
		if width == 1 {
			h, bitmap, ones := newHybrid(data, 1), make([]byte, 200), 0
			for at := 0; at < len(numbers); at += 125 {
				n, err := h.bitmap(bitmap, at, 125)
				require.NoError(t, err)
				ones += n
			}
			sum := 0
			for i, x := range numbers {
				sum += int(x)
				require.Equal(t, byte(x), bitmap[i/8]>>(i%8)&1)
			}
			require.Equal(t, sum, ones)
		}
	}
	h := newHybrid([]byte{3, 1}, 2) // eight numbers of two bits in one byte
	require.ErrorIs(t, h.next(make([]int32, 8)), errHybrid)
}

// FuzzHybrid reads any bytes in one go and in pieces: the same numbers, or an error.
func FuzzHybrid(f *testing.F) {
	f.Add([]byte{8, 1, 3, 0x88, 0xc6, 0xfa}, byte(3), byte(5))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f, 0}, byte(32), byte(1))
	f.Fuzz(func(t *testing.T, data []byte, width, piece byte) {
		width %= 33
		const n = 200
		whole, pieces := make([]int32, n), make([]int32, n)
		h := newHybrid(data, int(width))
		wholeErr := h.next(whole)
		h = newHybrid(data, int(width))
		var err error
		for at := 0; at < n && err == nil; {
			k := min(1+int(piece), n-at)
			err = h.next(pieces[at : at+k])
			at += k
		}
		if wholeErr == nil {
			require.NoError(t, err)
			require.Equal(t, whole, pieces)
		}
		if width == 1 {
			h = newHybrid(data, 1)
			bitmap := make([]byte, n/8+8)
			if ones, err := h.bitmap(bitmap, 0, n); err == nil {
				require.LessOrEqual(t, ones, n)
			}
		}
	})
}
