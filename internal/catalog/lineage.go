package catalog

import (
	"context"
	"fmt"
	"time"
)

// ActionDataUsed is the event of a release that names a data version; its
// subject is DataSubject. It is part of the audit log and never changes.
const ActionDataUsed = "data.used"

// DataUse is one use of a data version: by a model (its id), by a release (its key), or both.
type DataUse struct {
	ModelID string    `db:"model" json:"model_id,omitempty"`
	Release string    `db:"release" json:"release,omitempty"`
	At      time.Time `db:"-" json:"at"`
}

type dataUseRow struct {
	DataUse
	At stamp `db:"at"`
}

func (r dataUseRow) use() DataUse {
	r.DataUse.At = r.At.time()
	return r.DataUse
}

// LinkData notes that a model (its id), a release (its key) or both used a data
// version. Linking again does nothing; a model takes the place of its release's
// own use. The error is ErrNotFound if the data version is not on record.
func (c *Catalog) LinkData(ctx context.Context, dataDigest, modelID, releaseKey string) error {
	if modelID == "" && releaseKey == "" {
		return fmt.Errorf("link data %s: %w", dataDigest, invalid("neither a model nor a release is named"))
	}
	return c.update(ctx, "link data", func(t *tx) error {
		if _, found, err := t.dataByDigest(ctx, dataDigest); err != nil {
			return err
		} else if !found {
			return notFound("data %q", dataDigest)
		}
		return t.linkData(ctx, dataDigest, modelID, releaseKey)
	})
}

func (t *tx) linkData(ctx context.Context, digest, modelID, releaseKey string) error {
	if modelID != "" && releaseKey != "" {
		if _, err := t.exec(ctx, `UPDATE data_uses SET model = ? WHERE digest = ? AND model = '' AND release = ?
			AND NOT EXISTS (SELECT 1 FROM data_uses same WHERE same.digest = ? AND same.model = ? AND same.release = ?)`,
			modelID, digest, releaseKey, digest, modelID, releaseKey); err != nil {
			return err
		}
	}
	return t.insert(ctx, "data_uses(digest, model, release, at)", "ON CONFLICT DO NOTHING",
		[]any{digest, modelID, releaseKey, stamp(t.now)})
}

// UseData finds a data version by a reference and notes that a release (its key)
// uses it: nobody can delete it while the release is under way. A version that
// is deleted already is an ErrConflict.
func (c *Catalog) UseData(ctx context.Context, ref, releaseKey string, m Mark) (DataVersion, error) {
	if err := required("release key", releaseKey); err != nil {
		return DataVersion{}, fmt.Errorf("use data %s: %w", ref, err)
	}
	used, err := apply(ctx, c, m, ActionDataUsed, DataSubject(""), func(t *tx) (move[DataVersion], error) {
		d, err := t.findData(ctx, ref)
		if err == nil && !d.DeletedAt.IsZero() {
			err = conflict("data %s was deleted at %s: restore it, or add the data again", d.Label(), d.DeletedAt.Format(time.RFC3339))
		}
		if err == nil {
			err = t.linkData(ctx, d.Digest, "", releaseKey)
		}
		return move[DataVersion]{after: d, subject: DataSubject(d.Digest)}, err
	})
	if err != nil {
		return DataVersion{}, err
	}
	return c.Data(ctx, used.Digest)
}

// DataUses lists what used a data version, oldest first.
func (c *Catalog) DataUses(ctx context.Context, dataDigest string) ([]DataUse, error) {
	return list(ctx, c, "list uses of data", dataUseRow.use,
		"SELECT model, release, at FROM data_uses WHERE digest = ? ORDER BY at, model, release", dataDigest)
}
