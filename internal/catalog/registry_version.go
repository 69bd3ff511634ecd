package catalog

import (
	"context"
	"fmt"
)

// CreateVersion registers the next version of a model by hand, stage "none". Of
// v it takes Name, Digest and Source (one of them at least), DataDigest, Run,
// RunLink, ModelID, Description, Tags, Status (empty: READY), Config and Metrics.
// Its text is its number, or the number and "-mlflow" if a release has taken
// that. The model must exist: see CreateRegisteredModel.
func (c *Catalog) CreateVersion(ctx context.Context, v Model, m Mark) (Model, error) {
	if v.Source == "" && v.Digest == "" {
		return Model{}, fmt.Errorf("create version of model %s: %w", v.Name, invalid("it has no source"))
	}
	if v.Status == "" {
		v.Status = StatusReady
	}
	result, err := apply(ctx, c, m, ActionModelRegistered, ModelSubject(v.Name, ""), func(t *tx) (move[registered], error) {
		if _, err := t.mustRegistered(ctx, v.Name); err != nil {
			return move[registered]{}, err
		}
		if err := t.checkDataDigest(ctx, v.DataDigest); err != nil {
			return move[registered]{}, err
		}
		next := v
		var err error
		if next.Number, err = t.nextNumber(ctx, v.Name, m.Actor); err != nil {
			return move[registered]{}, err
		}
		next.Version = fmt.Sprint(next.Number)
		if _, taken, err := t.model(ctx, next.Name, next.Version); err != nil {
			return move[registered]{}, err
		} else if taken {
			next.Version += "-mlflow"
		}
		next.Stage, next.CreatedBy, next.Release = StageNone, m.Actor, ""
		if err := t.insertModel(ctx, next); err != nil {
			return move[registered]{}, err
		}
		if err := t.insert(ctx, "model_tags(name, version, key, value)", "", tagRows(v.Tags, next.Name, next.Version)...); err != nil {
			return move[registered]{}, err
		}
		now, err := t.mustModel(ctx, next.Name, next.Version)
		return move[registered]{after: registered{Model: now}, subject: ModelSubject(next.Name, next.Version)}, err
	})
	return result.Model, err
}

// DescribeVersion replaces the description of a version.
func (c *Catalog) DescribeVersion(ctx context.Context, name, version, description string, m Mark) (Model, error) {
	return c.moveVersion(ctx, name, version, ActionModelUpdated, m, func(t *tx, _ Model) error {
		_, err := t.exec(ctx, "UPDATE models SET description = ?, updated_at = ?, rev = rev + 1 WHERE name = ? AND version = ?",
			description, stamp(t.now), name, version)
		return err
	})
}

// DeleteVersion deletes a version; its number is not given again. The aliases
// that point at it go with it. It is an ErrGoverned to delete what the model's
// route serves, what a release under way is about, or what a protected alias
// points at.
func (c *Catalog) DeleteVersion(ctx context.Context, name, version string, m Mark) error {
	_, err := apply(ctx, c, m, ActionModelDeleted, ModelSubject(name, version), func(t *tx) (move[Model], error) {
		old, err := t.mustModel(ctx, name, version)
		if err != nil {
			return move[Model]{}, err
		}
		if err := t.notServed(ctx, old); err != nil {
			return move[Model]{}, err
		}
		for _, alias := range old.Aliases {
			a, _, err := t.alias(ctx, name, alias)
			if err != nil {
				return move[Model]{}, err
			}
			if a.Protected {
				return move[Model]{}, protectedAlias(name, alias)
			}
			if err := t.dropAlias(ctx, name, alias); err != nil {
				return move[Model]{}, err
			}
		}
		if old.Stage == StageProduction {
			if _, err := t.setStage(ctx, old, StageArchived); err != nil {
				return move[Model]{}, err
			}
		}
		if _, err := t.exec(ctx, "UPDATE models SET deleted_at = ?, updated_at = ?, rev = rev + 1 WHERE name = ? AND version = ?",
			stamp(t.now), stamp(t.now), name, version); err != nil {
			return move[Model]{}, err
		}
		if err := t.touch(ctx, name); err != nil {
			return move[Model]{}, err
		}
		gone, _, err := t.model(ctx, name, version)
		return move[Model]{before: old, after: gone}, err
	})
	return err
}

// notServed refuses a version that requests go to, or may go to soon.
func (t *tx) notServed(ctx context.Context, m Model) error {
	route, _, err := t.route(ctx, m.Name)
	if err != nil {
		return err
	}
	if m.Version == route.Stable || m.Version == route.Canary || m.Version == route.Previous {
		return &GovernedError{What: "model " + m.Name + "/" + m.Version + " is on the model's route", Hint: "release another version in its place first"}
	}
	active, held, err := t.activeRelease(ctx, m.Name)
	if err == nil && held && active.Version == m.Version {
		err = &GovernedError{What: "model " + m.Name + "/" + m.Version + " is being released", Hint: "wait for the release to end, or abort it"}
	}
	return err
}

func protectedAlias(name, alias string) error {
	return &GovernedError{What: fmt.Sprintf("the alias %q of model %s is protected", alias, name), Hint: "move it or take it away with 'slipway model alias --override --reason …'"}
}

// moveVersion changes a version by do.
func (c *Catalog) moveVersion(ctx context.Context, name, version, action string, m Mark, do func(*tx, Model) error) (Model, error) {
	return apply(ctx, c, m, action, ModelSubject(name, version), func(t *tx) (move[Model], error) {
		old, err := t.mustModel(ctx, name, version)
		if err != nil {
			return move[Model]{}, err
		}
		if err := do(t, old); err != nil {
			return move[Model]{}, err
		}
		if err := t.touch(ctx, name); err != nil {
			return move[Model]{}, err
		}
		now, err := t.mustModel(ctx, name, version)
		return move[Model]{before: old, after: now}, err
	})
}

// VersionByNumber is the version of a model with a number, or ErrNotFound.
func (c *Catalog) VersionByNumber(ctx context.Context, name string, number int64) (Model, error) {
	var found []Model
	err := c.view(ctx, "read model", func(t *tx) error {
		var q query
		q.where("name = ?", name)
		q.where("number = ?", number)
		q.where("deleted_at IS NULL")
		var err error
		if found, err = t.models(ctx, q, "number", 1); err == nil && len(found) == 0 {
			err = notFound("model version (name=%s, version=%d)", name, number)
		}
		return err
	})
	if err != nil {
		return Model{}, err
	}
	return found[0], nil
}

// VersionNumber is the number of a version, be it deleted, or ErrNotFound.
func (c *Catalog) VersionNumber(ctx context.Context, name, version string) (number int64, err error) {
	err = c.view(ctx, "read model number", func(t *tx) error {
		found, err := t.get(ctx, &number, "SELECT number FROM models WHERE name = ? AND version = ?", name, version)
		if err == nil && !found {
			err = notFound("model %s/%s", name, version)
		}
		return err
	})
	return number, err
}
