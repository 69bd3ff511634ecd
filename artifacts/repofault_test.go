package artifacts

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// faulty fails some of the writes of a backend, as an S3 server or a disk does.
type faulty struct {
	backend
	fail func(n int64) error // called by one at a time
	n    atomic.Int64
	mu   sync.Mutex
}

func (f *faulty) commit(ctx context.Context, key string, sp *spool, mediaType string) error {
	f.mu.Lock()
	err := f.fail(f.n.Add(1))
	f.mu.Unlock()
	if err != nil {
		return err
	}
	return f.backend.commit(ctx, key, sp, mediaType)
}

func (f *faulty) list(ctx context.Context, prefix string) iter.Seq2[entry, error] {
	return f.backend.list(ctx, prefix)
}

// Whatever write fails, the error is clear, and trying again succeeds and does
// not write anew what was written.
func TestFailedWritesThenSuccess(t *testing.T) {
	t.Parallel()
	broken := errors.New("503 Slow Down")
	for mode, o := range modes(t, 1) {
		s := openStore(t, filepath.Join(t.TempDir(), "store"), o...)
		last := int64(0)
		f := &faulty{backend: s.backend, fail: func(n int64) error {
			if n > last { // one more write gets through each time
				return broken
			}
			return nil
		}}
		s.backend = f
		r := openRepository(t, s, blobindex.NewMemory(), Options{})
		dir := folderOf(t, map[string][]byte{"a": noise(1, 17<<20), "b": noise(2, 100)})
		tries := 0
		for {
			tree, err := r.Add(t.Context(), dir, nil)
			if err == nil {
				requireTree(t, r, tree.Digest, contentOf(t, dir))
				requireSound(t, r, tree.Digest)
				break
			}
			require.ErrorIs(t, err, broken, mode)
			require.ErrorContains(t, err, dir)
			f.n.Store(0)
			last++
			tries++
		}
		require.Greater(t, tries, 1)
	}
}

// failing is an index whose calls fail for a while.
type failing struct {
	*blobindex.Memory
	left atomic.Int64
}

var errDown = errors.New("the database is down")

func (f *failing) SavePack(ctx context.Context, upload string, p blobindex.Pack, blobs []blobindex.Blob) (int, error) {
	if f.left.Add(-1) >= 0 {
		return 0, errDown
	}
	return f.Memory.SavePack(ctx, upload, p, blobs)
}

// A pack that was written and not saved is an orphan, and no harm.
func TestIndexFailsThenSuccess(t *testing.T) {
	t.Parallel()
	x := &failing{Memory: blobindex.NewMemory()}
	r := openRepository(t, openStore(t, "mem://"), x, Options{})
	x.left.Store(2)
	files := sample()
	dir := folderOf(t, files)
	_, err := r.Add(t.Context(), dir, nil)
	require.ErrorIs(t, err, errDown)
	x.left.Store(0)
	tree, err := r.Add(t.Context(), dir, nil)
	require.NoError(t, err)
	requireTree(t, r, tree.Digest, files)
	requireSound(t, r, tree.Digest)
}

func TestReadOnlyStore(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "store")
	r := openRepository(t, openStore(t, root), blobindex.NewMemory(), Options{})
	files := sample()
	tree := add(t, r, files)
	s := openStore(t, root)
	f := &faulty{backend: s.backend, fail: func(int64) error {
		return &os.PathError{Op: "open", Path: root, Err: syscall.EROFS}
	}}
	s.backend = f
	readOnly := openRepository(t, s, r.index, Options{})
	requireTree(t, readOnly, tree.Digest, files)
	require.Zero(t, add(t, readOnly, files).Stored, "what is there needs no writing")
	files["new"] = noise(8, 100)
	_, err := readOnly.Add(t.Context(), folderOf(t, files), nil)
	require.ErrorIs(t, err, syscall.EROFS)
	require.ErrorContains(t, err, "write access")
	f.fail = func(int64) error { return nil }
	requireTree(t, readOnly, add(t, readOnly, files).Digest, files)
}

// fullDiskEnv names the mounted file system that a child of the test fills.
const fullDiskEnv = "SLIPWAY_ARTIFACTS_FULL_DISK"

