package artifacts

import (
	"context"
	"errors"
	"fmt"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// Reindexed counts what Reindex found.
type Reindexed struct {
	Packs int64 `json:"packs"`
	Blobs int64 `json:"blobs"` // that the index now finds in them
	// Damaged names packs that cannot be read. What is in them stays off the record.
	Damaged []string `json:"damaged,omitempty"`
}

// Reindex puts every pack of the store on the index's record, as after the loss
// of the index or in front of a copy of a store. What is on record already stays. It
// goes on after a damaged pack; what it cannot decrypt ends it with ErrKey.
// Progress, which may be nil, counts packs as files.
func (r *Repository) Reindex(ctx context.Context, progress func(Progress)) (Reindexed, error) {
	u, within, err := r.begin(ctx, &meter{tell: progress})
	if err != nil {
		return Reindexed{}, r.fail(ctx, "reindex", "", err)
	}
	found, err := u.reindex(within)
	if err != nil {
		return found, r.fail(ctx, "reindex", "", u.abandon(ctx, err))
	}
	return found, nil
}

func (u *upload) reindex(ctx context.Context) (found Reindexed, err error) {
	var packs []entry
	var total Progress
	for e, err := range u.r.store.backend.list(ctx, packPrefix) {
		if err != nil {
			return found, err
		}
		if _, ok := packOfKey(packPrefix, e.key); ok {
			packs = append(packs, e)
			total.FilesTotal++
			total.BytesTotal += e.size
		}
	}
	u.tell.add(total)
	for _, e := range packs {
		n, err := u.reindexPack(ctx, e)
		switch {
		case err == nil:
			found.Packs++
			found.Blobs += int64(n)
		case isDamage(err) && !errors.Is(err, ErrKey) && ctx.Err() == nil:
			found.Damaged = append(found.Damaged, e.key)
		default:
			return found, fmt.Errorf("%s: %w", e.key, err)
		}
		u.tell.add(Progress{Files: 1, Bytes: e.size})
	}
	return found, u.finish(ctx)
}

// reindexPack puts a pack on record and tells how many blobs the index finds in it.
func (u *upload) reindexPack(ctx context.Context, e entry) (int, error) {
	id, _ := packOfKey(packPrefix, e.key)
	b, err := u.r.store.readObject(ctx, e.key, maxPack)
	if err != nil {
		return 0, err
	}
	blobs, err := parsePack(id, b, func() (*packKey, error) { return u.r.keyOf(ctx, id) })
	if err != nil {
		return 0, err
	}
	return u.r.index.SavePack(ctx, u.id, blobindex.Pack{ID: id, Bytes: e.size}, blobs)
}
