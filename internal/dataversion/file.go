package dataversion

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/dataset"
)

// HasFile tells whether the repository has a file of this digest. If it has, no
// collection takes it within its grace: time to make it part of a version.
func (l *Library) HasFile(ctx context.Context, file artifacts.Digest) (bool, error) {
	return l.repository.Keep(ctx, file)
}

// AddFile stores a file, in chunks that it shares with other versions, for
// Assemble to make part of a version. Content of another digest than the one
// that is wanted is an artifacts.ErrMismatch; what was stored of it is collected in time.
func (l *Library) AddFile(ctx context.Context, r io.Reader, want artifacts.Digest) (artifacts.Entry, error) {
	if _, err := artifacts.ParseDigest(string(want)); err != nil {
		return artifacts.Entry{}, err
	}
	e, err := l.repository.AddFile(ctx, "file", r)
	if err == nil && e.Digest != want {
		err = fmt.Errorf("store %s: %w: got %s, %d bytes", want, artifacts.ErrMismatch, e.Digest, e.Size)
	}
	return e, err
}

// ReadFile runs do on a file that is read as a table, by its digest and its
// name: a file of the repository or, as releases uploaded them once, a blob of
// the store. Size is not looked at.
func (l *Library) ReadFile(ctx context.Context, e artifacts.Entry, opts dataset.SourceOptions, do func(dataset.Source) error) (err error) {
	file, err := l.open(ctx, e.Digest)
	if err != nil {
		return fmt.Errorf("open %s: %w", e.Path, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	src, err := dataset.NewSource(file, file.Size(), e.Path, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	return do(src)
}

// ReadBytes is the content of a file of the repository or a blob of the store. The
// error wraps artifacts.ErrTooLarge if it has more than most bytes.
func (l *Library) ReadBytes(ctx context.Context, digest artifacts.Digest, most int64) (_ []byte, err error) {
	file, err := l.open(ctx, digest)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", digest, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if file.Size() > most {
		return nil, fmt.Errorf("read %s: %d bytes, %d are allowed: %w", digest, file.Size(), most, artifacts.ErrTooLarge)
	}
	out := make([]byte, file.Size())
	if _, err := io.ReadFull(io.NewSectionReader(file, 0, file.Size()), out); err != nil {
		return nil, fmt.Errorf("read %s: %w", digest, err)
	}
	return out, nil
}

// sizedFile is what tables are read from.
type sizedFile interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

func (l *Library) open(ctx context.Context, file artifacts.Digest) (sizedFile, error) {
	found, err := l.repository.Open(ctx, file)
	if errors.Is(err, artifacts.ErrNotFound) {
		return l.fetch(ctx, file)
	}
	return found, err
}

// fetch opens a blob of the store by way of a temporary file: formats such as
// Parquet are read from their end.
func (l *Library) fetch(ctx context.Context, blob artifacts.Digest) (_ sizedFile, err error) {
	dir, err := os.MkdirTemp("", "slipway-table-")
	if err != nil {
		return nil, err
	}
	t := &temporary{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.Close())
		}
	}()
	path := filepath.Join(dir, "table")
	if err := l.store.Fetch(ctx, blob, path); err != nil {
		return nil, err
	}
	if t.File, err = os.Open(path); err != nil {
		return nil, err
	}
	info, err := t.Stat()
	if err != nil {
		return nil, err
	}
	t.size = info.Size()
	return t, nil
}

// temporary is a file that goes with its folder when it is closed.
type temporary struct {
	*os.File
	dir  string
	size int64
}

// Size is in bytes.
func (t *temporary) Size() int64 { return t.size }

// Close implements io.Closer.
func (t *temporary) Close() error {
	var err error
	if t.File != nil {
		err = t.File.Close()
	}
	return errors.Join(err, os.RemoveAll(t.dir))
}
