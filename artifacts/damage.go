package artifacts

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// Damage is something that Verify found wrong.
type Damage struct {
	// Object is the key in the store of what is damaged or missing; empty if the
	// index knows none.
	Object string `json:"object,omitempty"`
	// Blob is the blob in question; empty if it is the object as a whole.
	Blob BlobName `json:"blob,omitempty"`
	// Tree and Path name a file that needs it; Path is empty for the manifest of
	// the tree, both are if no given tree needs it. Damage is reported once for
	// each file.
	Tree Digest `json:"tree,omitempty"`
	Path string `json:"path,omitempty"`
	// Err says what is wrong: an ErrDamaged, ErrNotFound or ErrKey.
	Err error `json:"-"`
}

// Verified counts what Verify read.
type Verified struct {
	Trees  int64 `json:"trees"`
	Files  int64 `json:"files"` // of all trees; one in two trees counts twice
	Packs  int64 `json:"packs"`
	Blobs  int64 `json:"blobs"`
	Bytes  int64 `json:"bytes"`  // read from the store
	Damage int64 `json:"damage"` // reports made
}

// Verify reads and re-hashes every stored byte of the packs that the trees
// need, or of all packs if trees is nil, and compares them with the index. It
// goes on after damage, which it reports, from one goroutine at a time; the
// error is about what kept it from looking.
//
// Progress, which may be nil, counts packs as files.
func (r *Repository) Verify(ctx context.Context, trees iter.Seq2[Digest, error], report func(Damage), progress func(Progress)) (Verified, error) {
	v := &verification{r: r, bad: map[blobindex.Sum]Damage{}, needed: blobSet{}, packs: map[string]bool{}, report: report, tell: &meter{tell: progress}}
	if err := v.run(ctx, trees); err != nil {
		return v.Verified, r.fail(ctx, "verify", "", err)
	}
	return v.Verified, nil
}

// verification is one Verify at work.
type verification struct {
	Verified
	r      *Repository
	needed blobSet // by the trees: all their blobs
	report func(Damage)
	tell   *meter

	mu    sync.Mutex
	bad   map[blobindex.Sum]Damage // damage of one blob
	packs map[string]bool          // to be read
	loose []Damage                 // of no blob
}

func (v *verification) run(ctx context.Context, trees iter.Seq2[Digest, error]) error {
	var roots []Digest
	if trees != nil {
		for tree, err := range trees {
			if err != nil {
				return fmt.Errorf("list the trees: %w", err)
			}
			if _, err := sumOf(tree); err != nil {
				return err
			}
			roots = append(roots, tree)
		}
	} else if err := v.allPacks(ctx); err != nil {
		return err
	}
	for _, tree := range roots {
		v.Trees++
		if err := v.collect(ctx, tree); err != nil {
			return err
		}
	}
	if err := v.locate(ctx); err != nil {
		return err
	}
	if err := v.measure(ctx); err != nil {
		return err
	}
	workers, within := errgroup.WithContext(ctx)
	workers.SetLimit(v.r.opts.Workers)
	for _, id := range slices.Sorted(maps.Keys(v.packs)) {
		workers.Go(func() error { return v.pack(within, id) })
	}
	if err := workers.Wait(); err != nil {
		return err
	}
	return v.name(ctx, roots)
}

// allPacks takes in every pack on record.
func (v *verification) allPacks(ctx context.Context) error {
	for p, err := range v.r.eachPack(ctx) {
		if err != nil {
			return err
		}
		if !p.Condemned {
			v.packs[p.ID] = true
		}
	}
	return nil
}

// isDamage tells an error about the bytes in the store from one that kept
// them from being looked at.
func isDamage(err error) bool {
	return errors.Is(err, ErrDamaged) || errors.Is(err, ErrKey) || isNotFound(err)
}

func (v *verification) note(d Damage) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if d.Blob == "" {
		v.loose = append(v.loose, d)
		return
	}
	sum, err := d.Blob.sum()
	if err != nil {
		return // it was made of a sum
	}
	if _, ok := v.bad[sum]; !ok {
		v.bad[sum] = d
	}
}

// collect adds the blobs of a tree to what is needed.
func (v *verification) collect(ctx context.Context, tree Digest) error {
	return v.r.eachBlob(ctx, tree, v.needed, func(sum blobindex.Sum, err error) error {
		if !isDamage(err) {
			return err
		}
		v.note(Damage{Blob: BlobName(digestOfSum(sum)), Err: err})
		return nil
	})
}

// locate finds the packs of what is needed.
func (v *verification) locate(ctx context.Context) error {
	for sums := range slices.Chunk(slices.Collect(maps.Keys(v.needed)), findBatch) {
		found, err := v.r.find(ctx, sums, false)
		if err != nil {
			return err
		}
		for _, sum := range sums {
			b, ok := found[sum]
			if !ok || !b.Kind.NamedAs(v.needed[sum]) {
				v.note(Damage{Blob: nameOf(v.needed[sum], sum), Err: fmt.Errorf("the index knows no pack that holds it: %w", ErrNotFound)})
				continue
			}
			v.packs[b.Pack] = true
		}
	}
	return nil
}