// A full disk is a real one here: a small tmpfs in a mount namespace of a child.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	if dir := os.Getenv(fullDiskEnv); dir != "" {
		fullDisk(t, dir)
		return
	}
	if runtime.GOOS != "linux" {
		t.Log("mount namespaces are Linux's; TestFailedWritesThenSuccess covers other systems")
		return
	}
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	script := fmt.Sprintf("mount -t tmpfs -o size=24m tmpfs %q && exec %q -test.run '^TestFullDisk$' -test.v", dir, self)
	cmd := exec.Command("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script)
	if os.Getuid() == 0 {
		cmd = exec.Command("unshare", "--mount", "sh", "-c", script)
	}
	cmd.Env = append(os.Environ(), fullDiskEnv+"="+dir)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: TestFullDisk")
}

func fullDisk(t *testing.T, dir string) {
	source := os.TempDir()
	large, err := os.CreateTemp(source, "full-disk-")
	require.NoError(t, err)
	defer func() { require.NoError(t, os.Remove(large.Name())) }()
	_, err = large.Write(noise(1, 40<<20))
	require.NoError(t, err)
	require.NoError(t, large.Close())
	r := openRepository(t, openStore(t, filepath.Join(dir, "store")), blobindex.NewMemory(), Options{})
	kept := add(t, r, map[string][]byte{"a": noise(2, 1<<20)})
	_, err = r.Add(t.Context(), large.Name(), nil)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorContains(t, err, "free space")
	requireSound(t, r, kept.Digest)
	left, err := os.ReadDir(filepath.Join(dir, "store", tempDir))
	require.NoError(t, err)
	require.Empty(t, left, "what did not fit is not left in the way")
	// More room, and it goes on.
	require.NoError(t, exec.Command("mount", "-o", "remount,size=100m", dir).Run())
	tree, err := r.Add(t.Context(), large.Name(), nil)
	require.NoError(t, err)
	require.Less(t, tree.Stored, int64(41<<20))
	requireSound(t, r, kept.Digest, tree.Digest)
}

func TestRefusedFiles(t *testing.T) {
	t.Parallel()
	r := openRepository(t, openStore(t, "mem://"), blobindex.NewMemory(), Options{})
	dir := folderOf(t, map[string][]byte{"a": {1}})
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(dir, "link")))
	_, err := r.Add(t.Context(), dir, nil)
	require.ErrorIs(t, err, ErrUnsupported)
	require.ErrorContains(t, err, filepath.Join(dir, "link")+" is a symbolic link to /etc/passwd")
	require.NoError(t, os.Remove(filepath.Join(dir, "link")))
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o666))
	_, err = r.Add(t.Context(), dir, nil)
	require.ErrorIs(t, err, ErrUnsupported)
	require.ErrorContains(t, err, "pipe")
	require.NoError(t, os.Remove(filepath.Join(dir, "pipe")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "\xff"), nil, 0o666))
	_, err = r.Add(t.Context(), dir, nil)
	require.ErrorIs(t, err, ErrUnsupported)
	require.ErrorContains(t, err, "UTF-8")

	changed := found{file: filepath.Join(dir, "a"), stamp: fileStamp{size: 2}}
	_, err = readUnchanged(changed)
	require.ErrorIs(t, err, ErrChanged)
	for _, o := range []Options{{Workers: -1}, {Workers: 65}} {
		_, err = NewRepository(r.store, r.index, o)
		require.ErrorContains(t, err, "workers")
	}
	_, err = NewRepository(nil, r.index, Options{})
	require.Error(t, err)
}

// Nothing of the content, and no digest of it, is in an encrypted store.
func TestEncryptedStoreShowsNothing(t *testing.T) {
	t.Parallel()
	r := openRepository(t, openStore(t, "mem://", WithKeepers(testKeeper(t, 1))), blobindex.NewMemory(), Options{NoCompression: true})
	secret := []byte("a name, a date of birth and a diagnosis")
	tree := add(t, r, map[string][]byte{"patients.csv": secret})
	sum, err := sumOf(DigestOf(secret))
	require.NoError(t, err)
	for _, key := range objectsOf(t, r) {
		b, err := r.store.readObject(t.Context(), key, maxPack)
		require.NoError(t, err)
		for _, word := range []string{string(secret), "patients", string(sum[:]), sum.String(), tree.Digest.Hex()} {
			require.NotContains(t, string(b), word)
			require.NotContains(t, key, word)
		}
	}
}
