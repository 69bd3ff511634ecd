package activities

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/dataversion"
)

// Get writes a version, or some files and columns of it, below the export folder.
func (d *Datasets) Get(ctx context.Context, in contract.GetDataInput) (contract.GetDataOutput, error) {
	to, err := d.exportPath(in.To)
	if err != nil {
		return contract.GetDataOutput{}, err
	}
	report, stop := beating(ctx)
	defer stop()
	v, err := d.Library.Catalog().Data(ctx, in.Ref)
	if err != nil {
		return contract.GetDataOutput{}, err
	}
	what := dataversion.Selection{Paths: in.Paths, Columns: in.Columns}
	if what.Mask, err = d.mask(ctx, in.Schema); err != nil {
		return contract.GetDataOutput{}, err
	}
	var done artifacts.Progress
	err = d.Library.Get(ctx, v, what, to, func(p artifacts.Progress) {
		done = p
		report(int(p.Bytes), int(p.BytesTotal), "bytes")
	})
	if errors.Is(err, dataversion.ErrColumns) || errors.Is(err, dataset.ErrSource) || errors.Is(err, dataset.ErrCSV) {
		err = invalid{err}
	}
	return contract.GetDataOutput{Version: versionOf(v), Files: done.Files, Bytes: done.Bytes}, err
}

// mask masks the personal columns of a stored schema; nil without one.
func (d *Datasets) mask(ctx context.Context, digest string) (*dataset.Masker, error) {
	switch {
	case digest == "":
		return nil, nil
	case len(d.MaskKey) == 0:
		return nil, invalid{errors.New("this worker has no masking key: personal columns can't be masked here")}
	}
	schema, err := d.schema(ctx, digest)
	if err != nil {
		return nil, err
	}
	return masker(d.MaskKey, schema)
}

// exportPath makes a folder below the export folder, which no symbolic link leads out of.
func (d *Datasets) exportPath(to string) (_ string, err error) {
	if d.ExportRoot == "" {
		return "", invalid{errors.New("this worker has no export folder: no data can be got here")}
	}
	local := filepath.FromSlash(to)
	if !filepath.IsLocal(local) {
		return "", invalid{fmt.Errorf("to %q: want a folder below the worker's export folder, relative to it", to)}
	}
	root, err := os.OpenRoot(d.ExportRoot)
	if err != nil {
		return "", fmt.Errorf("export folder: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	if err := root.MkdirAll(local, 0o777); err != nil {
		return "", invalid{fmt.Errorf("to %q: %w", to, err)}
	}
	return filepath.Join(d.ExportRoot, local), nil
}
