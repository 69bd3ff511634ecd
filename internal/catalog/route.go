package catalog

import (
	"context"
	"time"
)

// Route says where a model's requests go: CanaryPermille of 1000 to the canary,
// the rest to the stable version. Until the first promotion Stable is empty.
type Route struct {
	Model        string `db:"model" json:"model"`
	Stable       string `db:"stable" json:"stable,omitempty"`
	StableDigest string `db:"stable_digest" json:"stable_digest,omitempty"`
	Canary       string `db:"canary" json:"canary,omitempty"`
	CanaryDigest string `db:"canary_digest" json:"canary_digest,omitempty"`
	// CanaryPermille is from 0 to 1000.
	CanaryPermille int `db:"canary_permille" json:"canary_permille"`
	// Previous was stable before; it is kept warm for a fast way back.
	Previous       string `db:"previous" json:"previous,omitempty"`
	PreviousDigest string `db:"previous_digest" json:"previous_digest,omitempty"`
	// Release is the key of the release that holds the canary.
	Release string `db:"release" json:"release,omitempty"`
	// Rev grows by one with every move and is never reset.
	Rev       int64     `db:"rev" json:"rev"`
	UpdatedAt time.Time `db:"-" json:"updated_at"`
}

const routeColumns = "model, stable, stable_digest, canary, canary_digest, canary_permille, previous, previous_digest, release, rev, updated_at"

type routeRow struct {
	Route
	UpdatedAt stamp `db:"updated_at"`
}

func (r routeRow) route() Route {
	r.Route.UpdatedAt = r.UpdatedAt.time()
	return r.Route
}

// Routes lists all routes by model.
func (c *Catalog) Routes(ctx context.Context) ([]Route, error) {
	return list(ctx, c, "list routes", routeRow.route, "SELECT "+routeColumns+" FROM routes ORDER BY model")
}

// Route is the route of a model, or ErrNotFound.
func (c *Catalog) Route(ctx context.Context, model string) (Route, error) {
	var route Route
	err := c.view(ctx, "read route", func(t *tx) error {
		var err error
		route, err = t.mustRoute(ctx, model)
		return err
	})
	return route, err
}

func (t *tx) route(ctx context.Context, model string) (Route, bool, error) {
	var row routeRow
	found, err := t.get(ctx, &row, "SELECT "+routeColumns+" FROM routes WHERE model = ?", model)
	return row.route(), found, err
}

func (t *tx) mustRoute(ctx context.Context, model string) (Route, error) {
	r, found, err := t.route(ctx, model)
	if err == nil && !found {
		err = notFound("route of model %s", model)
	}
	return r, err
}

// moveRoute makes next the route of its model, if the route is still at
// revision rev (0: there is none), and gives it the next revision.
func (t *tx) moveRoute(ctx context.Context, next Route, rev int64) (Route, error) {
	next.Rev, next.UpdatedAt = rev+1, t.now
	if rev == 0 {
		return next, t.insert(ctx, "routes("+routeColumns+")", "",
			[]any{next.Model, next.Stable, next.StableDigest, next.Canary, next.CanaryDigest, next.CanaryPermille,
				next.Previous, next.PreviousDigest, next.Release, next.Rev, stamp(next.UpdatedAt)})
	}
	changed, err := t.exec(ctx, `UPDATE routes SET stable = ?, stable_digest = ?, canary = ?, canary_digest = ?, canary_permille = ?,
		previous = ?, previous_digest = ?, release = ?, rev = ?, updated_at = ? WHERE model = ? AND rev = ?`,
		next.Stable, next.StableDigest, next.Canary, next.CanaryDigest, next.CanaryPermille,
		next.Previous, next.PreviousDigest, next.Release, next.Rev, stamp(next.UpdatedAt), next.Model, rev)
	if err != nil {
		return Route{}, err
	}
	if changed == 0 {
		return Route{}, conflict("the route of model %s has left revision %d: look again", next.Model, rev)
	}
	return next, nil
}
