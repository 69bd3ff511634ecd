package catalog

import (
	"context"
	"fmt"
	"iter"
	"strings"
)

// TrackedFile is a file that an MLflow client stored: a path below the artifact
// address and the content that is there now.
type TrackedFile struct {
	Path   string `db:"path"`
	Tree   string `db:"tree"`   // of the artifact repository, a root of its collections
	Digest string `db:"digest"` // of the content
	Size   int64  `db:"size"`   // bytes
}

// SetTrackedFile puts a content at a path, in place of what was there. The error is an
// ErrConflict if the path is a folder or one of its folders is a file.
func (c *Catalog) SetTrackedFile(ctx context.Context, f TrackedFile) error {
	return c.update(ctx, "store artifact "+f.Path, func(t *tx) error {
		var above []string
		for i, r := range f.Path {
			if r == '/' {
				above = append(above, f.Path[:i])
			}
		}
		if err := inParts(above, func(places string, args []any) error {
			var files []string
			err := t.all(ctx, &files, "SELECT path FROM tracking_files WHERE path IN "+places, args...)
			if err == nil && len(files) > 0 {
				err = conflict("%s is a file and can't have files below it", files[0])
			}
			return err
		}); err != nil {
			return err
		}
		var q query
		q.prefix("path", f.Path+"/")
		var below string
		if found, err := t.get(ctx, &below, q.sql("SELECT path FROM tracking_files", "path", 1), q.args...); err != nil {
			return err
		} else if found {
			return conflict("%s is a folder: %s is in it", f.Path, below)
		}
		if err := t.insert(ctx, "tracking_files(path, tree, digest, size, at)",
			"ON CONFLICT (path) DO UPDATE SET tree = excluded.tree, digest = excluded.digest, size = excluded.size, at = excluded.at",
			[]any{f.Path, f.Tree, f.Digest, f.Size, t.now.UnixMilli()}); err != nil {
			return err
		}
		return t.fileChanged(ctx, f.Path)
	})
}

// fileChanged notes that an artifact of a run changed: one segment of its path is the run's id.
func (t *tx) fileChanged(ctx context.Context, path string) error {
	places, args := placesFor(strings.Split(path, "/"))
	return t.changed(ctx, "uid IN "+places, args...)
}

// TrackedFile finds a file. The error may be an ErrNotFound.
func (c *Catalog) TrackedFile(ctx context.Context, path string) (TrackedFile, error) {
	var f TrackedFile
	err := c.view(ctx, "find artifact", func(t *tx) error {
		found, err := t.get(ctx, &f, "SELECT path, tree, digest, size FROM tracking_files WHERE path = ?", path)
		if err == nil && !found {
			err = notFound("artifact %q", path)
		}
		return err
	})
	return f, err
}

// TrackedFiles lists the files below a folder, at any depth, by path; all for an
// empty folder's name.
func (c *Catalog) TrackedFiles(ctx context.Context, folder string) ([]TrackedFile, error) {
	var q query
	if folder != "" {
		q.prefix("path", folder+"/")
	}
	return list(ctx, c, "list artifacts", func(f TrackedFile) TrackedFile { return f },
		q.sql("SELECT path, tree, digest, size FROM tracking_files", "path", 0), q.args...)
}

// DeleteTrackedFiles deletes a file or a folder with all below it and tells how many
// files that were. Their content is freed by the next collection.
func (c *Catalog) DeleteTrackedFiles(ctx context.Context, path string) (int, error) {
	var n int64
	err := c.update(ctx, "delete artifact "+path, func(t *tx) (err error) {
		if n, err = t.exec(ctx, "DELETE FROM tracking_files WHERE path = ? OR path >= ? AND path < ?", path, path+"/", path+"/\U0010FFFF"); err != nil {
			return err
		}
		return t.fileChanged(ctx, path)
	})
	return int(n), err
}

// TrackedRoots yields the trees that files are in, a page at a time.
func (c *Catalog) TrackedRoots(ctx context.Context) iter.Seq2[string, error] {
	const page = 1000
	return func(yield func(string, error) bool) {
		after := ""
		for {
			trees, err := list(ctx, c, "list roots of artifacts", strings.Clone,
				fmt.Sprintf("SELECT DISTINCT tree FROM tracking_files WHERE tree > ? ORDER BY tree LIMIT %d", page), after)
			if err != nil {
				yield("", err)
				return
			}
			for _, tree := range trees {
				if after = tree; !yield(tree, nil) {
					return
				}
			}
			if len(trees) < page {
				return
			}
		}
	}
}
