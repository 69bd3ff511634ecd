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
		b := noise(uint64(5+i), n)
		ref, err := s.PutBytes(t.Context(), b, "")
		require.NoError(t, err)
		b[n/2] ^= 0x10
		plant(t, s, keyOf(ref.Digest), b)
		requireDamaged(t, s, ref.Digest)
	}
}

func testTruncated(t *testing.T, s *Store) {
	b := noise(8, spoolMemory+77)
	ref, err := s.PutBytes(t.Context(), b, "")
	require.NoError(t, err)
	for _, n := range []int{len(b) - 1, 1, 0} {
		plant(t, s, keyOf(ref.Digest), b[:n])
		requireDamaged(t, s, ref.Digest)
	}
}

func testExtended(t *testing.T, s *Store) {
	b := noise(9, 4096)
	ref, err := s.PutBytes(t.Context(), b, "")
	require.NoError(t, err)
	plant(t, s, keyOf(ref.Digest), append(b, 0))
	requireDamaged(t, s, ref.Digest)
}

func testWrongSizeReplaced(t *testing.T, s *Store) {
	for _, n := range []int{600, spoolMemory + 600} {
		b := noise(10, n)
		plant(t, s, keyOf(DigestOf(b)), b[:n/2])
		ref, err := s.PutBytes(t.Context(), b, "")
		require.NoError(t, err)
		require.NoError(t, s.Verify(t.Context(), ref.Digest))
	}
}

func requireDamaged(t *testing.T, s *Store, d Digest) {
	t.Helper()
	for op, err := range everyRead(t, s, d) {
		require.ErrorIs(t, err, ErrDamaged, op)
		require.ErrorContains(t, err, string(d), op)
		require.ErrorContains(t, err, keyOf(d), op)
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
