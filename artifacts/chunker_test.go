package artifacts

import (
	"bytes"
	"errors"
	"io"
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
		"average": noise(3, chunkAverage),
		"largest": noise(4, chunkMax),
		"window":  noise(5, windowBytes),
		"windows": noise(6, 2*windowBytes+12345),
		"mixed":   slices.Concat(make([]byte, windowBytes-100), noise(7, chunkMax), bytes.Repeat([]byte("ab"), 1<<20), noise(8, 200)),
	} {
		var want [][]byte
		whole, err := chunkers.NewChunker(chunkAlgorithm, bytes.NewReader(data), &chunkers.ChunkerOpts{MinSize: chunkMin, NormalSize: chunkAverage, MaxSize: chunkMax})
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
				got = append(got, bytes.Clone((*g.data)[at:at+int(c.size)]))
				at += int(c.size)
			}
			require.Len(t, *g.data, at)
			pool.release(g)
			pool.release(g)
		}))
		require.Len(t, got, len(want), name)
		for i := range want {
			require.True(t, bytes.Equal(want[i], got[i]), "%s: chunk %d", name, i)
		}
	}
}
