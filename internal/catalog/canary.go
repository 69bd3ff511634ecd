package catalog

import (
	"context"
	"fmt"
)

// StageCanary puts a registered version beside the stable one, with no traffic,
// and gives its release the canary. If this release has staged this version
// already, the route comes back as it is. It is an ErrConflict if another
// release has the canary, if the version is stable already, was rejected, or is
// registered with another digest.
func (c *Catalog) StageCanary(ctx context.Context, model, version, digest, release string, m Mark) (Route, error) {
	if err := required("version", version, "digest", digest, "release", release); err != nil {
		return Route{}, fmt.Errorf("stage canary of model %s: %w", model, err)
	}
	return apply(ctx, c, m, ActionCanaryStaged, RouteSubject(model), func(t *tx) (move[Route], error) {
		candidate, err := t.mustModel(ctx, model, version)
		if err != nil {
			return move[Route]{}, err
		}
		old, found, err := t.route(ctx, model)
		if err != nil {
			return move[Route]{}, err
		}
		if old.Canary == version && old.CanaryDigest == digest && old.Release == release {
			return move[Route]{after: old, unchanged: true}, nil
		}
		if err := mayStage(old, candidate, digest); err != nil {
			return move[Route]{}, err
		}
		next := old
		next.Model, next.Canary, next.CanaryDigest, next.CanaryPermille, next.Release = model, version, digest, 0, release
		next, err = t.moveRoute(ctx, next, old.Rev)
		return move[Route]{before: orNone(old, found), after: next}, err
	})
}

// mayStage tells whether the candidate can become the route's canary.
func mayStage(route Route, candidate Model, digest string) error {
	name := candidate.Name + "/" + candidate.Version
	switch {
	case candidate.Digest != digest:
		return conflict("model %s is registered with digest %s, not %s", name, candidate.Digest, digest)
	case candidate.Stage == StageRejected:
		return conflict("model %s was rejected: register it again first", name)
	case route.Stable == candidate.Version:
		return conflict("model %s is in production already", name)
	case route.Canary != "":
		return conflict("the route of model %s carries the canary %s of %s", candidate.Name, route.Canary, route.Release)
	}
	return nil
}

// ShiftCanary gives the release's canary permille of 1000 requests, if the route
// is at revision rev. It is an ErrConflict if the route has moved or the canary
// is not this release's.
func (c *Catalog) ShiftCanary(ctx context.Context, model, release string, permille int, rev int64, m Mark) (Route, error) {
	if permille < 0 || permille > 1000 {
		return Route{}, fmt.Errorf("shift canary of model %s: %w", model, invalid("%d permille is not from 0 to 1000", permille))
	}
	return apply(ctx, c, m, ActionCanaryShifted, RouteSubject(model), func(t *tx) (move[Route], error) {
		old, err := t.heldRoute(ctx, model, release, rev)
		if err != nil {
			return move[Route]{}, err
		}
		next := old
		next.CanaryPermille = permille
		next, err = t.moveRoute(ctx, next, rev)
		return move[Route]{before: old, after: next}, err
	})
}

// PromoteCanary makes the release's canary the production version, if the route
// is at revision rev: the route's stable version, the stages and the alias
// "production", all or none. The version that was in production is archived and
// stays on the route as Previous.
func (c *Catalog) PromoteCanary(ctx context.Context, model, release string, rev int64, m Mark) (Route, error) {
	return apply(ctx, c, m, ActionModelPromoted, ModelSubject(model, ""), func(t *tx) (move[Route], error) {
		old, err := t.heldRoute(ctx, model, release, rev)
		if err != nil {
			return move[Route]{}, err
		}
		if err := t.promoteModel(ctx, old); err != nil {
			return move[Route]{}, err
		}
		next := Route{Model: model, Stable: old.Canary, StableDigest: old.CanaryDigest, Previous: old.Stable, PreviousDigest: old.StableDigest}
		next, err = t.moveRoute(ctx, next, rev)
		return move[Route]{before: old, after: next, subject: ModelSubject(model, next.Stable)}, err
	})
}

// promoteModel moves the stages and the alias from the stable version to the canary.
func (t *tx) promoteModel(ctx context.Context, route Route) error {
	candidate, err := t.mustModel(ctx, route.Model, route.Canary)
	if err != nil {
		return err
	}
	if candidate.Stage == StageRejected {
		return conflict("model %s/%s was rejected since it became the canary", candidate.Name, candidate.Version)
	}
	_, err = t.enterProduction(ctx, candidate)
	return err
}

// ClearCanary takes the release's canary off the route. Where there is no route
// or no canary of this release it does nothing and gives back the route as it is.
func (c *Catalog) ClearCanary(ctx context.Context, model, release string, m Mark) (Route, error) {
	return apply(ctx, c, m, ActionCanaryCleared, RouteSubject(model), func(t *tx) (move[Route], error) {
		old, found, err := t.route(ctx, model)
		if err != nil || !found || holds(old, release) != nil {
			return move[Route]{after: old, unchanged: true}, err
		}
		next := old
		next.Canary, next.CanaryDigest, next.CanaryPermille, next.Release = "", "", 0, ""
		next, err = t.moveRoute(ctx, next, old.Rev)
		return move[Route]{before: old, after: next}, err
	})
}

// heldRoute is the route at revision rev with the canary of the release.
func (t *tx) heldRoute(ctx context.Context, model, release string, rev int64) (Route, error) {
	route, err := t.mustRoute(ctx, model)
	if err != nil {
		return Route{}, err
	}
	if err := holds(route, release); err != nil {
		return Route{}, err
	}
	if route.Rev != rev {
		return Route{}, conflict("the route of model %s is at revision %d, not %d: look again", model, route.Rev, rev)
	}
	return route, nil
}

// holds is nil if the route's canary is the release's.
func holds(route Route, release string) error {
	switch {
	case route.Canary == "":
		return conflict("the route of model %s has no canary", route.Model)
	case route.Release != release:
		return conflict("the canary on the route of model %s is %s's, not %s's", route.Model, route.Release, release)
	}
	return nil
}

func orNone(route Route, found bool) any {
	if !found {
		return nil
	}
	return route
}