// measure tells how much there is to read.
func (v *verification) measure(ctx context.Context) error {
	var total Progress
	for p, err := range v.r.eachPack(ctx) {
		if err != nil {
			return err
		}
		if v.packs[p.ID] {
			total.FilesTotal++
			total.BytesTotal += p.Bytes
		}
	}
	v.tell.add(total)
	return nil
}

// pack reads a pack to its last byte.
func (v *verification) pack(ctx context.Context, id string) error {
	object := packKeyOf(packPrefix, id)
	b, err := v.r.store.readObject(ctx, object, maxPack)
	v.tell.add(Progress{Files: 1, Bytes: int64(len(b))})
	if err == nil {
		err = v.contents(ctx, id, b)
	}
	if err == nil {
		return nil
	}
	if isNotFound(err) {
		if rows, findErr := v.r.rowsOf(ctx, id); findErr != nil || len(rows) == 0 {
			return findErr // it was collected since
		}
	}
	if !isDamage(err) || ctx.Err() != nil {
		return err
	}
	v.note(Damage{Object: object, Err: err})
	// Which of its blobs are needed only the index can tell now.
	rows, findErr := v.r.rowsOf(ctx, id)
	for _, row := range rows {
		if v.readOne(ctx, row) != nil {
			v.note(Damage{Object: object, Blob: nameOf(row.Kind, row.Sum), Err: err})
		}
	}
	return findErr
}

func (v *verification) readOne(ctx context.Context, b blobindex.Blob) error {
	_, err := v.r.readBlob(ctx, b)
	return err
}

// contents checks the structure of a pack and each of its blobs, and that the index says the same.
func (v *verification) contents(ctx context.Context, id string, b []byte) error {
	// The key is unwrapped anew: one that is remembered proves nothing about the store.
	blobs, err := parsePack(id, b, func() (*packKey, error) { return v.r.unwrap(ctx, id) })
	if err != nil {
		return err
	}
	object := packKeyOf(packPrefix, id)
	v.mu.Lock()
	v.Packs++
	v.Blobs += int64(len(blobs))
	v.Bytes += int64(len(b))
	v.mu.Unlock()
	sums := make([]blobindex.Sum, len(blobs))
	for i, blob := range blobs {
		sums[i] = blob.Sum
		if _, err := v.r.decode(ctx, blob, b[blob.Offset:blob.Offset+blob.Stored]); err != nil {
			if !isDamage(err) {
				return err
			}
			v.note(Damage{Object: object, Blob: nameOf(blob.Kind, blob.Sum), Err: err})
		}
	}
	found, err := v.r.find(ctx, sums, false)
	if err != nil {
		return err
	}
	for _, blob := range blobs {
		row, ok := found[blob.Sum]
		row.Touched = blob.Touched
		if ok && row.Pack == id && row != blob {
			v.note(Damage{Object: object, Blob: nameOf(blob.Kind, blob.Sum), Err: fmt.Errorf("%w: the index says it lies elsewhere in the pack", errPacked)})
		}
	}
	return nil
}

// name reports the damage with the files that it is in.
func (v *verification) name(ctx context.Context, roots []Digest) error {
	named := map[blobindex.Sum]bool{}
	tell := func(d Damage) {
		v.Damage++
		if v.report != nil {
			v.report(d)
		}
	}
	for _, tree := range roots {
		files, err := v.filesOf(ctx, tree, func(sum blobindex.Sum, path string) {
			if d, ok := v.bad[sum]; ok {
				named[sum] = true
				d.Tree, d.Path = tree, path
				tell(d)
			}
		})
		if err != nil {
			return err
		}
		v.Files += files
	}
	for _, d := range v.loose {
		tell(d)
	}
	for _, sum := range slices.SortedFunc(maps.Keys(v.bad), func(a, b blobindex.Sum) int { return slices.Compare(a[:], b[:]) }) {
		if !named[sum] {
			tell(v.bad[sum])
		}
	}
	return nil
}

// filesOf calls visit with every blob of a tree that can be found, and the path of its file.
func (v *verification) filesOf(ctx context.Context, tree Digest, visit func(blobindex.Sum, string)) (files int64, err error) {
	root, err := sumOf(tree)
	if err != nil {
		return 0, err
	}
	visit(root, "")
	leaves, err := v.r.leaves(ctx, tree)
	if err != nil {
		return 0, unlessDamage(err)
	}
	for _, l := range leaves {
		if l.sum != root {
			visit(l.sum, "")
		}
		entries, err := l.load(ctx, v.r)
		if err := unlessDamage(err); err != nil {
			return files, err
		}
		for _, e := range entries {
			files++
			if len(v.bad) == 0 {
				continue
			}
			sum, err := sumOf(e.Digest)
			if err != nil {
				return files, err
			}
			visit(sum, e.Path)
			if e.Size <= wholeMax {
				continue
			}
			list, err := v.r.chunksOf(ctx, sum)
			if err := unlessDamage(err); err != nil {
				return files, err
			}
			seen := map[blobindex.Sum]bool{}
			for _, c := range list.chunks {
				if !seen[c.sum] {
					seen[c.sum] = true
					visit(c.sum, e.Path)
				}
			}
		}
	}
	return files, nil
}

func unlessDamage(err error) error {
	if err != nil && isDamage(err) {
		return nil // it is reported as what it is
	}
	return err
}
