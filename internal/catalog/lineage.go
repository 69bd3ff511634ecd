package catalog

import (
	"context"
	"fmt"
	"time"
)

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
// version. Linking again does nothing. The error is ErrNotFound if the data
// version is not on record.
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
		return t.insert(ctx, "data_uses(digest, model, release, at)", "ON CONFLICT DO NOTHING",
			[]any{dataDigest, modelID, releaseKey, stamp(t.now)})
	})
}

// DataUses lists what used a data version, oldest first.
func (c *Catalog) DataUses(ctx context.Context, dataDigest string) ([]DataUse, error) {
	return list(ctx, c, "list uses of data", dataUseRow.use,
		"SELECT model, release, at FROM data_uses WHERE digest = ? ORDER BY at, model, release", dataDigest)
}
