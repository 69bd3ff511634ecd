package catalog

import (
	"context"
)

// TagMove is a tag that was set or taken away, as its event has it.
type TagMove struct {
	Key   string `json:"key"`
	Value string `json:"value,omitempty"`
}

// TagRegisteredModel sets a tag of a model. A tag that has the value already is
// left as it is.
func (c *Catalog) TagRegisteredModel(ctx context.Context, name string, tag Tag, m Mark) error {
	return c.moveTag(ctx, m, ActionRegisteredModelTagged, RegisteredModelSubject(name), tag, func(t *tx) (string, bool, error) {
		r, err := t.mustRegistered(ctx, name)
		if err != nil {
			return "", false, err
		}
		old, had := r.Tags[tag.Key]
		return old, had, t.insert(ctx, "registered_model_tags(name, key, value)", putTag("name"), []any{name, tag.Key, tag.Value})
	}, name)
}

// UntagRegisteredModel takes a tag of a model away, if it is there.
func (c *Catalog) UntagRegisteredModel(ctx context.Context, name, key string, m Mark) error {
	return c.dropTag(ctx, m, ActionRegisteredModelUntagged, RegisteredModelSubject(name), key, func(t *tx) (string, bool, error) {
		r, err := t.mustRegistered(ctx, name)
		if err != nil {
			return "", false, err
		}
		old, had := r.Tags[key]
		_, err = t.exec(ctx, "DELETE FROM registered_model_tags WHERE name = ? AND key = ?", name, key)
		return old, had, err
	}, name)
}

// TagVersion sets a tag of a version. A tag that has the value already is left
// as it is.
func (c *Catalog) TagVersion(ctx context.Context, name, version string, tag Tag, m Mark) error {
	return c.moveTag(ctx, m, ActionModelTagged, ModelSubject(name, version), tag, func(t *tx) (string, bool, error) {
		v, err := t.mustModel(ctx, name, version)
		if err != nil {
			return "", false, err
		}
		old, had := v.Tags[tag.Key]
		return old, had, t.insert(ctx, "model_tags(name, version, key, value)", putTag("name, version"), []any{name, version, tag.Key, tag.Value})
	}, name)
}

// UntagVersion takes a tag of a version away, if it is there.
func (c *Catalog) UntagVersion(ctx context.Context, name, version, key string, m Mark) error {
	return c.dropTag(ctx, m, ActionModelUntagged, ModelSubject(name, version), key, func(t *tx) (string, bool, error) {
		v, err := t.mustModel(ctx, name, version)
		if err != nil {
			return "", false, err
		}
		old, had := v.Tags[key]
		_, err = t.exec(ctx, "DELETE FROM model_tags WHERE name = ? AND version = ? AND key = ?", name, version, key)
		return old, had, err
	}, name)
}

func putTag(owner string) string {
	return "ON CONFLICT (" + owner + ", key) DO UPDATE SET value = excluded.value"
}

// moveTag sets a tag by put, which gives back the value before.
func (c *Catalog) moveTag(ctx context.Context, m Mark, action, subject string, tag Tag, put func(*tx) (string, bool, error), name string) error {
	if err := required("tag key", tag.Key); err != nil {
		return err
	}
	_, err := apply(ctx, c, m, action, subject, func(t *tx) (move[TagMove], error) {
		old, had, err := put(t)
		if err != nil {
			return move[TagMove]{}, err
		}
		after := TagMove(tag)
		if had && old == tag.Value {
			return move[TagMove]{after: after, unchanged: true}, nil
		}
		var before any
		if had {
			before = TagMove{Key: tag.Key, Value: old}
		}
		return move[TagMove]{before: before, after: after}, t.touch(ctx, name)
	})
	return err
}

// dropTag takes a tag away by drop, which gives back the value before.
func (c *Catalog) dropTag(ctx context.Context, m Mark, action, subject, key string, drop func(*tx) (string, bool, error), name string) error {
	_, err := apply(ctx, c, m, action, subject, func(t *tx) (move[TagMove], error) {
		old, had, err := drop(t)
		if err != nil || !had {
			return move[TagMove]{unchanged: true}, err
		}
		return move[TagMove]{before: TagMove{Key: key, Value: old}, after: TagMove{Key: key}}, t.touch(ctx, name)
	})
	return err
}
