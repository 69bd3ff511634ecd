package catalog

import (
	"context"
	"slices"
	"time"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

type packRow struct {
	blobindex.Pack
	Saved stamp `db:"saved_at"`
}

func (r packRow) pack() blobindex.Pack {
	r.Pack.Saved = r.Saved.time()
	return r.Pack
}

// SavePack puts a pack and its blobs on record and tells how many lie in it now.
func (c *Catalog) SavePack(ctx context.Context, upload string, p blobindex.Pack, blobs []blobindex.Blob) (int, error) {
	// In one order, or two writers of the same data stand in each other's way.
	blobs = slices.SortedFunc(slices.Values(blobs), func(a, b blobindex.Blob) int { return slices.Compare(a.Sum[:], b.Sum[:]) })
	won := 0
	err := c.update(ctx, "save pack "+p.ID, func(t *tx) error {
		won = 0
		var pinned string
		// The lock keeps the pin until the transaction ends.
		found, err := t.get(ctx, &pinned, "SELECT id FROM blob_uploads WHERE id = ?"+t.dialect.lockRow, upload)
		if err != nil {
			return err
		}
		if !found {
			return blobindex.ErrExpired
		}
		if err := t.insert(ctx, "blob_packs(id, bytes, condemned, saved_at)", "ON CONFLICT (id) DO NOTHING",
			[]any{p.ID, p.Bytes, false, stamp(t.now)}); err != nil {
			return err
		}
		var condemned bool
		if _, err := t.get(ctx, &condemned, "SELECT condemned FROM blob_packs WHERE id = ?"+t.dialect.lockRow, p.ID); err != nil || condemned {
			return err
		}
		if err := t.saveBlobs(ctx, blobs); err != nil {
			return err
		}
		_, err = t.get(ctx, &won, "SELECT COUNT(*) FROM blobs WHERE pack = ?", p.ID)
		return err
	})
	return won, err
}

func (t *tx) saveBlobs(ctx context.Context, blobs []blobindex.Blob) error {
	var rows [][]any
	for _, b := range blobs {
		if b.From == "" {
			rows = append(rows, []any{b.Sum, int64(b.Kind), int64(b.Encoding), b.Pack, b.Offset, b.Stored, b.Size, int64(b.CRC), stamp(t.now)})
			continue
		}
		if _, err := t.exec(ctx, "UPDATE blobs SET pack = ?, off = ?, stored = ?, encoding = ?, crc = ? WHERE sum = ? AND pack = ?",
			b.Pack, b.Offset, b.Stored, int64(b.Encoding), int64(b.CRC), b.Sum, b.From); err != nil {
			return err
		}
	}
	return t.insert(ctx, "blobs("+blobColumns+")", "ON CONFLICT (sum) DO UPDATE SET touched_at = excluded.touched_at", rows...)
}

// ListPacks returns a page of all packs with what lies in them.
func (c *Catalog) ListPacks(ctx context.Context, after string, limit int) ([]blobindex.Pack, error) {
	return list(ctx, c, "list packs", packRow.pack, `SELECT p.id, p.bytes, p.condemned, p.saved_at,
		(SELECT COUNT(*) FROM blobs b WHERE b.pack = p.id) AS blobs,
		(SELECT CAST(COALESCE(SUM(b.stored), 0) AS BIGINT) FROM blobs b WHERE b.pack = p.id) AS live
		FROM blob_packs p WHERE p.id > ? ORDER BY p.id LIMIT ?`, after, limit)
}

// CondemnPack marks a pack in which nothing lies as being deleted.
func (c *Catalog) CondemnPack(ctx context.Context, id string, cutoff time.Time) (bool, error) {
	condemned := false
	err := c.update(ctx, "condemn pack "+id, func(t *tx) error {
		// The lock first: SavePack may be putting blobs in it, and a statement sees
		// only what was committed when it began.
		if _, err := t.get(ctx, &condemned, "SELECT condemned FROM blob_packs WHERE id = ?"+t.dialect.lockRow, id); err != nil || condemned {
			return err
		}
		n, err := t.exec(ctx, `UPDATE blob_packs SET condemned = ? WHERE id = ? AND saved_at < ?
			AND NOT EXISTS (SELECT 1 FROM blobs WHERE blobs.pack = blob_packs.id)`, true, id, stamp(cutoff))
		condemned = n > 0
		return err
	})
	return condemned, err
}

// ForgetPack takes a condemned pack off the record.
func (c *Catalog) ForgetPack(ctx context.Context, id string) error {
	return c.update(ctx, "forget pack "+id, func(t *tx) error {
		_, err := t.exec(ctx, "DELETE FROM blob_packs WHERE id = ? AND condemned = ?", id, true)
		return err
	})
}
