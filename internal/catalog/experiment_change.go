package catalog

import (
	"context"
	"fmt"
)

// RenameExperiment gives an experiment another name. The error is an ErrConflict if
// the name is taken, an ErrInvalid if the experiment is deleted.
func (c *Catalog) RenameExperiment(ctx context.Context, id int64, name string, m Mark) (Experiment, error) {
	if err := required("experiment name", name); err != nil {
		return Experiment{}, fmt.Errorf("rename experiment %d: %w", id, err)
	}
	return apply(ctx, c, m, ActionExperimentRenamed, ExperimentSubject(id), func(t *tx) (move[Experiment], error) {
		before, err := t.activeExperiment(ctx, id)
		if err != nil {
			return move[Experiment]{}, err
		}
		var taken Experiment
		found, err := t.get(ctx, &taken, "SELECT "+experimentColumns+" FROM experiments WHERE name = ? AND id <> ?", name, id)
		if err != nil {
			return move[Experiment]{}, err
		}
		if found {
			return move[Experiment]{}, takenName(taken)
		}
		if _, err := t.exec(ctx, "UPDATE experiments SET name = ?, updated_at = ? WHERE id = ?", name, t.now.UnixMilli(), id); err != nil {
			return move[Experiment]{}, err
		}
		after, err := t.mustExperiment(ctx, id, "")
		return move[Experiment]{before: before, after: after, unchanged: before.Name == after.Name}, err
	})
}

// DeleteExperiment hides an experiment and its runs; nothing is lost. The error is an
// ErrInvalid if it is deleted already or the default one.
func (c *Catalog) DeleteExperiment(ctx context.Context, id int64, m Mark) error {
	_, err := apply(ctx, c, m, ActionExperimentDeleted, ExperimentSubject(id), func(t *tx) (move[Experiment], error) {
		before, err := t.mustExperiment(ctx, id, t.dialect.lockRow)
		switch {
		case err != nil:
			return move[Experiment]{}, err
		case before.DeletedAt != nil:
			return move[Experiment]{}, invalid("The experiment %d must be in the 'active' state. Current state is deleted.", id)
		case id == 0:
			return move[Experiment]{}, invalid("the default experiment can't be deleted: runs without an experiment go there")
		}
		now := t.now.UnixMilli()
		if _, err := t.exec(ctx, "UPDATE experiments SET deleted_at = ?, updated_at = ? WHERE id = ?", now, now, id); err != nil {
			return move[Experiment]{}, err
		}
		if _, err := t.exec(ctx, "UPDATE runs SET deleted_at = ? WHERE experiment_id = ? AND deleted_at IS NULL", now, id); err != nil {
			return move[Experiment]{}, err
		}
		if err := t.changed(ctx, "experiment_id = ? AND deleted_at = ?", id, now); err != nil {
			return move[Experiment]{}, err
		}
		after, err := t.mustExperiment(ctx, id, "")
		return move[Experiment]{before: before, after: after}, err
	})
	return err
}

// RestoreExperiment shows a deleted experiment again, with the runs that were
// deleted with it. The error is an ErrInvalid if it is not deleted.
func (c *Catalog) RestoreExperiment(ctx context.Context, id int64, m Mark) error {
	_, err := apply(ctx, c, m, ActionExperimentRestored, ExperimentSubject(id), func(t *tx) (move[Experiment], error) {
		before, err := t.mustExperiment(ctx, id, t.dialect.lockRow)
		if err != nil {
			return move[Experiment]{}, err
		}
		if before.DeletedAt == nil {
			return move[Experiment]{}, invalid("The experiment %d must be in the 'deleted' state. Current state is active.", id)
		}
		if _, err := t.exec(ctx, "UPDATE experiments SET deleted_at = NULL, updated_at = ? WHERE id = ?", t.now.UnixMilli(), id); err != nil {
			return move[Experiment]{}, err
		}
		if err := t.changed(ctx, "experiment_id = ? AND deleted_at = ?", id, *before.DeletedAt); err != nil {
			return move[Experiment]{}, err
		}
		// Runs that were deleted before, one by one, stay deleted.
		if _, err := t.exec(ctx, "UPDATE runs SET deleted_at = NULL WHERE experiment_id = ? AND deleted_at = ?", id, *before.DeletedAt); err != nil {
			return move[Experiment]{}, err
		}
		after, err := t.mustExperiment(ctx, id, "")
		return move[Experiment]{before: before, after: after}, err
	})
	return err
}

// SetExperimentTag sets a tag of an experiment that is not deleted.
func (c *Catalog) SetExperimentTag(ctx context.Context, id int64, key, value string) error {
	return c.update(ctx, "tag experiment", func(t *tx) error {
		if _, err := t.activeExperiment(ctx, id); err != nil {
			return err
		}
		if err := t.insert(ctx, "experiment_tags(experiment_id, key, value)", "ON CONFLICT (experiment_id, key) DO UPDATE SET value = excluded.value",
			[]any{id, key, value}); err != nil {
			return err
		}
		return t.touchExperiment(ctx, id)
	})
}

// DeleteExperimentTag takes a tag off. The error is an ErrNotFound if it is not there.
func (c *Catalog) DeleteExperimentTag(ctx context.Context, id int64, key string) error {
	return c.update(ctx, "untag experiment", func(t *tx) error {
		if _, err := t.activeExperiment(ctx, id); err != nil {
			return err
		}
		n, err := t.exec(ctx, "DELETE FROM experiment_tags WHERE experiment_id = ? AND key = ?", id, key)
		if err != nil {
			return err
		}
		if n == 0 {
			return notFound("No tag with name: %s in experiment with id %d", key, id)
		}
		return t.touchExperiment(ctx, id)
	})
}

func (t *tx) touchExperiment(ctx context.Context, id int64) error {
	_, err := t.exec(ctx, "UPDATE experiments SET updated_at = ? WHERE id = ?", t.now.UnixMilli(), id)
	return err
}
