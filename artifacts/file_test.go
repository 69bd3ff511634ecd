package artifacts

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFolderBitFlipOnDisk(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s := openStore(t, root)
	b := noise(30, spoolMemory+9)
	ref, err := s.PutBytes(t.Context(), b, "")
	require.NoError(t, err)
	path := filepath.Join(root, keyOf(ref.Digest))
	require.Equal(t, ref.Digest, fileDigest(t, path), "a blob is one file, its bytes and nothing else")

	for _, at := range []int64{0, spoolMemory, int64(len(b)) - 1} {
		overwrite(t, path, func(f *os.File) error {
			_, err := f.WriteAt([]byte{b[at] ^ 1}, at)
			return err
		})
		requireDamaged(t, s, ref.Digest)
		overwrite(t, path, func(f *os.File) error {
			_, err := f.WriteAt(b[at:at+1], at)
			return err
		})
		require.NoError(t, s.Verify(t.Context(), ref.Digest))
	}
	overwrite(t, path, func(f *os.File) error { return f.Truncate(int64(len(b)) - 1) })
	requireDamaged(t, s, ref.Digest)
	_, err = s.PutBytes(t.Context(), b, "")
	require.NoError(t, err)
	require.NoError(t, s.Verify(t.Context(), ref.Digest))
}

func TestFolderLeavesNothingElse(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s := openStore(t, root, WithMaxSize(2*spoolMemory))
	for _, n := range []int{10, spoolMemory + 10} {
		b := noise(31, n)
		for range 2 { // the second is a duplicate
			_, err := s.PutBytes(t.Context(), b, "text/csv")
			require.NoError(t, err)
		}
		_, err := s.PutExpect(t.Context(), io.LimitReader(zeros{}, int64(n)), DigestOf(b), "")
		require.ErrorIs(t, err, ErrMismatch)
	}
	_, err := s.Put(t.Context(), zeros{}, "")
	require.ErrorIs(t, err, ErrTooLarge)

	var files []string
	require.NoError(t, filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			files = append(files, path)
			info, err := e.Info()
			require.NoError(t, err)
			require.Zero(t, info.Mode().Perm()&0o222, "a blob is read-only")
		}
		return err
	}))
	require.Len(t, files, 2)
}

func TestFolderReopened(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	ref, err := openStore(t, root).PutBytes(t.Context(), []byte("kept"), "")
	require.NoError(t, err)
	s := openStore(t, "file://"+root)
	got, err := s.Read(t.Context(), ref.Digest, 100)
	require.NoError(t, err)
	require.Equal(t, "kept", string(got))
}

func TestOpenRemovesOldTemporaryFiles(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s := openStore(t, root)
	old, young, foreign := filepath.Join(root, tempDir, "put-OLD.tmp"), filepath.Join(root, tempDir, "put-YOUNG.tmp"), filepath.Join(root, tempDir, "README")
	for _, path := range []string{old, young, foreign} {
		require.NoError(t, os.WriteFile(path, []byte("half"), 0o644))
	}
	long := time.Now().Add(-25 * time.Hour)
	require.NoError(t, os.Chtimes(old, long, long))
	require.NoError(t, os.Chtimes(foreign, long, long))
	require.Empty(t, listed(t, s))

	openStore(t, root)
	require.NoFileExists(t, old)
	require.FileExists(t, young, "another process may be writing it")
	require.FileExists(t, foreign)
}

func TestFolderThatCannotBe(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	for _, url := range []string{file, filepath.Join(file, "below"), "file://" + filepath.Join(file, "far", "below")} {
		_, err := Open(t.Context(), url)
		require.ErrorContains(t, err, "not a directory", url)
		require.ErrorContains(t, err, "a file stands where", url)
		require.ErrorContains(t, err, file, url)
	}
	_, err := Open(t.Context(), "/proc/1/nowhere")
	require.ErrorContains(t, err, "/proc/1/nowhere")
}

// A file where a blob's folder must be stands in for a folder that refuses
// writes: tests may run as root, whom no mode bit stops.
func TestFolderThatRefusesWrites(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s := openStore(t, root)
	b := []byte("content")
	d := DigestOf(b)
	require.NoError(t, os.WriteFile(filepath.Join(root, casPrefix, d.Hex()[:2]), nil, 0o644))
	_, err := s.PutBytes(t.Context(), b, "")
	require.ErrorContains(t, err, "put "+string(d))
	require.ErrorContains(t, err, "a file stands where")
	left, err := os.ReadDir(filepath.Join(root, tempDir))
	require.NoError(t, err)
	require.Empty(t, left)
}

// A store whose volume is gone must not look like an empty one, nor be made
// anew on whatever lies under the mount point.
func TestFolderThatVanished(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "volume")
	s := openStore(t, root)
	_, err := s.PutBytes(t.Context(), []byte("before"), "")
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(root))
	for _, n := range []int{10, spoolMemory + 10} {
		_, err = s.PutBytes(t.Context(), noise(32, n), "")
		require.ErrorIs(t, err, os.ErrNotExist)
	}
	require.NoDirExists(t, root)
	for _, err := range s.List(t.Context()) {
		require.ErrorIs(t, err, os.ErrNotExist)
	}
}

func TestOpenRefusesBadLimits(t *testing.T) {
	t.Parallel()
	_, err := Open(t.Context(), "mem://", WithMaxSize(0))
	require.ErrorContains(t, err, "max size is 0 bytes, must be at least 1")
	_, err = Open(t.Context(), "mem://", WithStallTimeout(-1))
	require.ErrorContains(t, err, "stall timeout")
	s := openStore(t, "mem://", WithMaxSize(1<<63-1))
	_, err = s.PutBytes(t.Context(), []byte("x"), "")
	require.NoError(t, err)
}

func TestPartSize(t *testing.T) {
	t.Parallel()
	for size, want := range map[int64]int{0: 8 << 20, 80_000 << 20: 8 << 20, 100_000_000_001: 10_000_001, 5 << 40: 549755814} {
		require.Equal(t, want, partSize(size), size)
		require.LessOrEqual(t, (size+int64(want)-1)/int64(want), int64(10_000))
	}
}

// overwrite changes a blob behind the store's back.
func overwrite(t *testing.T, path string, change func(*os.File) error) {
	t.Helper()
	require.NoError(t, os.Chmod(path, 0o644))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	require.NoError(t, change(f))
	require.NoError(t, f.Close())
}
