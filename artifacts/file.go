package artifacts

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
)

const (
	// tempDir is the folder, beside cas, of files not yet finished. It is in the
	// same file system as the blobs, so that a rename is all it takes.
	tempDir = "tmp"
	// tempSuffix ends the name of every temporary file this package makes.
	tempSuffix = ".tmp"
	// tempAge is how long a temporary file may lie untouched before it counts
	// as left by a crash. A live writer touches its file far more often.
	tempAge = 24 * time.Hour
)

// folder is the backend of a store in a folder. It writes by itself, because
// fileblob never syncs a file or a folder; it reads through fileblob.
type folder struct{ root string }

var _ backend = folder{}

func openFolder(root string) (*blob.Bucket, backend, error) {
	f := folder{root: root}
	for _, dir := range []string{filepath.Join(root, casPrefix), f.temp()} {
		if err := makeDir(dir); err != nil {
			return nil, nil, err
		}
	}
	// What a crash left costs space and nothing else: a folder that is mounted
	// read-only, or shared with a writer who owns the files, still opens.
	_ = sweepTemp(f.temp(), "", time.Now().Add(-tempAge))
	// Without a sidecar no MD5 is computed and a blob is exactly one file.
	bucket, err := fileblob.OpenBucket(root, &fileblob.Options{NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	if err != nil {
		return nil, nil, err
	}
	return bucket, f, nil
}

func (f folder) temp() string { return filepath.Join(f.root, tempDir) }

func (f folder) path(key string) string { return filepath.Join(f.root, filepath.FromSlash(key)) }

func (f folder) spoolTo() spoolPlace { return spoolPlace{dir: f.temp(), keepName: true} }

// commit implements the ritual temp, sync, rename, sync of folders. The name
// appears only after the bytes are on disk, so no crash shows a short blob.
func (f folder) commit(ctx context.Context, key string, sp *spool, _ string) error {
	if sp.file == nil {
		if err := f.materialise(sp); err != nil {
			return err
		}
	}
	if err := finish(sp.file); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	path := f.path(key)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	if err := os.Rename(sp.file.Name(), path); err != nil {
		return err
	}
	sp.named = false
	return f.syncAbove(path)
}

// materialise gives content that was spooled in memory a file.
func (f folder) materialise(sp *spool) (err error) {
	if sp.file, err = createDirect(f.temp(), sp.mem); err != nil || sp.file != nil {
		sp.named = err == nil
		return err
	}
	if sp.file, err = createTemp(f.temp(), "put-"); err != nil {
		return err
	}
	sp.named = true
	_, err = sp.file.Write(sp.mem)
	return err
}

// settle syncs what another writer may have renamed into place and not synced.
func (f folder) settle(_ context.Context, key string) error {
	path := f.path(key)
	if err := syncPath(path); err != nil {
		return err
	}
	return f.syncAbove(path)
}

// syncAbove syncs every folder from that of path up to the root. All of them,
// each time: any may have been made by a writer that has not synced it yet, and
// syncing a clean folder costs next to nothing.
func (f folder) syncAbove(path string) error {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if err := syncPath(dir); err != nil {
			return err
		}
		if dir == f.root || dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// list walks the folder itself: fileblob passes over what it cannot read, and
// to a garbage collector "could not look" must not mean "is not there".
func (f folder) list(ctx context.Context, prefix string) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		top := filepath.Join(f.root, filepath.FromSlash(prefix))
		err := filepath.WalkDir(top, func(path string, e fs.DirEntry, err error) error {
			if path == top && errors.Is(err, fs.ErrNotExist) {
				return nil // nothing was ever put there
			}
			if err == nil {
				err = context.Cause(ctx)
			}
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil // deleted since the folder was read
			}
			if err != nil {
				return err
			}
			key, err := filepath.Rel(f.root, path)
			if err != nil {
				return err
			}
			if !yield(entry{key: filepath.ToSlash(key), size: info.Size(), written: info.ModTime()}, nil) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			yield(entry{}, err)
		}
	}
}

// finish makes the bytes of a temporary file final: synced and read-only, for
// whoever else may write to it would damage it.
func finish(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if err := file.Chmod(info.Mode().Perm() &^ 0o222); err != nil {
		return err
	}
	return file.Sync()
}

// makeDir makes dir and the folders above it and syncs the parent of each one
// it made, without which a crash could take the whole store away.
func makeDir(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
	}
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := makeDir(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncPath(filepath.Dir(dir))
}

// syncPath syncs a file or a folder.
func syncPath(path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return unlessUnsupported(f.Sync())
}

// unlessUnsupported passes over what file systems say that cannot sync a folder:
// there, a rename is as durable as it gets.
func unlessUnsupported(err error) error {
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		return nil
	}
	return err
}

// sweepTemp removes the temporary files in dir, named prefix…tempSuffix, that
// were last written before the given time.
func sweepTemp(dir, prefix string, before time.Time) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.HasPrefix(e.Name(), prefix) || !strings.HasSuffix(e.Name(), tempSuffix) {
			continue
		}
		info, err := e.Info()
		if err == nil && info.ModTime().Before(before) {
			err = os.Remove(filepath.Join(dir, e.Name()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
