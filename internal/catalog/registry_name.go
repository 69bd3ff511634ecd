package catalog

import (
	"context"
	"fmt"
)

// CreateRegisteredModel makes a model that has no versions yet. Of r it takes
// Name, Description and Tags. A name that is taken is an ErrConflict. A deleted
// name comes back empty; its versions' numbers go on.
func (c *Catalog) CreateRegisteredModel(ctx context.Context, r RegisteredModel, m Mark) (RegisteredModel, error) {
	if err := checkModelName(r.Name); err != nil {
		return RegisteredModel{}, fmt.Errorf("create registered model: %w", err)
	}
	return apply(ctx, c, m, ActionRegisteredModelCreated, RegisteredModelSubject(r.Name), func(t *tx) (move[RegisteredModel], error) {
		old, found, err := t.registeredRow(ctx, r.Name)
		if err != nil {
			return move[RegisteredModel]{}, err
		}
		switch {
		case found && old.DeletedAt.time().IsZero():
			return move[RegisteredModel]{}, conflict("registered model %q exists", r.Name)
		case found:
			_, err = t.exec(ctx, "UPDATE model_names SET deleted_at = NULL, description = ?, created_by = ?, created_at = ?, updated_at = ? WHERE name = ?",
				r.Description, m.Actor, stamp(t.now), stamp(t.now), r.Name)
		default:
			err = t.insert(ctx, "model_names(name, last_number, description, created_by, created_at, updated_at)", "",
				[]any{r.Name, 0, r.Description, m.Actor, stamp(t.now), stamp(t.now)})
		}
		if err != nil {
			return move[RegisteredModel]{}, err
		}
		if err := t.insert(ctx, "registered_model_tags(name, key, value)", "", tagRows(r.Tags, r.Name)...); err != nil {
			return move[RegisteredModel]{}, err
		}
		now, err := t.mustRegistered(ctx, r.Name)
		return move[RegisteredModel]{after: now.head()}, err
	})
}

func checkModelName(name string) error { return checkName("model name", name) }

// DescribeRegisteredModel replaces a model's description.
func (c *Catalog) DescribeRegisteredModel(ctx context.Context, name, description string, m Mark) (RegisteredModel, error) {
	return c.moveRegistered(ctx, name, ActionRegisteredModelUpdated, m, func(t *tx, _ RegisteredModel) (bool, error) {
		_, err := t.exec(ctx, "UPDATE model_names SET description = ? WHERE name = ?", description, name)
		return true, err
	})
}

// RenameRegisteredModel gives a model another name, its versions with it. The
// old name stays on record as deleted. A name that is or was another model's is
// an ErrConflict; a model that is released or routed can't be renamed: gateways,
// predictions and workflows know it by its name.
func (c *Catalog) RenameRegisteredModel(ctx context.Context, name, to string, m Mark) (RegisteredModel, error) {
	if err := checkModelName(to); err != nil {
		return RegisteredModel{}, fmt.Errorf("rename registered model: %w", err)
	}
	return apply(ctx, c, m, ActionRegisteredModelRenamed, RegisteredModelSubject(to), func(t *tx) (move[RegisteredModel], error) {
		old, err := t.mustRegistered(ctx, name)
		if err != nil {
			return move[RegisteredModel]{}, err
		}
		if err := t.ungoverned(ctx, name, "the name"); err != nil {
			return move[RegisteredModel]{}, err
		}
		if err := t.freeName(ctx, to); err != nil {
			return move[RegisteredModel]{}, err
		}
		for _, step := range []struct {
			sql  string
			args []any
		}{
			{`INSERT INTO model_names(name, last_number, description, created_by, created_at, updated_at, last_alias_rev)
				SELECT ?, last_number, description, created_by, created_at, ?, last_alias_rev FROM model_names WHERE name = ?
				ON CONFLICT (name) DO UPDATE SET deleted_at = NULL, description = excluded.description, created_by = excluded.created_by,
					created_at = excluded.created_at, updated_at = excluded.updated_at,
					last_number = CASE WHEN excluded.last_number > model_names.last_number THEN excluded.last_number ELSE model_names.last_number END,
					last_alias_rev = CASE WHEN excluded.last_alias_rev > model_names.last_alias_rev THEN excluded.last_alias_rev ELSE model_names.last_alias_rev END`,
				[]any{to, stamp(t.now), name}},
			// Evidence, aliases and tags follow by their foreign keys.
			{"UPDATE models SET name = ?, updated_at = ?, rev = rev + 1 WHERE name = ?", []any{to, stamp(t.now), name}},
			{"UPDATE registered_model_tags SET name = ? WHERE name = ?", []any{to, name}},
			{"UPDATE model_names SET deleted_at = ?, description = '' WHERE name = ?", []any{stamp(t.now), name}},
		} {
			if _, err := t.exec(ctx, step.sql, step.args...); err != nil {
				return move[RegisteredModel]{}, err
			}
		}
		now, err := t.mustRegistered(ctx, to)
		if err != nil {
			return move[RegisteredModel]{}, err
		}
		return move[RegisteredModel]{before: old.head(), after: now.head()}, t.noteMoved(ctx, old, now, m)
	})
}

