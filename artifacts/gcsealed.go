package artifacts

import (
	"context"
	"errors"
	"time"
)

// sealedKeyAge is how old a data key of no blob must be to count as left by a
// crash, whatever the grace of a collection: no pin tells of a Put that is under way.
const sealedKeyAge = 24 * time.Hour

// takeSealedKeys deletes data keys that no blob is encrypted with: what a writer
// left that was killed between the two, or that another one overtook.
func (c *collection) takeSealedKeys(ctx context.Context) error {
	blobs := map[Digest]bool{}
	for ref, err := range c.r.store.listed(ctx, sealedPrefix) {
		if err != nil {
			return err
		}
		blobs[ref.Digest] = true
	}
	cutoff := time.Now().Add(-sealedKeyAge)
	if c.cutoff.Before(cutoff) {
		cutoff = c.cutoff
	}
	var blob Digest
	var keys []entry // of the blob
	for e, err := range c.r.store.backend.list(ctx, sealedKeyPrefix) {
		if err != nil {
			return err
		}
		d, _, ok := parseSealedKey(e.key)
		if !ok {
			continue
		}
		if d != blob {
			if err := c.takeKeysOf(ctx, blob, blobs[blob], keys, cutoff); err != nil {
				return err
			}
			blob, keys = d, keys[:0]
		}
		keys = append(keys, e)
	}
	return c.takeKeysOf(ctx, blob, blobs[blob], keys, cutoff)
}

// takeKeysOf deletes the keys that a blob, if it is there, is not encrypted with.
func (c *collection) takeKeysOf(ctx context.Context, d Digest, there bool, keys []entry, cutoff time.Time) error {
	if there && len(keys) == 1 || len(keys) == 0 {
		return nil // its own: the key of a blob comes before it
	}
	id, err := c.r.store.sealIDOf(ctx, d)
	if errors.Is(err, ErrDamaged) {
		return nil // which of them it needs cannot be told
	}
	if err != nil && !isNotFound(err) {
		return err
	}
	for _, e := range keys {
		if err == nil && e.key == sealedKeyOf(d, id) {
			continue
		}
		if err := c.takeOrphan(ctx, e, cutoff); err != nil {
			return err
		}
	}
	return nil
}
