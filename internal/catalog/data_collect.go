package catalog

import (
	"context"
	"iter"
)

// expired selects the trees whose content may be given up: deleted, kept long
// enough, under no legal hold and used by no model that can still come (back)
// into production. Its argument is the time.
const expired = `tree AND deleted_at IS NOT NULL AND collected_at IS NULL AND keep_until <= ? AND hold = ''
	AND NOT EXISTS (SELECT 1 FROM models m WHERE m.stage IN ('staging', 'production', 'archived')
		AND (m.data_digest = data_versions.digest OR m.id IN (SELECT model FROM data_uses u WHERE u.digest = data_versions.digest)))`

// ExpiredData lists the data versions whose content CollectData would give up, by digest.
func (c *Catalog) ExpiredData(ctx context.Context) ([]DataVersion, error) {
	var out []DataVersion
	err := c.view(ctx, "list expired data", func(t *tx) error {
		var rows []dataRow
		if err := t.all(ctx, &rows, "SELECT "+dataColumns+" FROM data_versions WHERE "+expired+" ORDER BY digest", stamp(t.now)); err != nil {
			return err
		}
		out = make([]DataVersion, len(rows))
		for i, row := range rows {
			out[i] = row.data()
		}
		return nil
	})
	return out, err
}

// CollectData gives up the content of a data version that has expired: from now
// on it is no root, and can't be restored. A version that has not, or no longer, is left
// alone. The content is deleted by the collection that follows.
func (c *Catalog) CollectData(ctx context.Context, digest string, m Mark) (DataVersion, error) {
	return c.moveData(ctx, digest, ActionDataCollected, m, func(t *tx, _ DataVersion) (bool, error) {
		changed, err := t.exec(ctx, "UPDATE data_versions SET collected_at = ? WHERE digest = ? AND "+expired, stamp(t.now), digest, stamp(t.now))
		return changed > 0, err
	})
}

// rootPage bounds the roots read at a time: a collection takes long, and a
// transaction that is open all the while would hold back the database's own clean-up.
const rootPage = 1000

// DataRoots yields the digest of every tree whose content must be kept, in
// order: those of all versions that were not collected. What is saved while it
// runs may be missing; the grace of the collection covers it. After an error it yields no more.
func (c *Catalog) DataRoots(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for last := ""; ; {
			same := func(digest string) string { return digest }
			page, err := list(ctx, c, "list data roots", same,
				"SELECT digest FROM data_versions WHERE tree AND collected_at IS NULL AND digest > ? ORDER BY digest LIMIT ?", last, rootPage)
			if err != nil {
				yield("", err)
				return
			}
			for _, digest := range page {
				if !yield(digest, nil) {
					return
				}
				last = digest
			}
			if len(page) < rootPage {
				return
			}
		}
	}
}
