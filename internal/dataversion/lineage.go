package dataversion

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/internal/catalog"
)

// Use is one use of a data version, with where the user stands now.
type Use struct {
	At time.Time `json:"at"`
	// Model is name/version of the model that was made from the data or tested on it, Stage its stage.
	Model string `json:"model,omitempty"`
	Stage string `json:"stage,omitempty"`
	// Release is model/version of the release, Run its attempt, Outcome how that ended; empty if a later attempt followed.
	Release string `json:"release,omitempty"`
	Run     string `json:"run,omitempty"`
	Outcome string `json:"outcome,omitempty"`
}

// Lineage lists what used a version, oldest first.
func (l *Library) Lineage(ctx context.Context, d catalog.DataVersion) ([]Use, error) {
	uses, err := l.catalog.DataUses(ctx, d.Digest)
	if err != nil {
		return nil, err
	}
	out := make([]Use, len(uses))
	for i, u := range uses {
		out[i].At = u.At
		if err := out[i].model(ctx, l.catalog, u.ModelID); err != nil {
			return nil, err
		}
		if err := out[i].release(ctx, l.catalog, u.Release); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// model reads a model id, "name/version/time". What is no model of the registry stays as it is.
func (u *Use) model(ctx context.Context, c *catalog.Catalog, id string) error {
	u.Model = id
	parts := strings.Split(id, "/")
	if len(parts) != 3 {
		return nil
	}
	m, err := c.Model(ctx, parts[0], parts[1])
	if errors.Is(err, catalog.ErrNotFound) {
		return nil
	}
	u.Model, u.Stage = m.Name+"/"+m.Version, m.Stage
	return err
}

// release reads a release's key, "release/model/version@run".
func (u *Use) release(ctx context.Context, c *catalog.Catalog, key string) error {
	name, run, _ := strings.Cut(strings.TrimPrefix(key, "release/"), "@")
	u.Release, u.Run = name, run
	model, version, found := strings.Cut(name, "/")
	if !found {
		return nil
	}
	r, err := c.Release(ctx, model, version)
	if errors.Is(err, catalog.ErrNotFound) || err == nil && r.Run != run {
		return nil
	}
	u.Outcome = r.Outcome
	return err
}
