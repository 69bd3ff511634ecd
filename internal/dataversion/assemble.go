package dataversion

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
)

// ErrIncomplete tells that a version can't be assembled: a file of it is not stored.
var ErrIncomplete = errors.New("a file of the data is not stored")

// Part is a file of a version that a release assembles.
type Part struct {
	// Role is what the release uses the file for: train, test or reference.
	Role string
	// Path is how the release names the file.
	Path   string
	Digest artifacts.Digest
	Size   int64
}

// Assemble makes stored files a data version that a release (its key) uses:
// from then on nobody can delete it while the release is under way. The same
// files that `slipway data add` of their folder makes a version are the same
// version: paths count from the folder that all of them are in.
//
// Files that were uploaded as blobs of the store are copied into the repository first.
func (l *Library) Assemble(ctx context.Context, v NewVersion, parts []Part, releaseKey string, m catalog.Mark) (catalog.DataVersion, error) {
	if err := l.catalog.CheckDataName(ctx, v.Name); err != nil {
		return catalog.DataVersion{}, err
	}
	entries := make([]artifacts.Entry, 0, len(parts))
	for i, name := range treePaths(parts) {
		p := parts[i]
		if err := l.settle(ctx, p); err != nil {
			return catalog.DataVersion{}, fmt.Errorf("data.%s (%s): %w", p.Role, p.Path, err)
		}
		e := artifacts.Entry{Path: name, Size: p.Size, Digest: p.Digest}
		if !slices.Contains(entries, e) {
			entries = append(entries, e)
		}
	}
	tree, err := l.repository.AddTree(ctx, entries)
	if err != nil {
		return catalog.DataVersion{}, err
	}
	saved, _, err := l.catalog.SaveDataFor(ctx, catalog.DataVersion{
		Name: v.Name, Description: v.Description, Digest: string(tree.Digest), Tree: true, FileCount: tree.Files, Bytes: tree.Bytes,
	}, releaseKey, m)
	return saved, err
}

// settle makes sure that the repository has a part, with the size that it must have.
func (l *Library) settle(ctx context.Context, p Part) (err error) {
	there, err := l.repository.Keep(ctx, p.Digest)
	if err != nil {
		return err
	}
	if there {
		f, err := l.repository.Open(ctx, p.Digest)
		if err != nil {
			return err
		}
		return errors.Join(sameSize(f.Size(), p.Size), f.Close())
	}
	stored, err := l.store.Stat(ctx, p.Digest)
	if errors.Is(err, artifacts.ErrNotFound) {
		return fmt.Errorf("%w: start the release again, which uploads it: %w", ErrIncomplete, err)
	}
	if err == nil {
		err = sameSize(stored.Size, p.Size)
	}
	if err != nil {
		return err
	}
	r, err := l.store.Open(ctx, p.Digest)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	_, err = l.AddFile(ctx, r, p.Digest)
	return err
}

func sameSize(found, want int64) error {
	if found == want {
		return nil
	}
	return fmt.Errorf("%w: %d bytes stored, %d expected", artifacts.ErrDamaged, found, want)
}

// treePaths names each part in the tree: by its path from the deepest folder
// that holds all of them. Where such names would lead out of the tree or stand
// for two files, parts go by role and name.
func treePaths(parts []Part) []string {
	names := make([]string, len(parts))
	folders := []string(nil)
	for i, p := range parts {
		names[i] = path.Clean(filepath.ToSlash(p.Path))
		dir := strings.Split(path.Dir(names[i]), "/")
		if i == 0 {
			folders = dir
		}
		same := 0
		for same < min(len(folders), len(dir)) && folders[same] == dir[same] {
			same++
		}
		folders = folders[:same]
	}
	content := map[string]artifacts.Digest{}
	for i, p := range parts {
		if base := strings.Join(folders, "/"); base != "." && len(folders) > 0 {
			names[i] = strings.TrimPrefix(names[i], base+"/")
		}
		other, taken := content[names[i]]
		if !fs.ValidPath(names[i]) || names[i] == "." || taken && other != p.Digest {
			return roleNames(parts)
		}
		content[names[i]] = p.Digest
	}
	return names
}

func roleNames(parts []Part) []string {
	names := make([]string, len(parts))
	for i, p := range parts {
		name := path.Base(path.Clean("/" + filepath.ToSlash(p.Path)))
		if name == "/" {
			name = "file"
		}
		names[i] = path.Join(p.Role, name)
	}
	return names
}

// Use finds a version and notes that a release (its key) uses it, which nobody
// can delete then while the release is under way. A deleted version is a catalog.ErrConflict.
func (l *Library) Use(ctx context.Context, ref, releaseKey string, m catalog.Mark) (catalog.DataVersion, error) {
	return l.catalog.UseData(ctx, ref, releaseKey, m)
}

// Files finds files of a version by their paths; those that it has not are left out.
func (l *Library) Files(ctx context.Context, d catalog.DataVersion, paths []string) (map[string]artifacts.Entry, error) {
	found := map[string]artifacts.Entry{}
	for e, err := range l.Entries(ctx, d) {
		if err != nil {
			return nil, err
		}
		if slices.Contains(paths, e.Path) {
			found[e.Path] = e
		}
	}
	return found, nil
}
