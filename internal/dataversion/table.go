package dataversion

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/dataset"
)

// IsTable tells by its name whether a file is read as a table.
func IsTable(name string) bool {
	return slices.Contains([]string{".csv", ".tsv", ".parquet", ".pq", ".npy", ".npz", ".jsonl", ".ndjson", ".jsonlines"}, strings.ToLower(path.Ext(name)))
}

// Tables lists the tables of a version: the files that the paths pick, or
// without paths those that are tables by their name. None is an error.
func (l *Library) Tables(ctx context.Context, d catalog.DataVersion, paths []string) ([]artifacts.Entry, error) {
	picked, err := l.Pick(ctx, d, paths)
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 && len(picked) > 1 {
		picked = slices.DeleteFunc(picked, func(e artifacts.Entry) bool { return !IsTable(e.Path) })
	}
	if len(picked) == 0 {
		return nil, fmt.Errorf("data %s has no table (CSV, Parquet, NPY, NPZ or JSON lines): %w", d.Label(), artifacts.ErrNotFound)
	}
	return picked, nil
}

// OpenTable opens a file of a version as a table.
func (l *Library) OpenTable(ctx context.Context, d catalog.DataVersion, e artifacts.Entry, opts dataset.SourceOptions) (dataset.Source, error) {
	if !d.Tree {
		return l.openUploaded(ctx, e, opts)
	}
	f, err := l.repository.Open(ctx, e.Digest)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", e.Path, err)
	}
	src, err := dataset.NewSource(f, f.Size(), e.Path, opts)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &held{Source: src, close: f.Close}, nil
}

// OtherTable opens a table of the data that ref names, for foreign keys: the file of that path, or without one the only table.
func (l *Library) OtherTable(ctx context.Context, ref, file string) (dataset.OtherTable, error) {
	d, err := l.catalog.Data(ctx, ref)
	if err != nil {
		return dataset.OtherTable{}, err
	}
	var paths []string
	if file != "" {
		paths = []string{file}
	}
	tables, err := l.Tables(ctx, d, paths)
	if err != nil {
		return dataset.OtherTable{}, err
	}
	if len(tables) > 1 {
		return dataset.OtherTable{}, fmt.Errorf("%w: %s has %d tables: name one by its path", catalog.ErrInvalid, d.Label(), len(tables))
	}
	src, err := l.OpenTable(ctx, d, tables[0], dataset.SourceOptions{})
	return dataset.OtherTable{Source: src, Label: d.Label() + ", " + tables[0].Path}, err
}

// openUploaded reads a blob by way of a temporary file: formats such as Parquet
// are read from their end.
func (l *Library) openUploaded(ctx context.Context, e artifacts.Entry, opts dataset.SourceOptions) (_ dataset.Source, err error) {
	dir, err := os.MkdirTemp("", "slipway-table-")
	if err != nil {
		return nil, err
	}
	remove := func() error { return os.RemoveAll(dir) }
	defer func() {
		if err != nil {
			err = errors.Join(err, remove())
		}
	}()
	file := filepath.Join(dir, "table")
	if err := l.store.Fetch(ctx, e.Digest, file); err != nil {
		return nil, err
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	src, err := dataset.NewSource(f, e.Size, e.Path, opts)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &held{Source: src, close: func() error { return errors.Join(f.Close(), remove()) }}, nil
}

// held closes what is behind a source with it, once.
type held struct {
	dataset.Source
	close func() error
}

// Unwrap implements dataset.Wrapped.
func (h *held) Unwrap() dataset.Source { return h.Source }

// Close implements dataset.Source.
func (h *held) Close() error {
	err := h.Source.Close()
	if h.close != nil {
		err = errors.Join(err, h.close())
		h.close = nil
	}
	return err
}

var _ dataset.Wrapped = (*held)(nil)
