package dataversion

import (
	"cmp"
	"context"
	"iter"
	"path"
	"path/filepath"
	"slices"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
)

// Entries yields the files of a version in the order of their paths' bytes.
// After an error it yields no more.
func (l *Library) Entries(ctx context.Context, d catalog.DataVersion) iter.Seq2[artifacts.Entry, error] {
	return func(yield func(artifacts.Entry, error) bool) {
		if err := usable(d); err != nil {
			yield(artifacts.Entry{}, err)
			return
		}
		if d.Tree {
			l.repository.Entries(ctx, artifacts.Digest(d.Digest))(yield)
			return
		}
		for _, e := range uploaded(d.Files) {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// uploaded lists the files of a release's version by path. A release may name
// one file in two roles, and files outside of its own folder: these, and a
// second file of the same path, go by role and name.
func uploaded(files []catalog.DataFile) []artifacts.Entry {
	byPath := map[string]artifacts.Entry{}
	for _, f := range files {
		e := artifacts.Entry{Path: path.Clean(filepath.ToSlash(f.Path)), Size: f.Size, Digest: artifacts.Digest(f.Digest)}
		if same, taken := byPath[e.Path]; !filepath.IsLocal(filepath.FromSlash(e.Path)) || e.Path == "." || taken && same.Digest != e.Digest {
			e.Path = path.Join(path.Base(path.Clean("/"+f.Role)), path.Base(path.Clean("/"+e.Path)))
		}
		byPath[e.Path] = e
	}
	out := make([]artifacts.Entry, 0, len(byPath))
	for _, e := range byPath {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b artifacts.Entry) int { return cmp.Compare(a.Path, b.Path) })
	return out
}

// Diff yields what changed from a to b, in the order of paths. After an error it yields no more.
func (l *Library) Diff(ctx context.Context, a, b catalog.DataVersion) iter.Seq2[artifacts.Change, error] {
	if a.Tree && b.Tree && usable(a) == nil && usable(b) == nil {
		return l.repository.Diff(ctx, artifacts.Digest(a.Digest), artifacts.Digest(b.Digest))
	}
	return merge(l.Entries(ctx, a), l.Entries(ctx, b))
}

// merge yields the differences of two sorted lists of files.
func merge(a, b iter.Seq2[artifacts.Entry, error]) iter.Seq2[artifacts.Change, error] {
	return func(yield func(artifacts.Change, error) bool) {
		left, right := pull(a), pull(b)
		defer left.stop()
		defer right.stop()
		for left.ok || right.ok {
			if err := cmp.Or(left.err, right.err); err != nil {
				yield(artifacts.Change{}, err)
				return
			}
			old, now := left.entry, right.entry
			change := artifacts.Change{Path: old.Path, Before: &old, After: &now}
			switch {
			case !right.ok || left.ok && old.Path < now.Path:
				change.After = nil
				left.next()
			case !left.ok || now.Path < old.Path:
				change.Path, change.Before = now.Path, nil
				right.next()
			default:
				left.next()
				right.next()
				if old.Digest == now.Digest {
					continue
				}
			}
			if !yield(change, nil) {
				return
			}
		}
	}
}

// cursor stands on one file of a list.
type cursor struct {
	entry artifacts.Entry
	err   error
	ok    bool
	pull  func() (artifacts.Entry, error, bool)
	stop  func()
}

func pull(list iter.Seq2[artifacts.Entry, error]) *cursor {
	c := &cursor{}
	c.pull, c.stop = iter.Pull2(list)
	c.next()
	return c
}

func (c *cursor) next() { c.entry, c.err, c.ok = c.pull() }
