package catalog

import (
	"context"
	"fmt"
	"time"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// The index of the artifact repository's blobs; *Catalog is an artifacts.Index,
// which is where its methods are specified. Like what gateways write, none of it
// is a mutation with a Mark: the rows say where bytes lie, not what happened.

const blobColumns = "sum, kind, encoding, pack, off, stored, size, crc, touched_at"

type blobRow struct {
	blobindex.Blob
	Touched stamp `db:"touched_at"`
}

func (r blobRow) blob() blobindex.Blob {
	r.Blob.Touched = r.Touched.time()
	return r.Blob
}

// PinUpload begins, prolongs or ends an upload.
func (c *Catalog) PinUpload(ctx context.Context, upload string, begin bool, until time.Time) error {
	return c.update(ctx, "pin upload "+upload, func(t *tx) error {
		if begin {
			// Again, if the answer to a first try was lost.
			return t.insert(ctx, "blob_uploads(id, begun_at, until_at)", "ON CONFLICT (id) DO UPDATE SET until_at = excluded.until_at",
				[]any{upload, stamp(t.now), stamp(until)})
		}
		query, args := "UPDATE blob_uploads SET until_at = ? WHERE id = ?", []any{stamp(until), upload}
		if until.IsZero() {
			args[0] = stamp(t.now) // it goes on to count for the grace of a collection
		}
		n, err := t.exec(ctx, query, args...)
		if err == nil && n == 0 {
			err = blobindex.ErrExpired
		}
		return err
	})
}

// FindBlobs returns those of the blobs that are on record, touched if asked for.
func (c *Catalog) FindBlobs(ctx context.Context, sums []blobindex.Sum, touch bool) ([]blobindex.Blob, error) {
	if len(sums) == 0 {
		return nil, nil
	}
	places, args := placesFor(sums)
	if !touch {
		return list(ctx, c, "find blobs", blobRow.blob, "SELECT "+blobColumns+" FROM blobs WHERE sum IN "+places, args...)
	}
	var found []blobindex.Blob
	err := c.update(ctx, "touch blobs", func(t *tx) error {
		// Locked in one order, or two writers of the same data stand in each other's way.
		if t.dialect.lockRow != "" {
			if err := t.all(ctx, new([]blobindex.Sum), "SELECT sum FROM blobs WHERE sum IN "+places+" ORDER BY sum"+t.dialect.lockRow, args...); err != nil {
				return err
			}
		}
		var rows []blobRow
		if err := t.all(ctx, &rows, "UPDATE blobs SET touched_at = ? WHERE sum IN "+places+" RETURNING "+blobColumns, append([]any{stamp(t.now)}, args...)...); err != nil {
			return err
		}
		found = make([]blobindex.Blob, len(rows))
		for i, row := range rows {
			found[i] = row.blob()
		}
		return nil
	})
	return found, err
}

// ListBlobs returns a page of all blobs.
func (c *Catalog) ListBlobs(ctx context.Context, after *blobindex.Sum, limit int) ([]blobindex.Blob, error) {
	var q query
	if after != nil {
		q.where("sum > ?", *after)
	}
	return list(ctx, c, "list blobs", blobRow.blob, q.sql("SELECT "+blobColumns+" FROM blobs", "sum", limit), q.args...)
}

// ForgetBlobs takes blobs off the record that were not touched since the cutoff.
func (c *Catalog) ForgetBlobs(ctx context.Context, sums []blobindex.Sum, cutoff time.Time) (int, error) {
	forgotten := 0
	for len(sums) > 0 {
		some := sums[:min(len(sums), insertBatch)]
		sums = sums[len(some):]
		places, args := placesFor(some)
		var n int64
		err := c.update(ctx, "forget blobs", func(t *tx) (err error) {
			n, err = t.exec(ctx, "DELETE FROM blobs WHERE touched_at < ? AND sum IN "+places, append([]any{stamp(cutoff)}, args...)...)
			return err
		})
		if err != nil {
			return forgotten, err
		}
		forgotten += int(n)
	}
	return forgotten, nil
}

// GCCutoff drops pins that ended and returns the time from which on nothing may be collected.
func (c *Catalog) GCCutoff(ctx context.Context, before time.Time) (time.Time, error) {
	var cutoff time.Time
	err := c.update(ctx, "find the cutoff of a collection", func(t *tx) error {
		over := t.now
		if before.Before(over) {
			over = before
		}
		if _, err := t.exec(ctx, "DELETE FROM blob_uploads WHERE until_at <= ?", stamp(over)); err != nil {
			return err
		}
		var oldest stamp
		if _, err := t.get(ctx, &oldest, "SELECT MIN(begun_at) FROM blob_uploads"); err != nil {
			return err
		}
		cutoff = at(before)
		if begun := oldest.time(); !begun.IsZero() && begun.Before(cutoff) {
			cutoff = begun
		}
		return nil
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("collect garbage: %w", err)
	}
	return cutoff, nil
}
