package artifacts

import (
	"context"
	"errors"
	"slices"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// repack moves what is needed of sparse packs into new ones and deletes them.
// A reader that found a blob in the old pack finds it again in the new one.
func (c *collection) repack(ctx context.Context, sparse []blobindex.Pack) (err error) {
	if len(sparse) == 0 {
		return nil
	}
	if c.o.DryRun {
		for _, p := range sparse {
			c.tell.add(Progress{Bytes: p.Bytes})
			c.Packs++
			c.Repacked++
			c.Freed += p.Bytes - p.Live
		}
		return nil
	}
	// An upload like any other: its pin keeps the new packs from another collection.
	u, within, err := c.r.begin(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = u.abandon(ctx, err)
		}
	}()
	var moved []blobindex.Pack
	var pack *packing
	for _, p := range sparse {
		frames, err := c.live(within, p.ID)
		c.tell.add(Progress{Bytes: p.Bytes})
		if isDamage(err) && !errors.Is(err, ErrKey) {
			c.Damaged = append(c.Damaged, packKeyOf(packPrefix, p.ID))
			continue
		}
		if err != nil {
			return err
		}
		for _, f := range frames {
			if pack, err = u.add(within, pack, f); err != nil {
				return err
			}
		}
		moved = append(moved, p)
	}
	u.giveOpen(pack)
	if err := u.finish(within); err != nil {
		return err
	}
	c.Freed -= u.stored
	for _, p := range moved {
		before := c.Packs
		if err := c.drop(ctx, p); err != nil {
			return err
		}
		c.Repacked += c.Packs - before
	}
	return nil
}

// live returns the blobs that lie in a pack, checked and as they are encoded.
func (c *collection) live(ctx context.Context, id string) ([]frame, error) {
	b, err := c.r.store.readObject(ctx, packKeyOf(packPrefix, id), maxPack)
	if err != nil {
		return nil, err
	}
	blobs, err := parsePack(id, b, func() (*packKey, error) { return c.r.keyOf(ctx, id) })
	if err != nil {
		return nil, err
	}
	sums := make([]blobindex.Sum, len(blobs))
	for i, blob := range blobs {
		sums[i] = blob.Sum
	}
	found, err := c.r.find(ctx, sums, false)
	if err != nil {
		return nil, err
	}
	var frames []frame
	for _, blob := range blobs {
		if found[blob.Sum].Pack != id {
			continue
		}
		stored := b[blob.Offset : blob.Offset+blob.Stored]
		if _, err := c.r.decode(ctx, blob, stored); err != nil {
			return nil, err
		}
		plain, err := c.r.unseal(ctx, blob, stored)
		if err != nil {
			return nil, err
		}
		blob.From, blob.Encoding, blob.CRC = id, blob.Encoding&^blobindex.Sealed, crcOf(plain)
		frames = append(frames, frame{blob: blob, data: slices.Clip(plain)})
	}
	return frames, nil
}
