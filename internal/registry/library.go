package registry

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
)

// Files lists the files of a data version; *dataversion.Library does.
type Files interface {
	Entries(ctx context.Context, d catalog.DataVersion) iter.Seq2[artifacts.Entry, error]
}

// Library is a registry with the reports and data behind it.
type Library struct {
	// Catalog is required.
	Catalog *catalog.Catalog
	// Store has the reports; required.
	Store *artifacts.Store
	// Data lists files of data versions; nil: only those that the catalog lists.
	Data Files
}

// Find is the version that a reference names: NAME@VERSION, NAME@ALIAS,
// NAME@latest (the highest number), NAME/VERSION or NAME, which is its version
// in production. The error is an ErrNotFound of the catalog, or an ErrInvalid.
func (l *Library) Find(ctx context.Context, ref string) (catalog.Model, error) {
	name, rest, _ := strings.Cut(strings.Replace(ref, "/", "@", 1), "@")
	if name == "" || strings.ContainsAny(rest, "/@") {
		return catalog.Model{}, fmt.Errorf("%q names no model version: write NAME@VERSION or NAME@ALIAS: %w", ref, catalog.ErrInvalid)
	}
	if rest == "" {
		rest = catalog.AliasProduction
	}
	m, err := l.Catalog.Model(ctx, name, rest)
	if !errors.Is(err, catalog.ErrNotFound) {
		return m, err
	}
	r, err := l.Catalog.RegisteredModel(ctx, name)
	if err != nil {
		return catalog.Model{}, err
	}
	version := ""
	if rest == "latest" {
		var last int64
		for _, m := range r.Latest {
			if m.Number > last {
				last, version = m.Number, m.Version
			}
		}
	}
	for _, a := range r.Aliases {
		if a.Alias == rest {
			version = a.Version
		}
	}
	if version == "" {
		return catalog.Model{}, fmt.Errorf("model %s has no version and no alias %q: %w", name, rest, catalog.ErrNotFound)
	}
	return l.Catalog.Model(ctx, name, version)
}
