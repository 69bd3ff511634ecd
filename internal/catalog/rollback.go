package catalog

import (
	"cmp"
	"context"
	"fmt"
)

// Rollback says which version of a released model goes back into production.
type Rollback struct {
	Name string
	// To is a version that a release has put into production before; empty is the
	// one that the route keeps warm.
	To string
	// Expect is the version in production that the caller saw; empty takes the
	// place of whatever is there.
	Expect string
}

// RollBackModel puts a version that was in production before there again: the
// route's stable version, the stages and the alias "production", all or none. The
// version that leaves is archived and does not stay on the route, so that a second
// rollback in a row does not bring it back; To does. It is an ErrConflict while the
// route carries a canary, if there is nothing to go back to, or if the version
// was never in production or is rejected; a *ProductionError if another version than
// expected is in production. A version in production already is left as it is.
func (c *Catalog) RollBackModel(ctx context.Context, r Rollback, m Mark) (Route, error) {
	if err := required("model name", r.Name); err != nil {
		return Route{}, fmt.Errorf("roll back: %w", err)
	}
	return apply(ctx, c, m, ActionModelPromoted, ModelSubject(r.Name, ""), func(t *tx) (move[Route], error) {
		old, err := t.mustRoute(ctx, r.Name)
		if err != nil {
			return move[Route]{}, err
		}
		if r.To != "" && r.To == old.Stable {
			return move[Route]{after: old, unchanged: true}, nil
		}
		if r.Expect != "" && r.Expect != old.Stable {
			holder, _, err := t.production(ctx, r.Name)
			if err != nil {
				return move[Route]{}, err
			}
			return move[Route]{}, t.lost(ctx, Promotion{Name: r.Name, Version: cmp.Or(r.To, old.Previous), Expect: &r.Expect}, holder)
		}
		target, err := t.rollbackTarget(ctx, old, r.To)
		if err != nil {
			return move[Route]{}, err
		}
		if _, err := t.enterProduction(ctx, target); err != nil {
			return move[Route]{}, err
		}
		next, err := t.moveRoute(ctx, Route{Model: r.Name, Stable: target.Version, StableDigest: target.Digest}, old.Rev)
		return move[Route]{before: old, after: next, subject: ModelSubject(r.Name, next.Stable)}, err
	})
}

// rollbackTarget is the version that may take the place of the stable one.
func (t *tx) rollbackTarget(ctx context.Context, route Route, to string) (Model, error) {
	if route.Canary != "" {
		return Model{}, conflict("the route of model %s carries the canary %s of %s: abort that release first", route.Model, route.Canary, route.Release)
	}
	if to == "" {
		to = route.Previous
	}
	if to == "" {
		return Model{}, conflict("the route of model %s keeps no version before %s: name one that was in production", route.Model, route.Stable)
	}
	target, err := t.mustModel(ctx, route.Model, to)
	if err != nil {
		return Model{}, err
	}
	if target.Stage == StageRejected {
		return Model{}, conflict("model %s/%s was rejected", target.Name, target.Version)
	}
	var promotion int64
	found, err := t.get(ctx, &promotion, "SELECT id FROM events WHERE subject = ? AND action = ? ORDER BY id DESC LIMIT 1", ModelSubject(target.Name, target.Version), ActionModelPromoted)
	if err == nil && !found {
		err = conflict("model %s/%s was never in production: a release puts it there", target.Name, target.Version)
	}
	return target, err
}
