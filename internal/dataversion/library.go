package dataversion

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
)

// Config says where data versions are.
type Config struct {
	// Catalog is an address as catalog.Open takes it, Artifacts one as artifacts.Open does.
	Catalog, Artifacts string
	// EncryptionKey is a setting as OpenKeepers takes it. Empty: nothing new is encrypted.
	EncryptionKey string
	// Cache is the folder that remembers the digests of unchanged files; empty for none.
	Cache string
}

// Library is the data versions of one deployment. It is safe for concurrent use.
type Library struct {
	catalog    *catalog.Catalog
	store      *artifacts.Store
	repository *artifacts.Repository

	mu      sync.Mutex
	closers []func() error // in the order of opening
}

// New holds a catalog, a store and the repository in it together. None is closed by the library.
func New(c *catalog.Catalog, s *artifacts.Store, r *artifacts.Repository) *Library {
	return &Library{catalog: c, store: s, repository: r}
}

// Open opens all that a library needs; Close closes it.
func Open(ctx context.Context, cfg Config) (_ *Library, err error) {
	l := &Library{}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	if l.catalog, err = catalog.Open(ctx, cfg.Catalog); err != nil {
		return nil, err
	}
	l.closers = append(l.closers, l.catalog.Close)
	keepers, err := OpenKeepers(ctx, cfg.EncryptionKey)
	if err != nil {
		return nil, err
	}
	l.closers = append(l.closers, keepers.Close)
	if l.store, err = artifacts.Open(ctx, cfg.Artifacts, artifacts.WithKeepers(keepers...)); err != nil {
		return nil, err
	}
	l.closers = append(l.closers, l.store.Close)
	if l.repository, err = artifacts.NewRepository(l.store, l.catalog, artifacts.Options{Cache: cfg.Cache}); err != nil {
		return nil, err
	}
	return l, nil
}

// Close closes what Open opened.
func (l *Library) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for i := len(l.closers) - 1; i >= 0; i-- {
		errs = append(errs, l.closers[i]())
	}
	l.closers = nil
	return errors.Join(errs...)
}

// Catalog is the catalog of the library.
func (l *Library) Catalog() *catalog.Catalog { return l.catalog }

// NewVersion describes data that is added.
type NewVersion struct {
	Name        string
	Description string
}

// Added is the result of Add.
type Added struct {
	Version catalog.DataVersion `json:"version"`
	// Existed tells that the content was on record already, Restored that it was deleted.
	Existed bool `json:"existed"`
	// Stored is the bytes newly written to the store.
	Stored int64 `json:"stored"`
}

// Add makes the file or folder at path a data version. Content that is on
// record already comes back as the version that it is, under whatever name.
func (l *Library) Add(ctx context.Context, path string, v NewVersion, m catalog.Mark, progress func(artifacts.Progress)) (Added, error) {
	if err := l.catalog.CheckDataName(ctx, v.Name); err != nil {
		return Added{}, err
	}
	tree, err := l.repository.Add(ctx, path, progress)
	if err != nil {
		return Added{}, fmt.Errorf("add %s: %w", path, err)
	}
	saved, existed, err := l.catalog.SaveData(ctx, catalog.DataVersion{
		Name: v.Name, Description: v.Description, Digest: string(tree.Digest), Tree: true, FileCount: tree.Files, Bytes: tree.Bytes,
	}, m)
	return Added{Version: saved, Existed: existed, Stored: tree.Stored}, err
}

// Reindex puts all packs of the store on the catalog's record; see artifacts.Repository.Reindex.
func (l *Library) Reindex(ctx context.Context, progress func(artifacts.Progress)) (artifacts.Reindexed, error) {
	return l.repository.Reindex(ctx, progress)
}

// CacheFolder is where the digests of unchanged files are remembered unless
// said otherwise; empty if this user has no folder for caches.
func CacheFolder() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "slipway", "files")
}

// usable refuses a version whose content was given up.
func usable(d catalog.DataVersion) error {
	if d.CollectedAt.IsZero() {
		return nil
	}
	return fmt.Errorf("the content of data %s was given up at %s, %s after it was deleted: add the data again: %w",
		d.Label(), d.CollectedAt.Format(time.RFC3339), d.CollectedAt.Sub(d.DeletedAt).Round(time.Second), catalog.ErrNotFound)
}

// Store is the store of the library, for reports and schemas.
func (l *Library) Store() *artifacts.Store { return l.store }
