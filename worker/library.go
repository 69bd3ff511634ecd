package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"gocloud.dev/secrets"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/dataversion"
)

// encryptionKey is the URL of the key that wraps the data keys: a secret that
// comes by environment or file, never as an argument that others can list.
func encryptionKey() (string, error) {
	file := os.Getenv("SLIPWAY_ENCRYPTION_KEY_FILE")
	if file == "" {
		return os.Getenv("SLIPWAY_ENCRYPTION_KEY"), nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("SLIPWAY_ENCRYPTION_KEY_FILE: %w", err)
	}
	key := strings.TrimSpace(string(b))
	if key == "" {
		return "", fmt.Errorf("SLIPWAY_ENCRYPTION_KEY_FILE: %s is empty: it must hold the key's URL", file)
	}
	return key, nil
}

// leastMaskKey is what dataset.NewMasker asks for, in bytes.
const leastMaskKey = 32

// maskKey reads the key that personal values are masked with; nil without one.
func (c *config) maskKey() ([]byte, error) {
	if c.MaskKeyFile == "" {
		return nil, nil
	}
	b, err := os.ReadFile(c.MaskKeyFile)
	if err != nil {
		return nil, fmt.Errorf("--mask-key-file: %w", err)
	}
	key := []byte(strings.TrimSpace(string(b)))
	if len(key) < leastMaskKey {
		return nil, fmt.Errorf("--mask-key-file: %s holds %d bytes, want at least %d random ones", c.MaskKeyFile, len(key), leastMaskKey)
	}
	return key, nil
}

// library is the data versions over the daemon's own catalog and store, encrypted if a key is given.
func (c *config) library(ctx context.Context, cat *catalog.Catalog, store *artifacts.Store) (*dataversion.Library, *secrets.Keeper, error) {
	url, err := encryptionKey()
	if err != nil {
		return nil, nil, err
	}
	options := artifacts.Options{Cache: dataversion.CacheFolder()}
	if url != "" {
		if options.Keeper, err = dataversion.OpenKeeper(ctx, url); err != nil {
			return nil, nil, err
		}
	}
	repository, err := artifacts.NewRepository(store, cat, options)
	if err != nil {
		if options.Keeper != nil {
			err = errors.Join(err, options.Keeper.Close())
		}
		return nil, nil, err
	}
	return dataversion.New(cat, store, repository), options.Keeper, nil
}
