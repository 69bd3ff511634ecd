package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/dataversion"
)

// encryptionKey is the setting that dataversion.OpenKeepers takes: a secret that
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

// store is an open store with the keys that it encrypts with.
type store struct {
	*artifacts.Store
	keepers dataversion.Keepers
}

// openStore opens the store, encrypted if a key is given.
func (c *config) openStore(ctx context.Context) (*store, error) {
	setting, err := encryptionKey()
	if err != nil {
		return nil, err
	}
	keepers, err := dataversion.OpenKeepers(ctx, setting)
	if err != nil {
		return nil, err
	}
	s, err := artifacts.Open(ctx, c.Artifacts, artifacts.WithKeepers(keepers...))
	if err != nil {
		return nil, errors.Join(err, keepers.Close())
	}
	return &store{s, keepers}, nil
}

// Close closes the store and then its keys.
func (s *store) Close() error { return errors.Join(s.Store.Close(), s.keepers.Close()) }
