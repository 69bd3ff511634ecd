package artifacts

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func testFetch(t *testing.T, s *Store) {
	b := noise(20, spoolMemory+5)
	ref, err := s.PutBytes(t.Context(), b, "")
	require.NoError(t, err)
	dir := t.TempDir()
	path := filepath.Join(dir, "model.onnx")

	require.NoError(t, s.Fetch(t.Context(), ref.Digest, path))
	require.Equal(t, ref.Digest, fileDigest(t, path))
	first, err := os.Stat(path)
	require.NoError(t, err)

	require.NoError(t, s.Fetch(t.Context(), ref.Digest, path))
	second, err := os.Stat(path)
	require.NoError(t, err)
	require.True(t, os.SameFile(first, second), "a file that is right is kept")

	require.NoError(t, os.WriteFile(path, b[:100], 0o644))
	require.NoError(t, s.Fetch(t.Context(), ref.Digest, path))
	require.Equal(t, ref.Digest, fileDigest(t, path), "a file that is not is replaced")

	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1)
}

func testFetchErrors(t *testing.T, s *Store) {
	ref, err := s.PutBytes(t.Context(), []byte("content"), "")
	require.NoError(t, err)
	dir := t.TempDir()
	require.ErrorContains(t, s.Fetch(t.Context(), ref.Digest, dir), "not a regular file")
	fifo := filepath.Join(dir, "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	require.ErrorContains(t, s.Fetch(t.Context(), ref.Digest, fifo), "not a regular file", "and does not wait for a writer")
	require.ErrorIs(t, s.Fetch(t.Context(), ref.Digest, filepath.Join(dir, "no", "such", "folder")), os.ErrNotExist)

	kept := filepath.Join(dir, "kept")
	require.NoError(t, os.WriteFile(kept, []byte("older"), 0o644))
	require.ErrorIs(t, s.Fetch(t.Context(), DigestOf([]byte("missing")), kept), ErrNotFound)
	got, err := os.ReadFile(kept)
	require.NoError(t, err)
	require.Equal(t, "older", string(got))
}

func TestFetchRemovesWhatACrashLeft(t *testing.T) {
	t.Parallel()
	s := openStore(t, "mem://")
	ref, err := s.PutBytes(t.Context(), []byte("content"), "")
	require.NoError(t, err)
	dir := t.TempDir()
	old, young, foreign := filepath.Join(dir, ".m-OLD.tmp"), filepath.Join(dir, ".m-YOUNG.tmp"), filepath.Join(dir, ".other-OLD.tmp")
	for _, path := range []string{old, young, foreign} {
		require.NoError(t, os.WriteFile(path, []byte("half"), 0o644))
	}
	long := time.Now().Add(-2 * tempAge)
	require.NoError(t, os.Chtimes(old, long, long))
	require.NoError(t, os.Chtimes(foreign, long, long))
	require.NoError(t, s.Fetch(t.Context(), ref.Digest, filepath.Join(dir, "m")))
	require.NoFileExists(t, old)
	require.FileExists(t, young, "it may be in use")
	require.FileExists(t, foreign)
}

func fileDigest(t *testing.T, path string) Digest {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return DigestOf(b)
}
