package dataversion

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/dataset"
)

// PutFile stores what r yields, whatever its digest, for AddVersion to make part
// of a version. Until then a collection may take it after its grace; HasFile puts that off.
func (l *Library) PutFile(ctx context.Context, r io.Reader) (artifacts.Entry, error) {
	return l.repository.AddFile(ctx, "file", r)
}

// CutFile cuts a file that is read as a table into spans of rows; see dataset.Cut.
func (l *Library) CutFile(ctx context.Context, e artifacts.Entry, rows int, progress func(bytes int64)) (_ dataset.Layout, err error) {
	file, err := l.open(ctx, e.Digest)
	if err != nil {
		return dataset.Layout{}, fmt.Errorf("open %s: %w", e.Path, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return dataset.Cut(ctx, file, file.Size(), e.Path, rows, progress)
}

// AddVersion makes stored files a data version; existed tells that it was on
// record before. The error wraps artifacts.ErrNotFound if a file is not stored any more.
func (l *Library) AddVersion(ctx context.Context, v NewVersion, entries []artifacts.Entry, m catalog.Mark) (saved catalog.DataVersion, existed bool, err error) {
	if err := l.catalog.CheckDataName(ctx, v.Name); err != nil {
		return catalog.DataVersion{}, false, err
	}
	tree, err := l.repository.AddTree(ctx, entries)
	if err != nil {
		return catalog.DataVersion{}, false, err
	}
	return l.catalog.SaveData(ctx, catalog.DataVersion{
		Name: v.Name, Description: v.Description, Digest: string(tree.Digest), Tree: true, FileCount: tree.Files, Bytes: tree.Bytes,
	}, m)
}
