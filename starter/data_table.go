package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/dataversion"
)

// table is a file that is read as a table, local or of a data version.
type table struct {
	name string
	open func() (dataset.Source, error)
}

// withTables runs do on the tables of DATA: a local file or folder if there is
// one of that name, otherwise a data version. Paths pick among the files; without
// paths a single file is taken as it is, and of several those that are tables by their name.
func (o *DataOptions) withTables(ctx context.Context, a *app, data string, paths []string, do func([]table) error) error {
	info, err := os.Stat(data)
	switch {
	case err == nil:
		tables, err := localTables(data, info, paths)
		if err != nil {
			return err
		}
		return do(tables)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return o.withVersion(ctx, a, data, func(l *dataversion.Library, d catalog.DataVersion) error {
		picked, err := l.Tables(ctx, d, paths)
		if err != nil {
			return err
		}
		tables := make([]table, len(picked))
		for i, e := range picked {
			tables[i] = table{e.Path, func() (dataset.Source, error) { return l.OpenTable(ctx, d, e, dataset.SourceOptions{}) }}
		}
		return do(tables)
	})
}

// localTables lists the tables of a local file or folder, in the order of their names.
func localTables(data string, info fs.FileInfo, paths []string) ([]table, error) {
	local := func(name, path string) table {
		return table{name, func() (dataset.Source, error) { return dataset.OpenSource(path, dataset.SourceOptions{}) }}
	}
	if !info.IsDir() {
		if len(paths) > 0 {
			return nil, usagef("--path picks files of a folder or a data version, and %s is a file", clean(data))
		}
		return []table{local(filepath.Base(data), data)}, nil
	}
	var tables []table
	for _, p := range paths {
		tables = append(tables, local(p, filepath.Join(data, filepath.FromSlash(p))))
	}
	if len(tables) > 0 {
		return tables, nil
	}
	err := filepath.WalkDir(data, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || !dataversion.IsTable(path) {
			return err
		}
		name, err := filepath.Rel(data, path)
		tables = append(tables, local(filepath.ToSlash(name), path))
		return err
	})
	if err == nil && len(tables) == 0 {
		err = fmt.Errorf("%s has no table: want CSV, Parquet, NPY, NPZ or JSON lines", clean(data))
	}
	return tables, err
}

// oneTable refuses all but one.
func oneTable(tables []table) (table, error) {
	if len(tables) == 1 {
		return tables[0], nil
	}
	const most = 5
	names := make([]string, 0, most)
	for _, t := range tables[:min(len(tables), most)] {
		names = append(names, clean(t.name))
	}
	if len(tables) > most {
		names = append(names, "…")
	}
	return table{}, usagef("there are %d tables (%s): pick one with --path", len(tables), strings.Join(names, ", "))
}

// read runs do on the open table.
func (t table) read(do func(dataset.Source) error) (err error) {
	src, err := t.open()
	if err != nil {
		return dataError(err)
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	return dataError(do(src))
}

// readSchema reads a schema from a file.
func readSchema(file string) (*dataset.Schema, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	return dataset.ParseSchema(filepath.Base(file), b)
}

// readMasker makes a masker from a file that holds the key; nil without one.
func readMasker(file string, s *dataset.Schema) (*dataset.Masker, error) {
	if file == "" {
		return nil, nil
	}
	key, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("masking key: %w", err)
	}
	return dataset.NewMasker([]byte(strings.TrimSpace(string(key))), s)
}
