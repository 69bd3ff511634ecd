package catalog

import (
	"context"
	"fmt"
	"time"
)

// Actions of events on data versions; their subject is DataSubject. They are
// part of the audit log and never change.
const (
	ActionDataTagged   = "data.tagged"
	ActionDataUntagged = "data.untagged"
	ActionDataDeleted  = "data.deleted"
	ActionDataRestored = "data.restored"
	ActionDataHeld     = "data.held"
	// ActionDataReleased ends a legal hold.
	ActionDataReleased  = "data.released"
	ActionDataCollected = "data.collected"
)

// DefaultKeep is how long a deleted data version can be restored: 30 days.
const DefaultKeep = 720 * time.Hour

// DeleteData hides a data version and gives its content up after the time to
// keep it. It is an ErrConflict to delete what is under a legal hold, what has a
// tag, and what a model in production or a release under way uses. A
// version that is deleted already is given back as it is: its retention
// does not change.
func (c *Catalog) DeleteData(ctx context.Context, digest string, keep time.Duration, m Mark) (DataVersion, error) {
	if keep < 0 {
		return DataVersion{}, fmt.Errorf("delete data %s: %w", digest, invalid("the time to keep it is %s", keep))
	}
	return c.moveData(ctx, digest, ActionDataDeleted, m, func(t *tx, d DataVersion) (bool, error) {
		if !d.DeletedAt.IsZero() {
			return false, nil
		}
		if d.Hold != "" {
			return false, conflict("data %s is under legal hold (%s): end the hold first", d.Label(), d.Hold)
		}
		if err := t.notTagged(ctx, d); err != nil {
			return false, err
		}
		if err := t.notInUse(ctx, d); err != nil {
			return false, err
		}
		_, err := t.exec(ctx, "UPDATE data_versions SET deleted_at = ?, keep_until = ? WHERE digest = ?",
			stamp(t.now), stamp(t.now.Add(keep)), digest)
		return true, err
	})
}

// RestoreData takes a deletion back. It is an ErrConflict once the content was
// given up; saving the same data again restores it even then.
func (c *Catalog) RestoreData(ctx context.Context, digest string, m Mark) (DataVersion, error) {
	return c.moveData(ctx, digest, ActionDataRestored, m, func(t *tx, d DataVersion) (bool, error) {
		if d.DeletedAt.IsZero() {
			return false, nil
		}
		if !d.CollectedAt.IsZero() {
			return false, conflict("the content of data %s was given up at %s: add the data again", d.Label(), d.CollectedAt.Format(time.RFC3339))
		}
		return true, t.undelete(ctx, digest)
	})
}

func (t *tx) undelete(ctx context.Context, digest string) error {
	_, err := t.exec(ctx, "UPDATE data_versions SET deleted_at = NULL, keep_until = NULL, collected_at = NULL WHERE digest = ?", digest)
	return err
}

// HoldData puts a data version under legal hold: it can't be deleted, and if it
// is deleted its content is kept. The mark's reason says why. It is an ErrConflict once the
// content was given up. Another hold replaces the reason.
func (c *Catalog) HoldData(ctx context.Context, digest string, m Mark) (DataVersion, error) {
	if err := required("reason of the hold", m.Reason); err != nil {
		return DataVersion{}, fmt.Errorf("hold data %s: %w", digest, err)
	}
	return c.moveData(ctx, digest, ActionDataHeld, m, func(t *tx, d DataVersion) (bool, error) {
		if !d.CollectedAt.IsZero() {
			return false, conflict("the content of data %s was given up at %s", d.Label(), d.CollectedAt.Format(time.RFC3339))
		}
		if d.Hold == m.Reason {
			return false, nil
		}
		_, err := t.exec(ctx, "UPDATE data_versions SET hold = ? WHERE digest = ?", m.Reason, digest)
		return true, err
	})
}

// ReleaseData ends a legal hold.
func (c *Catalog) ReleaseData(ctx context.Context, digest string, m Mark) (DataVersion, error) {
	return c.moveData(ctx, digest, ActionDataReleased, m, func(t *tx, d DataVersion) (bool, error) {
		if d.Hold == "" {
			return false, nil
		}
		_, err := t.exec(ctx, "UPDATE data_versions SET hold = '' WHERE digest = ?", digest)
		return true, err
	})
}

// moveData changes a version's row by do, which tells whether it did. The
// event has the version before and after, the files left out.
func (c *Catalog) moveData(ctx context.Context, digest, action string, m Mark, do func(*tx, DataVersion) (bool, error)) (DataVersion, error) {
	return apply(ctx, c, m, action, DataSubject(digest), func(t *tx) (move[DataVersion], error) {
		old, err := t.mustData(ctx, digest)
		if err != nil {
			return move[DataVersion]{}, err
		}
		changed, err := do(t, old)
		if err != nil {
			return move[DataVersion]{}, err
		}
		now, err := t.mustData(ctx, digest)
		return move[DataVersion]{before: old, after: now, unchanged: !changed}, err
	})
}

// notInUse refuses to go on with a version that a model in production or a release under way uses.
func (t *tx) notInUse(ctx context.Context, d DataVersion) error {
	var user string
	found, err := t.get(ctx, &user, `SELECT name || '/' || version FROM models WHERE stage = 'production'
		AND (data_digest = ? OR id IN (SELECT model FROM data_uses WHERE digest = ?)) ORDER BY name LIMIT 1`, d.Digest, d.Digest)
	if err == nil && found {
		err = conflict("data %s is used by model %s, which is in production", d.Label(), user)
	}
	if err != nil {
		return err
	}
	found, err = t.get(ctx, &user, `SELECT r.model || '/' || r.version FROM releases r JOIN data_uses u
		ON u.release = 'release/' || r.model || '/' || r.version || '@' || r.run WHERE r.ended_at IS NULL AND u.digest = ? ORDER BY r.model LIMIT 1`, d.Digest)
	if err == nil && found {
		err = conflict("data %s is used by the release of %s, which is under way", d.Label(), user)
	}
	return err
}
