package catalog

import (
	"context"
	"fmt"
	"strings"
)

// DataTag is a movable name for a data version. Tags and data names are one
// space: a tag is never the name of data.
type DataTag struct {
	Tag    string `db:"tag" json:"tag"`
	Digest string `db:"digest" json:"digest"`
	Rev    int64  `db:"rev" json:"rev"`
}

// DataTag reads where a tag points, or ErrNotFound.
func (c *Catalog) DataTag(ctx context.Context, tag string) (DataTag, error) {
	var found DataTag
	err := c.view(ctx, "read data tag", func(t *tx) error {
		var there bool
		var err error
		if found, there, err = t.dataTag(ctx, tag); err == nil && !there {
			err = notFound("data tag %q", tag)
		}
		return err
	})
	return found, err
}

func (t *tx) dataTag(ctx context.Context, tag string) (DataTag, bool, error) {
	var found DataTag
	there, err := t.get(ctx, &found, "SELECT tag, digest, rev FROM data_tags WHERE tag = ?", tag)
	return found, there, err
}

// SetDataTag points a tag at a data version. Rev is the tag's revision that the
// caller saw, 0 for a tag that is new; if the tag was moved meanwhile the error
// is an ErrConflict. A deleted version takes no tag.
func (c *Catalog) SetDataTag(ctx context.Context, digest, tag string, rev int64, m Mark) (DataTag, error) {
	if err := checkTag(tag); err != nil {
		return DataTag{}, fmt.Errorf("tag data: %w", err)
	}
	return apply(ctx, c, m, ActionDataTagged, DataSubject(digest), func(t *tx) (move[DataTag], error) {
		d, err := t.mustData(ctx, digest)
		if err != nil {
			return move[DataTag]{}, err
		}
		if !d.DeletedAt.IsZero() {
			return move[DataTag]{}, conflict("data %s is deleted: restore it first", d.Label())
		}
		var names int64
		if _, err := t.get(ctx, &names, "SELECT COUNT(*) FROM data_names WHERE name = ?", tag); err != nil {
			return move[DataTag]{}, err
		}
		if names > 0 {
			return move[DataTag]{}, conflict("%q is the name of data and can't be a tag", tag)
		}
		old, found, err := t.dataTag(ctx, tag)
		if err != nil {
			return move[DataTag]{}, err
		}
		if old.Rev != rev {
			return move[DataTag]{}, conflict("tag %q is at revision %d (%s), not %d: look again", tag, old.Rev, old.Digest, rev)
		}
		if found && old.Digest == digest {
			return move[DataTag]{after: old, unchanged: true}, nil
		}
		var before any
		if found {
			before = old
		}
		now := DataTag{Tag: tag, Digest: digest, Rev: rev + 1}
		err = t.insert(ctx, "data_tags(tag, digest, rev, at)",
			"ON CONFLICT (tag) DO UPDATE SET digest = excluded.digest, rev = excluded.rev, at = excluded.at",
			[]any{now.Tag, now.Digest, now.Rev, stamp(t.now)})
		return move[DataTag]{before: before, after: now}, err
	})
}

// RemoveDataTag takes a tag away from the version at which the caller saw it, at revision rev.
func (c *Catalog) RemoveDataTag(ctx context.Context, digest, tag string, rev int64, m Mark) error {
	_, err := apply(ctx, c, m, ActionDataUntagged, DataSubject(digest), func(t *tx) (move[DataTag], error) {
		changed, err := t.exec(ctx, "DELETE FROM data_tags WHERE tag = ? AND digest = ? AND rev = ?", tag, digest, rev)
		if err == nil && changed == 0 {
			err = conflict("tag %q is no longer at revision %d of %s: look again", tag, rev, digest)
		}
		old := DataTag{Tag: tag, Digest: digest, Rev: rev}
		return move[DataTag]{before: old, after: DataTag{Tag: tag}}, err
	})
	return err
}

// untagged refuses a data name that is a tag.
func (t *tx) untagged(ctx context.Context, name string) error {
	tag, found, err := t.dataTag(ctx, name)
	if err == nil && found {
		err = conflict("%q is a tag of data %s and can't be the name of data", name, tag.Digest)
	}
	return err
}

func checkTag(tag string) error {
	if err := checkName("tag", tag); err != nil {
		return err
	}
	if strings.Contains(tag, ":") {
		return invalid("tag %q has a ':'", tag)
	}
	return nil
}

// DataHistory lists what happened to a data version, in order.
func (c *Catalog) DataHistory(ctx context.Context, digest string) ([]Event, error) {
	return c.Events(ctx, EventFilter{Subject: DataSubject(digest)})
}

// notTagged refuses to go on with a version that has tags.
func (t *tx) notTagged(ctx context.Context, d DataVersion) error {
	var tags []string
	if err := t.all(ctx, &tags, "SELECT tag FROM data_tags WHERE digest = ? ORDER BY tag", d.Digest); err != nil {
		return err
	}
	if len(tags) > 0 {
		return conflict("data %s is tagged %s: move the tag or take it away first", d.Label(), strings.Join(tags, ", "))
	}
	return nil
}
