package catalog

import (
	"context"
	"fmt"
	"slices"
)

func checkStage(to string) error {
	switch {
	case to == StageProduction:
		return conflict("only the promotion of a canary makes a version production")
	case !slices.Contains([]string{StageNone, StageStaging, StageArchived, StageRejected}, to):
		return invalid("unknown stage %q: use none, staging, archived or rejected", to)
	}
	return nil
}

// SetStage moves a version to none, staging, archived or rejected. It is an
// ErrConflict to move a version to production (PromoteCanary and PromoteModel
// do) or away from it (DemoteModel). A version that is in the stage already is
// given back as it is.
func (c *Catalog) SetStage(ctx context.Context, name, version, to string, m Mark) (Model, error) {
	return c.SetStageAlone(ctx, name, version, to, false, m)
}

// SetStageAlone is SetStage that, where alone is true, archives all other
// versions in the stage, each with an event of its own.
func (c *Catalog) SetStageAlone(ctx context.Context, name, version, to string, alone bool, m Mark) (Model, error) {
	if err := checkStage(to); err != nil {
		return Model{}, fmt.Errorf("set stage of model %s/%s: %w", name, version, err)
	}
	return apply(ctx, c, m, ActionModelStage, ModelSubject(name, version), func(t *tx) (move[Model], error) {
		old, err := t.mustModel(ctx, name, version)
		if err != nil {
			return move[Model]{}, err
		}
		if old.Stage == StageProduction {
			return move[Model]{}, conflict("model %s/%s is in production: promote another version in its place", name, version)
		}
		if alone {
			if err := t.archiveOthers(ctx, old, to, m); err != nil {
				return move[Model]{}, err
			}
		}
		if old.Stage == to {
			return move[Model]{after: old, unchanged: true}, nil
		}
		now, err := t.setStage(ctx, old, to)
		return move[Model]{before: old, after: now}, err
	})
}

// archiveOthers archives what else is in the stage.
func (t *tx) archiveOthers(ctx context.Context, keep Model, stage string, m Mark) error {
	var q query
	q.where("name = ?", keep.Name)
	q.where("stage = ?", stage)
	q.where("version <> ?", keep.Version)
	q.where("deleted_at IS NULL")
	others, err := t.models(ctx, q, "number", 0)
	if err != nil {
		return err
	}
	for _, old := range others {
		now, err := t.setStage(ctx, old, StageArchived)
		if err != nil {
			return err
		}
		text, err := canonicalOf(detail{Before: old, After: now})
		if err != nil {
			return err
		}
		if err := t.appendEvent(ctx, Event{Key: m.Key + "/archive/" + old.Version, Actor: m.Actor, Action: ActionModelStage,
			Subject: ModelSubject(old.Name, old.Version), Reason: m.Reason, Detail: text.raw()}); err != nil {
			return err
		}
	}
	return nil
}

// setStage moves old to a stage if it is still as it was read.
func (t *tx) setStage(ctx context.Context, old Model, to string) (Model, error) {
	changed, err := t.exec(ctx, "UPDATE models SET stage = ?, updated_at = ?, rev = rev + 1 WHERE name = ? AND version = ? AND rev = ?",
		to, stamp(t.now), old.Name, old.Version, old.Rev)
	if err != nil {
		return Model{}, err
	}
	if changed == 0 {
		return Model{}, conflict("model %s/%s changed since revision %d", old.Name, old.Version, old.Rev)
	}
	if err := t.touch(ctx, old.Name); err != nil {
		return Model{}, err
	}
	return t.mustModel(ctx, old.Name, old.Version)
}

// touch notes that something of a registered model changed.
func (t *tx) touch(ctx context.Context, name string) error {
	_, err := t.exec(ctx, "UPDATE model_names SET updated_at = ? WHERE name = ?", stamp(t.now), name)
	return err
}
