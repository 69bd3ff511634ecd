package dataversion

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/dataset"
)

// Selection is a part of a version.
type Selection struct {
	// Paths picks files and folders; none picks all.
	Paths []string
	// Columns picks the columns of tables, in this order; none picks all. Every
	// picked file must then be CSV or Parquet and have each of them.
	Columns []string
	// Mask, where given, masks the personal columns. Every picked file must then be CSV or Parquet.
	Mask *dataset.Masker
}

// asTables tells that files are not copied but read as tables and written again.
func (s Selection) asTables() bool { return len(s.Columns) > 0 || s.Mask != nil }

// Get writes a part of a version below the folder to, which is made. A file
// that is there is replaced; what else is in the folder is left alone.
// Nothing is written outside of it, not through symbolic links in it either.
// What Get has written survives a power cut once it has returned.
func (l *Library) Get(ctx context.Context, d catalog.DataVersion, what Selection, to string, progress func(artifacts.Progress)) (err error) {
	if err := usable(d); err != nil {
		return err
	}
	if d.Tree && !what.asTables() {
		return l.repository.Get(ctx, artifacts.Digest(d.Digest), what.Paths, to, progress)
	}
	picked, err := l.Pick(ctx, d, what.Paths)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o777); err != nil {
		return err
	}
	root, err := os.OpenRoot(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	var now artifacts.Progress
	var dirs []string
	for _, e := range picked {
		now.FilesTotal++
		now.BytesTotal += e.Size
	}
	for _, e := range picked {
		write := func(w io.Writer) error { return l.copyFile(ctx, e, w) }
		if what.asTables() {
			write = func(w io.Writer) error { return l.copyColumns(ctx, d, e, what, w) }
		}
		if err := place(root, filepath.FromSlash(e.Path), write); err != nil {
			return fmt.Errorf("get %s: %w", e.Path, err)
		}
		dirs = append(dirs, filepath.Dir(filepath.FromSlash(e.Path)))
		now.Files++
		now.Bytes += e.Size
		if progress != nil {
			progress(now)
		}
	}
	return artifacts.SyncFolders(root, dirs)
}

// Pick lists the files that are one of the paths or lie below one; all without
// paths. A path that picks nothing is an artifacts.ErrNotFound.
func (l *Library) Pick(ctx context.Context, d catalog.DataVersion, paths []string) ([]artifacts.Entry, error) {
	found := map[string]bool{}
	paths = slices.Clone(paths)
	for i, p := range paths {
		paths[i] = path.Clean(filepath.ToSlash(p))
	}
	var picked []artifacts.Entry
	for e, err := range l.Entries(ctx, d) {
		if err != nil {
			return nil, err
		}
		take := len(paths) == 0
		for _, p := range paths {
			if p == "." || e.Path == p || strings.HasPrefix(e.Path, p+"/") {
				found[p], take = true, true
			}
		}
		if take {
			picked = append(picked, e)
		}
	}
	for _, p := range paths {
		if !found[p] {
			return nil, fmt.Errorf("data %s has no file or folder %q: %w", d.Label(), p, artifacts.ErrNotFound)
		}
	}
	return picked, nil
}

// copyFile writes an uploaded file to w; damage shows at its end.
func (l *Library) copyFile(ctx context.Context, e artifacts.Entry, w io.Writer) (err error) {
	r, err := l.store.Open(ctx, e.Digest)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	_, err = io.Copy(w, r)
	return err
}

// place makes a file of what write writes: beside its place first, then synced
// and renamed.
func place(root *os.Root, name string, write func(io.Writer) error) (err error) {
	dir := filepath.Dir(name)
	if err := root.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	temp := filepath.Join(dir, ".slipway-"+rand.Text()+".tmp")
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = root.Remove(temp)
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return root.Rename(temp, name)
}
