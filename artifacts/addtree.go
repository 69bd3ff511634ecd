package artifacts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// AddFile stores what rd yields and returns its entry under the given path, for
// AddTree. It returns once the content will survive a crash.
func (r *Repository) AddFile(ctx context.Context, path string, rd io.Reader) (Entry, error) {
	if err := checkPath(path); err != nil {
		return Entry{}, r.fail(ctx, "add file", "", err)
	}
	u, within, err := r.begin(ctx, nil)
	if err != nil {
		return Entry{}, r.fail(ctx, "add file", "", err)
	}
	sum, size, err := u.putAny(within, rd)
	if err == nil {
		err = u.finish(within)
	}
	if err != nil {
		return Entry{}, r.fail(ctx, "add file", "", fmt.Errorf("%s: %w", path, u.abandon(ctx, err)))
	}
	return Entry{Path: path, Size: size, Digest: digestOfSum(sum)}, nil
}

// putAny stores content of unknown size.
func (u *upload) putAny(ctx context.Context, rd io.Reader) (blobindex.Sum, int64, error) {
	var head bytes.Buffer
	n, err := io.CopyN(&head, &source{ctx: ctx, r: rd, left: wholeMax + 1}, wholeMax+1)
	if err != nil && !errors.Is(err, io.EOF) {
		return blobindex.Sum{}, 0, err
	}
	if n > wholeMax {
		return u.putLarge(ctx, io.MultiReader(&head, rd))
	}
	p := pieceOf(blobindex.Data, head.Bytes())
	return p.sum, n, u.put(ctx, []piece{p})
}

// AddTree stores the tree of files that are stored already, given in any order.
// It fails with ErrNotFound if the content of one is not.
func (r *Repository) AddTree(ctx context.Context, entries []Entry) (Tree, error) {
	u, within, err := r.begin(ctx, nil)
	if err != nil {
		return Tree{}, r.fail(ctx, "add tree", "", err)
	}
	tree, err := u.addTree(within, entries)
	if err != nil {
		return Tree{}, r.fail(ctx, "add tree", "", u.abandon(ctx, err))
	}
	return tree, nil
}

func (u *upload) addTree(ctx context.Context, entries []Entry) (Tree, error) {
	sums := make([]blobindex.Sum, len(entries))
	for i, e := range entries {
		var err error
		if sums[i], err = sumOf(e.Digest); err != nil {
			return Tree{}, fmt.Errorf("%s: %w", e.Path, err)
		}
	}
	found, err := u.r.touchFiles(ctx, sums)
	if err != nil {
		return Tree{}, err
	}
	for i, e := range entries {
		if !found[sums[i]] {
			return Tree{}, fmt.Errorf("content of %s, %s: %w", e.Path, e.Digest, ErrNotFound)
		}
	}
	return u.tree(ctx, entries)
}

// tree stores the manifest of entries whose content this upload counts on, and ends it.
func (u *upload) tree(ctx context.Context, entries []Entry) (Tree, error) {
	sorted, err := sortEntries(entries)
	if err != nil {
		return Tree{}, err
	}
	t := Tree{Files: int64(len(sorted))}
	for _, e := range sorted {
		t.Bytes += e.Size
	}
	var pieces []piece
	for _, b := range manifests(sorted) {
		if len(b) > wholeMax {
			return Tree{}, fmt.Errorf("%w: %d files with their paths are too many for one tree", ErrTooLarge, len(sorted))
		}
		pieces = append(pieces, pieceOf(blobindex.Manifest, b))
	}
	for some := range slices.Chunk(pieces, groupCount) {
		if err := u.put(ctx, some); err != nil {
			return Tree{}, err
		}
	}
	if err := u.finish(ctx); err != nil {
		return Tree{}, err
	}
	t.Digest, t.Stored = digestOfSum(pieces[len(pieces)-1].sum), u.stored
	return t, nil
}
