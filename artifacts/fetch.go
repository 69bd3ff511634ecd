package artifacts

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"
)

// Fetch puts the blob d into the file at path, verified before it gets that
// name and synced. A file at path that holds the content already is kept, any
// other regular file is replaced. The folder of path must exist.
//
// It fails with ErrNotFound and ErrDamaged; path is then as it was before.
func (s *Store) Fetch(ctx context.Context, d Digest, path string) error {
	if _, err := ParseDigest(string(d)); err != nil {
		return &Error{Op: "fetch", Err: err}
	}
	same, err := fileHas(ctx, path, d)
	if err != nil {
		return s.fail(ctx, "fetch", d, fmt.Errorf("look at %s: %w", path, err))
	}
	if same {
		return nil
	}
	v, err := s.open(ctx, "fetch", d)
	if err != nil {
		return err
	}
	if err := errors.Join(writeFile(path, v), v.Close()); err != nil {
		return s.fail(ctx, "fetch", d, fmt.Errorf("write %s: %w", path, err))
	}
	return nil
}

// fileHas tells whether path is a file with content d.
func fileHas(ctx context.Context, path string, d Digest) (_ bool, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() {
		return false, errors.New("it is there and is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	if _, err := io.CopyBuffer(h, &source{ctx: ctx, r: f, left: math.MaxInt64}, make([]byte, copyBuffer)); err != nil {
		return false, err
	}
	return sumDigest(h) == d, nil
}

// writeFile writes what r yields to path: a temporary file beside it, synced,
// then renamed. Files that crashed calls for the same path left are removed.
func writeFile(path string, r io.Reader) (err error) {
	dir, prefix := filepath.Dir(path), "."+filepath.Base(path)+"-"
	if err := sweepTemp(dir, prefix, time.Now().Add(-tempAge)); err != nil {
		return err
	}
	f, err := createTemp(dir, prefix)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	// The wrapper hides os.File's ReadFrom, which would choose a smaller buffer.
	if _, err := io.CopyBuffer(struct{ io.Writer }{f}, r, make([]byte, copyBuffer)); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncPath(dir)
}
