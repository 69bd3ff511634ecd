package catalog

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// SetStage moves a version to staging, archived or rejected. It is an
// ErrConflict to move a version to production (PromoteCanary does) or away from
// it: production is what the route serves. A version that is in the stage
// already is given back as it is.
func (c *Catalog) SetStage(ctx context.Context, name, version, to string, m Mark) (Model, error) {
	if to == StageProduction {
		return Model{}, fmt.Errorf("set stage of model %s/%s: %w", name, version, conflict("only the promotion of a canary makes a version production"))
	}
	if !slices.Contains([]string{StageStaging, StageArchived, StageRejected}, to) {
		return Model{}, fmt.Errorf("set stage of model %s/%s: %w", name, version, invalid("unknown stage %q: use staging, archived or rejected", to))
	}
	return apply(ctx, c, m, ActionModelStage, ModelSubject(name, version), func(t *tx) (move[Model], error) {
		old, err := t.mustModel(ctx, name, version)
		if err != nil {
			return move[Model]{}, err
		}
		switch old.Stage {
		case to:
			return move[Model]{after: old, unchanged: true}, nil
		case StageProduction:
			return move[Model]{}, conflict("model %s/%s is in production: promote another version in its place", name, version)
		}
		now, err := t.setStage(ctx, old, to)
		return move[Model]{before: old, after: now}, err
	})
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
	return t.mustModel(ctx, old.Name, old.Version)
}

// StageHistory lists the events that moved a version of the model between
// stages, registrations included, in order.
func (c *Catalog) StageHistory(ctx context.Context, name string) ([]Event, error) {
	var q query
	q.prefix("subject", ModelSubject(name, ""))
	q.where("action IN (?, ?, ?)", ActionModelRegistered, ActionModelStage, ActionModelPromoted)
	return c.events(ctx, q, "id", 0)
}

// ProductionAt is the version of the model that was in production at a time, or
// ErrNotFound if none was.
func (c *Catalog) ProductionAt(ctx context.Context, name string, when time.Time) (string, error) {
	// A version leaves production only by the promotion of another.
	var q query
	q.prefix("subject", ModelSubject(name, ""))
	q.where("action = ?", ActionModelPromoted)
	q.where("at <= ?", stamp(when))
	last, err := c.events(ctx, q, "id DESC", 1)
	if err != nil {
		return "", err
	}
	if len(last) == 0 {
		return "", notFound("production version of model %s at %s", name, when.UTC().Format(time.RFC3339))
	}
	return strings.TrimPrefix(last[0].Subject, ModelSubject(name, "")), nil
}
