package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/slipway-ml/slipway/internal/dataset"
)

// otherTables opens the tables that a schema's foreign keys point to: a file or folder of that
// name beside the schema if there is one, otherwise of a data version.
func (o *DataOptions) otherTables(a *app, schema string) func(ctx context.Context, data, path string) (dataset.OtherTable, error) {
	return func(ctx context.Context, data, path string) (dataset.OtherTable, error) {
		local := data
		if !filepath.IsAbs(local) {
			local = filepath.Join(filepath.Dir(schema), filepath.FromSlash(data))
		}
		info, err := os.Stat(local)
		if err == nil {
			return localOther(local, info, data, path)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return dataset.OtherTable{}, err
		}
		l, err := o.open(ctx, a)
		if err != nil {
			return dataset.OtherTable{}, fmt.Errorf("there is no file %s, and: %w", clean(local), err)
		}
		other, err := l.OtherTable(ctx, data, path)
		if err != nil {
			return other, errors.Join(err, l.Close())
		}
		other.Source = lent{other.Source, l.Close}
		return other, nil
	}
}

func localOther(local string, info fs.FileInfo, data, path string) (other dataset.OtherTable, err error) {
	var paths []string
	if path != "" {
		paths = []string{path}
	}
	tables, err := localTables(local, info, paths)
	if err != nil {
		return other, err
	}
	t, err := oneTable(tables)
	if err != nil {
		return other, err
	}
	other.Label = data
	if info.IsDir() {
		other.Label += ", " + t.name
	}
	other.Source, err = t.open()
	return other, err
}

// lent is a table of a library that is closed with it.
type lent struct {
	dataset.Source
	library func() error
}

// Unwrap implements dataset.Wrapped.
func (l lent) Unwrap() dataset.Source { return l.Source }

// Close implements dataset.Source.
func (l lent) Close() error { return errors.Join(l.Source.Close(), l.library()) }

var _ dataset.Wrapped = lent{}
