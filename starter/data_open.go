package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/dataversion"
	"github.com/slipway-ml/slipway/internal/stack"
)

// place is where catalog and store are.
type dataPlace struct {
	catalog, artifacts string
	state              string // the folder that both are in; empty if they were named
}

// place finds catalog and store: both are named, or both are in the state folder.
func (o *DataOptions) place(a *app) (dataPlace, error) {
	p := dataPlace{catalog: a.setting(o.Catalog, "SLIPWAY_CATALOG"), artifacts: a.setting(o.Artifacts, "SLIPWAY_ARTIFACTS")}
	if file := a.getenv("SLIPWAY_CATALOG_FILE"); p.catalog == "" && file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return p, fmt.Errorf("SLIPWAY_CATALOG_FILE: %w", err)
		}
		p.catalog = strings.TrimSpace(string(b))
	}
	switch {
	case p.catalog != "" && p.artifacts != "":
		return p, nil
	case p.catalog != "":
		return p, usagef("a catalog is named and no store: name the one that belongs to it with --artifacts or SLIPWAY_ARTIFACTS")
	case p.artifacts != "":
		return p, usagef("a store is named and no catalog: name the one that belongs to it with --catalog or SLIPWAY_CATALOG")
	}
	state := a.setting(a.options.State, "SLIPWAY_STATE")
	if state == "" {
		state = stack.DefaultState
	}
	state, err := filepath.Abs(state)
	if err != nil {
		return p, fmt.Errorf("state folder: %w", err)
	}
	return dataPlace{catalog: filepath.Join(state, "slipway.db"), artifacts: filepath.Join(state, "artifacts"), state: state}, nil
}

// exists tells whether there is a catalog; one that is named counts as there.
func (p dataPlace) exists() (bool, error) {
	if p.state == "" {
		return true, nil
	}
	_, err := os.Stat(p.catalog)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// direct tells whether list and show open the catalog themselves: not where a
// control API is named and no catalog, and not where there is none.
func (o *DataOptions) direct(a *app) (bool, error) {
	p, err := o.place(a)
	if err != nil {
		return false, err
	}
	if p.state != "" && a.setting(a.options.Control, "SLIPWAY_CONTROL") != "" {
		return false, nil
	}
	return p.exists()
}

// open opens catalog and store; the caller closes the library.
func (o *DataOptions) open(ctx context.Context, a *app) (*dataversion.Library, error) {
	p, err := o.place(a)
	if err != nil {
		return nil, err
	}
	there, err := p.exists()
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, fmt.Errorf("no catalog in %s: add data with 'slipway data add', or name catalog and store with --catalog and --artifacts", p.state)
	}
	return o.openAt(ctx, a, p)
}

// openNew is open that makes catalog and store in the state folder if they are not there.
func (o *DataOptions) openNew(ctx context.Context, a *app) (*dataversion.Library, error) {
	p, err := o.place(a)
	if err != nil {
		return nil, err
	}
	if p.state != "" {
		if err := os.MkdirAll(p.state, 0o700); err != nil {
			return nil, fmt.Errorf("state folder: %w", err)
		}
	}
	return o.openAt(ctx, a, p)
}

func (o *DataOptions) openAt(ctx context.Context, a *app, p dataPlace) (*dataversion.Library, error) {
	key, err := o.encryptionKey(a)
	if err != nil {
		return nil, err
	}
	cache := a.setting(o.Cache, "SLIPWAY_CACHE")
	if cache == "" {
		cache = dataversion.CacheFolder()
	}
	return dataversion.Open(ctx, dataversion.Config{
		Catalog: p.catalog, Artifacts: p.artifacts, EncryptionKey: key, Cache: cache,
	})
}

// encryptionKey finds the setting of the keys that wrap the data keys.
func (o *DataOptions) encryptionKey(a *app) (string, error) {
	file := a.getenv("SLIPWAY_ENCRYPTION_KEY_FILE")
	if file == "" || o.EncryptionKey != "" {
		return a.setting(o.EncryptionKey, "SLIPWAY_ENCRYPTION_KEY"), nil
	}
	b, err := os.ReadFile(file)
	if err == nil && strings.TrimSpace(string(b)) == "" {
		err = fmt.Errorf("%s is empty: it must hold the key's URL", file)
	}
	if err != nil {
		return "", fmt.Errorf("SLIPWAY_ENCRYPTION_KEY_FILE: %w", err)
	}
	return string(b), nil
}

// with runs do on the library and closes it.
func (o *DataOptions) with(ctx context.Context, a *app, do func(*dataversion.Library) error) (err error) {
	l, err := o.open(ctx, a)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	return do(l)
}

// withVersion runs do on a data version and closes the library.
func (o *DataOptions) withVersion(ctx context.Context, a *app, ref string, do func(*dataversion.Library, catalog.DataVersion) error) error {
	return o.with(ctx, a, func(l *dataversion.Library) error {
		d, err := findData(ctx, l, ref)
		if err != nil {
			return err
		}
		return do(l, d)
	})
}

func findData(ctx context.Context, l *dataversion.Library, ref string) (catalog.DataVersion, error) {
	d, err := l.Catalog().Data(ctx, ref)
	if errors.Is(err, catalog.ErrNotFound) {
		return d, fmt.Errorf("there is no data %q: 'slipway data list --deleted' shows what there is: %w", clean(ref), err)
	}
	return d, err
}

// mark is who asks for a change of data, and why.
func (a *app) mark(reason string) (catalog.Mark, error) {
	who, err := a.user()
	return catalog.Mark{Key: "cli/" + newID(), Actor: who, Reason: reason}, err
}

// dataError adds what a person can do about a store's error.
func dataError(err error) error {
	if errors.Is(err, artifacts.ErrDamaged) {
		return fmt.Errorf("%w\n  'slipway data verify' names all that is damaged; 'slipway data verify --forget' and adding the same data again mend it", err)
	}
	return err
}
