package dataset

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/stretchr/testify/require"
)

func TestZeroBits(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	bitmap := make([]byte, 40)
	for i := range bitmap {
		bitmap[i] = byte(rng.Uint32())
	}
	for _, size := range []int{1, 8, 9, 17, 40} {
		bits := bitmap[:size]
		for from := range 8 * size {
			for n := 0; from+n <= 8*size; n += 1 + n/3 {
				var want []int
				for i := range n {
					if !bitutil.BitIsSet(bits, from+i) {
						want = append(want, i)
					}
				}
				require.Equal(t, want, slices.Collect(zeroBits(bits, from, n)), fmt.Sprint(size, from, n))
			}
		}
	}
	for i := range zeroBits(bitmap, 0, 320) {
		require.False(t, bitutil.BitIsSet(bitmap, i))
		break
	}
}
