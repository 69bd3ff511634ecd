package artifacts

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/iotest"

	chunkers "github.com/PlakarKorp/go-cdc-chunkers"
	"github.com/stretchr/testify/require"
)

// Cut in windows, a file has the chunks that it has as a whole.
func TestCutIsAsOfTheWhole(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{
		"empty":   {},
		"tiny":    noise(1, 10),
		"least":   noise(2, chunkMin),
		"normal":  noise(3, chunkNormal),
		"largest": noise(4, chunkMax),
		"window":  noise(5, windowBytes),
		"windows": noise(6, 2*windowBytes+12345),
		"mixed":   slices.Concat(make([]byte, windowBytes-100), noise(7, chunkMax), bytes.Repeat([]byte("ab"), 1<<20), noise(8, 200)),
	} {
		var want [][]byte
		whole, err := chunkers.NewChunker(chunkAlgorithm, bytes.NewReader(data), &chunkers.ChunkerOpts{MinSize: chunkMin, NormalSize: chunkNormal, MaxSize: chunkMax})
		require.NoError(t, err)
		for {
			b, err := whole.Next()
			if len(b) > 0 {
				want = append(want, bytes.Clone(b))
			}
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
		}
		var got [][]byte
		var pool buffers
		require.NoError(t, cut(iotest.OneByteReader(bytes.NewReader(data[:min(len(data), 100)])), pool.group, func(group) {}))
		require.NoError(t, cut(iotest.HalfReader(bytes.NewReader(data)), pool.group, func(g group) {
			at := 0
			for _, c := range g.chunks {
				got = append(got, bytes.Clone(g.data[at:at+int(c.size)]))
				at += int(c.size)
			}
			require.Len(t, g.data, at)
			pool.release(g)
			pool.release(g)
		}))
		require.Len(t, got, len(want), name)
		for i := range want {
			require.True(t, bytes.Equal(want[i], got[i]), "%s: chunk %d", name, i)
		}
	}
}

// chunksOf cuts data and returns the sizes of the chunks by their hashes.
func chunksOf(t *testing.T, data []byte) map[[32]byte]int {
	t.Helper()
	chunks := map[[32]byte]int{}
	var pool buffers
	require.NoError(t, cut(bytes.NewReader(data), pool.group, func(g group) {
		at := 0
		for _, c := range g.chunks {
			chunks[sha256.Sum256(g.data[at:at+int(c.size)])] = int(c.size)
			at += int(c.size)
		}
		pool.release(g)
		pool.release(g)
	}))
	return chunks
}

// Changes here and there in a large file cost some chunks each, not the file: the one that is
// changed, which is larger than the average because more bytes lie in large ones, and
// rarely a neighbour.
func TestScatteredEdits(t *testing.T) {
	t.Parallel()
	const size, edits = 48 << 20, 12
	flip := func(b []byte, at int) []byte { b[at] ^= 0x10; return b }
	insert := func(b []byte, at int) []byte { return slices.Insert(b, at, []byte("some bytes")...) }
	remove := func(b []byte, at int) []byte { return slices.Delete(b, at, min(len(b), at+7)) }
	replace := func(b []byte, at int) []byte { copy(b[at:], noise(uint64(at), 5000)); return b }
	for name, edit := range map[string]func(b []byte, at int) []byte{"flip": flip, "insert": insert, "remove": remove, "replace": replace} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(1, 2))
			data := noise(1, size)
			before := chunksOf(t, data)
			average := size / len(before)
			require.InDelta(t, chunkNormal*3/2, average, chunkNormal/4, "the average that is documented")
			for range edits {
				data = edit(data, rng.IntN(len(data)))
			}
			fresh := 0
			for sum, n := range chunksOf(t, data) {
				if before[sum] == 0 {
					fresh += n
				}
			}
			require.LessOrEqual(t, fresh, 2*edits*average, "%d new bytes for %d edits, %d is the average", fresh, edits, average)
			require.Positive(t, fresh)
		})
	}
}