// noteMoved ends the history of the old name: another model may get it.
func (t *tx) noteMoved(ctx context.Context, old, now RegisteredModel, m Mark) error {
	text, err := canonicalOf(detail{Before: old.head(), After: now.head()})
	if err != nil {
		return err
	}
	return t.appendEvent(ctx, Event{Key: m.Key + "/moved", Actor: m.Actor, Action: ActionRegisteredModelMoved,
		Subject: RegisteredModelSubject(old.Name), Reason: m.Reason, Detail: text.raw()})
}

// freeName refuses a name that is taken, or has versions on record from before.
func (t *tx) freeName(ctx context.Context, name string) error {
	old, found, err := t.registeredRow(ctx, name)
	if err != nil || !found {
		return err
	}
	if old.DeletedAt.time().IsZero() {
		return conflict("registered model %q exists", name)
	}
	var versions int64
	if _, err := t.get(ctx, &versions, "SELECT COUNT(*) FROM models WHERE name = ?", name); err != nil {
		return err
	}
	if versions > 0 {
		return conflict("the name %q was a model's with %d versions, which stay on record: choose another", name, versions)
	}
	return nil
}

// DeleteRegisteredModel deletes a model with all its versions. They stay on
// record for the audit log. A model that is released or routed is an ErrGoverned.
func (c *Catalog) DeleteRegisteredModel(ctx context.Context, name string, m Mark) error {
	_, err := apply(ctx, c, m, ActionRegisteredModelDeleted, RegisteredModelSubject(name), func(t *tx) (move[RegisteredModel], error) {
		old, err := t.mustRegistered(ctx, name)
		if err != nil {
			return move[RegisteredModel]{}, err
		}
		if err := t.ungoverned(ctx, name, "the record"); err != nil {
			return move[RegisteredModel]{}, err
		}
		for _, a := range old.Aliases {
			if a.Protected {
				return move[RegisteredModel]{}, protectedAlias(name, a.Alias)
			}
			if err := t.dropAlias(ctx, name, a.Alias); err != nil {
				return move[RegisteredModel]{}, err
			}
		}
		for _, sql := range []string{
			"UPDATE models SET stage = CASE WHEN stage = 'production' THEN 'archived' ELSE stage END, deleted_at = ?, rev = rev + 1 WHERE name = ? AND deleted_at IS NULL",
			"UPDATE model_names SET deleted_at = ? WHERE name = ?",
		} {
			if _, err := t.exec(ctx, sql, stamp(t.now), name); err != nil {
				return move[RegisteredModel]{}, err
			}
		}
		if _, err := t.exec(ctx, "DELETE FROM registered_model_tags WHERE name = ?", name); err != nil {
			return move[RegisteredModel]{}, err
		}
		return move[RegisteredModel]{before: old.head(), after: RegisteredModel{Name: name, LastNumber: old.LastNumber}}, nil
	})
	return err
}
