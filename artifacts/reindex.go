package artifacts

import (
	"context"
	"fmt"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// Reindex puts every pack of the store on the index's record, as after the loss
// of the index or in front of a copy of a store. What is on record already stays. It
// stops at a pack that it cannot read.
func (r *Repository) Reindex(ctx context.Context) error {
	u, within, err := r.begin(ctx, nil)
	if err != nil {
		return r.fail(ctx, "reindex", "", err)
	}
	if err := u.reindex(within); err != nil {
		u.abandon(ctx)
		return r.fail(ctx, "reindex", "", err)
	}
	return nil
}

func (u *upload) reindex(ctx context.Context) error {
	for e, err := range u.r.store.backend.list(ctx, packPrefix) {
		if err != nil {
			return err
		}
		id, ok := packOfKey(packPrefix, e.key)
		if !ok {
			continue
		}
		b, err := u.r.readObject(ctx, e.key, maxPack)
		if err != nil {
			return fmt.Errorf("%s: %w", e.key, err)
		}
		blobs, err := parsePack(id, b, func() (*packKey, error) { return u.r.keyOf(ctx, id) })
		if err != nil {
			return fmt.Errorf("%s: %w", e.key, err)
		}
		if _, err := u.r.index.SavePack(ctx, u.id, blobindex.Pack{ID: id, Bytes: e.size}, blobs); err != nil {
			return fmt.Errorf("%s: %w", e.key, err)
		}
	}
	return u.finish(ctx)
}
