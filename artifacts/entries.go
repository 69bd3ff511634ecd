package artifacts

import (
	"context"
	"fmt"
	"iter"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// manifest reads one manifest: the entries of a leaf or the shards of a root.
func (r *Repository) manifest(ctx context.Context, sum blobindex.Sum) ([]Entry, []shard, error) {
	b, data, err := r.content(ctx, blobindex.Manifest, sum)
	if err != nil {
		return nil, nil, fmt.Errorf("manifest: %w", err)
	}
	if b.Kind == blobindex.List {
		return nil, nil, fmt.Errorf("%s is a file, not a tree: %w", digestOfSum(sum), ErrNotFound)
	}
	entries, shards, err := parseManifest(data)
	if err != nil && b.Kind == blobindex.Data {
		return nil, nil, fmt.Errorf("%s is a file, not a tree: %w", digestOfSum(sum), ErrNotFound)
	}
	return entries, shards, err
}

// leaves yields the manifests of a tree in order: the shards of its root, which
// are not read yet, or, if it has none, one with its entries.
func (r *Repository) leaves(ctx context.Context, tree Digest) ([]leaf, error) {
	sum, err := sumOf(tree)
	if err != nil {
		return nil, err
	}
	entries, shards, err := r.manifest(ctx, sum)
	if err != nil {
		return nil, err
	}
	if shards == nil {
		return []leaf{{sum: sum, entries: entries, read: true}}, nil
	}
	all := make([]leaf, len(shards))
	for i, s := range shards {
		all[i] = leaf{sum: s.sum, first: s.first, files: s.files}
	}
	return all, nil
}

// leaf is a manifest of files.
type leaf struct {
	sum     blobindex.Sum
	first   string // path
	files   int64
	entries []Entry
	read    bool
}

// load reads the entries of a shard.
func (l leaf) load(ctx context.Context, r *Repository) ([]Entry, error) {
	if l.read {
		return l.entries, nil
	}
	entries, shards, err := r.manifest(ctx, l.sum)
	if err != nil {
		return nil, err
	}
	if shards != nil || int64(len(entries)) != l.files || entries[0].Path != l.first {
		return nil, errManifest(1, fmt.Errorf("shard %s is not what its root says", digestOfSum(l.sum)))
	}
	return entries, nil
}

// Entries yields the files of a tree in the order of their paths' bytes. After
// an error it yields no more.
func (r *Repository) Entries(ctx context.Context, tree Digest) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		leaves, err := r.leaves(ctx, tree)
		if err != nil {
			yield(Entry{}, r.fail(ctx, "list tree", tree, err))
			return
		}
		for e, err := range r.walkLeaves(ctx, leaves) {
			if err != nil {
				err = r.fail(ctx, "list tree", tree, err)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

func (r *Repository) walkLeaves(ctx context.Context, leaves []leaf) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		last := ""
		for _, l := range leaves {
			entries, err := l.load(ctx, r)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for _, e := range entries {
				if e.Path <= last {
					yield(Entry{}, errManifest(1, fmt.Errorf("shard %s is out of order", digestOfSum(l.sum))))
					return
				}
				last = e.Path
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// Diff yields what changed from tree a to tree b, in the order of paths. It reads
// only the shards that differ. After an error it yields no more.
func (r *Repository) Diff(ctx context.Context, a, b Digest) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		before, err := r.leaves(ctx, a)
		if err != nil {
			yield(Change{}, r.fail(ctx, "diff", a, err))
			return
		}
		after, err := r.leaves(ctx, b)
		if err != nil {
			yield(Change{}, r.fail(ctx, "diff", b, err))
			return
		}
		before, after = withoutCommon(before, after)
		nextA, stopA := iter.Pull2(r.walkLeaves(ctx, before))
		defer stopA()
		nextB, stopB := iter.Pull2(r.walkLeaves(ctx, after))
		defer stopB()
		for c, err := range merge(nextA, nextB) {
			if err != nil {
				err = r.fail(ctx, "diff", a, err)
			}
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}

// withoutCommon leaves out the leaves that both sides have: a manifest that is
// equal holds equal files, and paths are in one leaf of a tree only.
func withoutCommon(a, b []leaf) (restA, restB []leaf) {
	inA := make(map[blobindex.Sum]bool, len(a))
	for _, l := range a {
		inA[l.sum] = true
	}
	common := map[blobindex.Sum]bool{}
	for _, l := range b {
		if common[l.sum] = inA[l.sum]; !inA[l.sum] {
			restB = append(restB, l)
		}
	}
	for _, l := range a {
		if !common[l.sum] {
			restA = append(restA, l)
		}
	}
	return restA, restB
}

// merge compares two sequences of entries in the order of paths.
func merge(nextA, nextB func() (Entry, error, bool)) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		a, errA, okA := nextA()
		b, errB, okB := nextB()
		for okA || okB {
			if errA != nil || errB != nil {
				if errA == nil {
					errA = errB
				}
				yield(Change{}, errA)
				return
			}
			goOn := true
			switch {
			case !okB || okA && a.Path < b.Path:
				before := a
				goOn = yield(Change{Path: a.Path, Before: &before}, nil)
				a, errA, okA = nextA()
			case !okA || b.Path < a.Path:
				after := b
				goOn = yield(Change{Path: b.Path, After: &after}, nil)
				b, errB, okB = nextB()
			default:
				if a != b {
					before, after := a, b
					goOn = yield(Change{Path: a.Path, Before: &before, After: &after}, nil)
				}
				a, errA, okA = nextA()
				b, errB, okB = nextB()
			}
			if !goOn {
				return
			}
		}
	}
}
