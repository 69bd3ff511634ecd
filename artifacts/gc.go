package artifacts

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// DefaultGrace is the grace of a collection that is told none.
const DefaultGrace = 24 * time.Hour

// orphanSlack is how much older than an upload an object of it may seem: a
// bucket rounds times down to seconds, a folder to the kernel's ticks.
const orphanSlack = 2 * time.Second

// GCOptions of GC.
type GCOptions struct {
	// Grace is how long something must have been left alone before it is taken:
	// more than the time between an Add's return and its tree becoming a root, and
	// than the clocks of writers and store differ. 0 means DefaultGrace, negative none.
	Grace time.Duration
	// DryRun counts and changes nothing.
	DryRun bool
	// Progress may be nil. It counts roots as files, and the bytes of packs that are kept or dealt with.
	Progress func(Progress)
}

func (o GCOptions) withDefaults() GCOptions {
	if o.Grace == 0 {
		o.Grace = DefaultGrace
	}
	o.Grace = max(o.Grace, 0)
	return o
}

// GCResult counts what a collection did, or would do.
type GCResult struct {
	Trees    int64 `json:"trees"`    // roots
	Kept     int64 `json:"kept"`     // blobs that are needed or too young
	Blobs    int64 `json:"blobs"`    // blobs taken
	Packs    int64 `json:"packs"`    // packs deleted
	Repacked int64 `json:"repacked"` // of these, packs of which less than half was needed
	Orphans  int64 `json:"orphans"`  // objects deleted that no record knew
	Freed    int64 `json:"freed"`    // bytes deleted, less those rewritten
	// Damaged names packs that could not be rewritten because they are damaged.
	// They stay as they are: see Verify.
	Damaged []string `json:"damaged,omitempty"`
}

// GC deletes what no root needs. It may run while others write, and beside
// another GC, and end at any moment: what it was at, the next one finishes. A
// root that cannot be read stops it before anything is deleted.
//
// It first takes blobs off the record, which no writer can count on from then on,
// and then deletes packs in which none is left; see Index for why a writer
// cannot lose what it counts on. A pack of which less than half is needed is
// rewritten. Memory is about 50 bytes for each blob that is needed.
func (r *Repository) GC(ctx context.Context, roots iter.Seq2[Digest, error], o GCOptions) (GCResult, error) {
	c := &collection{r: r, o: o.withDefaults(), needed: blobSet{}, taken: map[string]packLoss{}, tell: &meter{tell: o.Progress}}
	if err := c.run(ctx, roots); err != nil {
		return c.GCResult, r.fail(ctx, "collect garbage", "", err)
	}
	return c.GCResult, nil
}

// collection is one GC at work.
type collection struct {
	GCResult
	r      *Repository
	o      GCOptions
	cutoff time.Time
	needed blobSet
	// taken is what a dry run would have taken of each pack.
	taken map[string]packLoss
	tell  *meter
}

type packLoss struct{ blobs, bytes int64 }

func (c *collection) run(ctx context.Context, roots iter.Seq2[Digest, error]) (err error) {
	// Before all else: what happens from now on is younger than the cutoff.
	if c.cutoff, err = c.r.index.GCCutoff(ctx, time.Now().Add(-c.o.Grace)); err != nil {
		return err
	}
	if err := c.mark(ctx, roots); err != nil {
		return err
	}
	var total int64
	for p, err := range c.r.eachPack(ctx) {
		if err != nil {
			return err
		}
		total += p.Bytes
	}
	c.tell.add(Progress{BytesTotal: total})
	if err := c.takeBlobs(ctx); err != nil {
		return fmt.Errorf("take blobs off the record: %w", err)
	}
	if err := c.takePacks(ctx); err != nil {
		return fmt.Errorf("delete packs: %w", err)
	}
	if err := c.takeOrphans(ctx); err != nil {
		return fmt.Errorf("delete what is on no record: %w", err)
	}
	return nil
}

