package gateway

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/slipway-ml/slipway/artifacts"
)

// cache keeps the models' files by digest, so that a start needs no blob store.
type cache struct {
	dir     string
	blobs   Blobs
	timeout time.Duration
}

func (c cache) path(d artifacts.Digest) string {
	return filepath.Join(c.dir, d.Hex()+".onnx")
}

// fetch returns an artifact's verified bytes: from the file if it is whole,
// else from the blob store.
func (c cache) fetch(ctx context.Context, digest string) ([]byte, error) {
	d, err := artifacts.ParseDigest(digest)
	if err != nil {
		return nil, err
	}
	path := c.path(d)
	if b, err := os.ReadFile(path); err == nil && artifacts.DigestOf(b) == d {
		return b, nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if err := c.blobs.Fetch(ctx, d, path); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the fetched model: %w", err)
	}
	if artifacts.DigestOf(b) != d { // the disk, or someone else in the folder
		return nil, fmt.Errorf("the file %s is not %s, although it was just fetched; check the disk", path, d)
	}
	return b, nil
}

// prune removes the files of models that are no longer wanted.
func (c cache) prune(wanted []string) error {
	files, err := filepath.Glob(filepath.Join(c.dir, "*.onnx"))
	if err != nil {
		return fmt.Errorf("list the model cache: %w", err)
	}
	var keep []string
	for _, digest := range wanted {
		if d, err := artifacts.ParseDigest(digest); err == nil {
			keep = append(keep, c.path(d))
		}
	}
	for _, f := range files {
		if !slices.Contains(keep, f) {
			if err := os.Remove(f); err != nil {
				return fmt.Errorf("prune the model cache: %w", err)
			}
		}
	}
	return nil
}
