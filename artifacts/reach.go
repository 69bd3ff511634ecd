package artifacts

import (
	"context"
	"iter"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// listPage is the number of rows asked of the index at a time.
const listPage = 2000

// blobSet is blobs, each with what it is looked for as: see content.
type blobSet map[blobindex.Sum]blobindex.Kind

func (s blobSet) has(sum blobindex.Sum) bool { _, ok := s[sum]; return ok }

// eachBlob adds all blobs of a tree to reached: its manifests, files, chunk lists
// and chunks. What it adds, all below is added too. What cannot be read is given
// to failed, whose error, if any, ends it.
func (r *Repository) eachBlob(ctx context.Context, tree Digest, reached blobSet, failed func(blobindex.Sum, error) error) error {
	root, err := sumOf(tree)
	if err != nil {
		return err
	}
	if reached.has(root) {
		return nil
	}
	reached[root] = blobindex.Manifest
	leaves, err := r.leaves(ctx, tree)
	if err != nil {
		return failed(root, err)
	}
	for _, l := range leaves {
		if l.sum != root && reached.has(l.sum) {
			continue
		}
		reached[l.sum] = blobindex.Manifest
		entries, err := l.load(ctx, r)
		if err != nil {
			if err := failed(l.sum, err); err != nil {
				return err
			}
			continue
		}
		if err := r.reachFiles(ctx, entries, reached, failed); err != nil {
			return err
		}
	}
	return nil
}

func (r *Repository) reachFiles(ctx context.Context, entries []Entry, reached blobSet, failed func(blobindex.Sum, error) error) error {
	for _, e := range entries {
		sum, err := sumOf(e.Digest)
		if err != nil {
			return err
		}
		if reached.has(sum) {
			continue
		}
		reached[sum] = blobindex.Data
		if e.Size <= wholeMax {
			continue
		}
		list, err := r.chunksOf(ctx, sum)
		if err != nil {
			if err := failed(sum, err); err != nil {
				return err
			}
		}
		for _, c := range list.chunks {
			reached[c.sum] = list.kind
		}
	}
	return nil
}

// chunksOf returns the chunk list of a large file, and an empty one of one that is in one piece.
func (r *Repository) chunksOf(ctx context.Context, file blobindex.Sum) (chunkList, error) {
	b, data, err := r.content(ctx, blobindex.List, file)
	if err != nil || b.Kind != blobindex.List {
		return chunkList{}, err
	}
	return parseList(file, data)
}

// eachPack yields the packs on record.
func (r *Repository) eachPack(ctx context.Context) iter.Seq2[blobindex.Pack, error] {
	return func(yield func(blobindex.Pack, error) bool) {
		after := ""
		for {
			page, err := r.index.ListPacks(ctx, after, listPage)
			if err != nil {
				yield(blobindex.Pack{}, err)
				return
			}
			for _, p := range page {
				if after = p.ID; !yield(p, nil) {
					return
				}
			}
			if len(page) < listPage {
				return
			}
		}
	}
}

// eachRow yields the blobs on record, a page at a time.
func (r *Repository) eachRow(ctx context.Context) iter.Seq2[[]blobindex.Blob, error] {
	return func(yield func([]blobindex.Blob, error) bool) {
		var after *blobindex.Sum
		for {
			page, err := r.index.ListBlobs(ctx, after, listPage)
			if err != nil {
				yield(nil, err)
				return
			}
			if len(page) > 0 && !yield(page, nil) || len(page) < listPage {
				return
			}
			last := page[len(page)-1].Sum
			after = &last
		}
	}
}

// rowsOf returns the blobs on record that lie in a pack. It looks at all of
// them, and is for packs that cannot tell themselves.
func (r *Repository) rowsOf(ctx context.Context, pack string) ([]blobindex.Blob, error) {
	var rows []blobindex.Blob
	for page, err := range r.eachRow(ctx) {
		if err != nil {
			return nil, err
		}
		for _, b := range page {
			if b.Pack == pack {
				rows = append(rows, b)
			}
		}
	}
	return rows, nil
}
