package mlflow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
)

// Files keeps artifacts: bytes in the repository, where they are in the catalog.
type Files struct {
	Catalog    *catalog.Catalog
	Repository *artifacts.Repository
	// Spool is the folder that content waits in; empty: the system's folder for temporary files.
	Spool string
}

// Put keeps what content reads as the artifact at a path below catalog.ArtifactAddress,
// in place of what was there. The error is a catalog.ErrConflict if the path is a
// folder or one of its folders is a file.
func (f *Files) Put(ctx context.Context, path string, content io.Reader) (_ catalog.TrackedFile, err error) {
	dir, err := os.MkdirTemp(f.Spool, "slipway-upload-")
	if err != nil {
		return catalog.TrackedFile{}, fmt.Errorf("keep artifact %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// The same name always: equal contents are one tree.
	name := filepath.Join(dir, "content")
	size, digest, err := spool(name, content)
	if err != nil {
		return catalog.TrackedFile{}, fmt.Errorf("keep artifact %s: %w", path, err)
	}
	tree, err := f.Repository.Add(ctx, name, nil)
	if err != nil {
		return catalog.TrackedFile{}, err
	}
	// The bytes are there before anything points at them.
	file := catalog.TrackedFile{Path: path, Tree: string(tree.Digest), Digest: digest, Size: size}
	return file, f.Catalog.SetTrackedFile(ctx, file)
}

func spool(name string, content io.Reader) (size int64, digest string, err error) {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, "", err
	}
	hash := sha256.New()
	size, err = io.Copy(io.MultiWriter(file, hash), content)
	return size, "sha256:" + hex.EncodeToString(hash.Sum(nil)), errors.Join(err, file.Close())
}