func (c *collection) mark(ctx context.Context, roots iter.Seq2[Digest, error]) error {
	for tree, err := range roots {
		if err != nil {
			return fmt.Errorf("list the roots: %w", err)
		}
		c.Trees++
		c.tell.add(Progress{Files: 1, FilesTotal: 1})
		if err := c.r.eachBlob(ctx, tree, c.needed, func(sum blobindex.Sum, err error) error {
			return fmt.Errorf("tree %s: %w", tree, err)
		}); err != nil {
			return err
		}
	}
	return nil
}

// takeBlobs is the first phase.
func (c *collection) takeBlobs(ctx context.Context) error {
	for page, err := range c.r.eachRow(ctx) {
		if err != nil {
			return err
		}
		var sums []blobindex.Sum
		for _, b := range page {
			if c.needed.has(b.Sum) || !b.Touched.Before(c.cutoff) {
				c.Kept++
				continue
			}
			sums = append(sums, b.Sum)
			loss := c.taken[b.Pack]
			c.taken[b.Pack] = packLoss{loss.blobs + 1, loss.bytes + b.Stored}
		}
		n := len(sums)
		if !c.o.DryRun && n > 0 {
			if n, err = c.r.index.ForgetBlobs(ctx, sums, c.cutoff); err != nil {
				return err
			}
			c.Kept += int64(len(sums) - n) // somebody counts on them since
		}
		c.Blobs += int64(n)
	}
	return nil
}

// takePacks is the second phase.
func (c *collection) takePacks(ctx context.Context) error {
	var sparse []blobindex.Pack
	for p, err := range c.r.eachPack(ctx) {
		if err != nil {
			return err
		}
		if c.o.DryRun {
			loss := c.taken[p.ID]
			p.Blobs, p.Live = p.Blobs-loss.blobs, p.Live-loss.bytes
		}
		old := p.Saved.Before(c.cutoff)
		switch {
		case p.Condemned || p.Blobs == 0 && old:
			if err := c.drop(ctx, p); err != nil {
				return err
			}
		case p.Blobs > 0 && old && p.Live*2 < p.Bytes-packHeader-packTail-p.Blobs*packRow:
			sparse = append(sparse, p)
			continue
		}
		c.tell.add(Progress{Bytes: p.Bytes})
	}
	return c.repack(ctx, sparse)
}

func (c *collection) drop(ctx context.Context, p blobindex.Pack) error {
	if !c.o.DryRun {
		// A condemned one was left by a collection that ended early.
		if !p.Condemned {
			condemned, err := c.r.index.CondemnPack(ctx, p.ID, c.cutoff)
			if err != nil {
				return err
			}
			if !condemned {
				return nil
			}
		}
		if err := c.r.finishDrop(ctx, p.ID); err != nil {
			return err
		}
	}
	c.Packs++
	c.Freed += p.Bytes
	return nil
}

// takeOrphans deletes objects on no record: what writers left that were killed
// between writing a pack and saving it.
func (c *collection) takeOrphans(ctx context.Context) error {
	known := map[string]bool{}
	for p, err := range c.r.eachPack(ctx) {
		if err != nil {
			return err
		}
		known[p.ID] = true
	}
	for _, prefix := range []string{keyPrefix, packPrefix} {
		for e, err := range c.r.store.backend.list(ctx, prefix) {
			if err != nil {
				return err
			}
			id, ok := packOfKey(prefix, e.key)
			if !ok || known[id] {
				continue
			}
			if err := c.takeOrphan(ctx, e, c.cutoff); err != nil {
				return err
			}
		}
	}
	return c.takeSealedKeys(ctx)
}

// takeOrphan deletes an object on no record. One that was written since the record
// was read is younger than the cutoff.
func (c *collection) takeOrphan(ctx context.Context, e entry, cutoff time.Time) error {
	// The store's clock counts coarser than the index's.
	if !e.written.Before(cutoff.Add(-orphanSlack)) {
		return nil
	}
	if !c.o.DryRun {
		if err := c.r.store.deleteObject(ctx, e.key); err != nil {
			return err
		}
	}
	c.Orphans++
	c.Freed += e.size
	return nil
}
