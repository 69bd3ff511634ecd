package artifacts

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
)

func testBitFlip(t *testing.T, s *Store) {
	for i, n := range []int{1, 5000, spoolMemory * 3} {
		ref, err := s.PutBytes(t.Context(), noise(uint64(5+i), n), "")
		require.NoError(t, err)
		key, b := object(t, s, ref.Digest)
		b[len(b)-(n+1)/2] ^= 0x10
		plant(t, s, key, b)
		requireDamaged(t, s, ref.Digest)
	}
}

func testTruncated(t *testing.T, s *Store) {
	ref, err := s.PutBytes(t.Context(), noise(8, spoolMemory+77), "")
	require.NoError(t, err)
	key, b := object(t, s, ref.Digest)
	// The third is whole segments of an encrypted blob.
	for _, n := range []int{len(b) - 1, 5000, sealHeader + 3*(sealSegment+sealOverhead), 1, 0} {
		plant(t, s, key, b[:n])
		requireDamaged(t, s, ref.Digest)
	}
}

func testExtended(t *testing.T, s *Store) {
	ref, err := s.PutBytes(t.Context(), noise(9, 4096), "")
	require.NoError(t, err)
	key, b := object(t, s, ref.Digest)
	for _, more := range [][]byte{{0}, make([]byte, sealSegment+sealOverhead)} {
		plant(t, s, key, append(b, more...))
		requireDamaged(t, s, ref.Digest)
	}
}

func testWrongSizeReplaced(t *testing.T, s *Store) {
	for _, n := range []int{600, spoolMemory + 600} {
		content := noise(10, n)
		ref, err := s.PutBytes(t.Context(), content, "")
		require.NoError(t, err)
		key, b := object(t, s, ref.Digest)
		for _, left := range []int{len(b) / 2, 3, 0} {
			plant(t, s, key, b[:left])
			_, err = s.PutBytes(t.Context(), content, "")
			require.NoError(t, err)
			require.NoError(t, s.Verify(t.Context(), ref.Digest))
		}
	}
}

// object is the key of a blob and what is there.
func object(t *testing.T, s *Store, d Digest) (string, []byte) {
	t.Helper()
	key := s.places(d)[0].key
	b, err := s.readObject(t.Context(), key, maxPack)
	require.NoError(t, err)
	return key, b
}

func requireDamaged(t *testing.T, s *Store, d Digest) {
	t.Helper()
	for op, err := range everyRead(t, s, d) {
		require.ErrorIs(t, err, ErrDamaged, op)
		require.ErrorContains(t, err, string(d), op)
		require.ErrorContains(t, err, s.places(d)[0].key, op)
	}
	dir := t.TempDir()
	require.Error(t, s.Fetch(t.Context(), d, filepath.Join(dir, "model.onnx")))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left, "nothing unverified is left behind")
}

// plant puts b at key past the store, as damage or another tool would.
func plant(t *testing.T, s *Store, key string, b []byte) {
	t.Helper()
	require.NoError(t, s.bucket.Upload(t.Context(), key, bytes.NewReader(b), &blob.WriterOptions{ContentType: "x/y"}))
}
