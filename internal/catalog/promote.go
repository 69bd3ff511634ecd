package catalog

import (
	"context"
	"fmt"
)

// Promotion says what to put into production by hand.
type Promotion struct {
	Name    string
	Version string
	// Expect is the version in production that the caller saw, empty for none; nil
	// takes the place of whatever is there.
	Expect *string
}

// PromoteModel makes a version of a model that nothing releases or routes the
// production version: its stage, the stage of the one before, which is archived,
// and the alias "production", all or none. If another version than expected is
// in production the error is a *ProductionError, which names it; of a model that
// is released it is a *GovernedError. A version in production already is given
// back as it is.
func (c *Catalog) PromoteModel(ctx context.Context, p Promotion, m Mark) (Model, error) {
	return apply(ctx, c, m, ActionModelPromoted, ModelSubject(p.Name, p.Version), func(t *tx) (move[Model], error) {
		if err := t.ungoverned(ctx, p.Name, "production"); err != nil {
			return move[Model]{}, err
		}
		candidate, err := t.mustModel(ctx, p.Name, p.Version)
		if err != nil {
			return move[Model]{}, err
		}
		holder, held, err := t.production(ctx, p.Name)
		if err != nil {
			return move[Model]{}, err
		}
		if held && holder.Version == candidate.Version {
			return move[Model]{after: holder, unchanged: true}, nil
		}
		if p.Expect != nil && *p.Expect != holder.Version {
			return move[Model]{}, t.lost(ctx, p, holder)
		}
		if candidate.Stage == StageRejected {
			return move[Model]{}, conflict("model %s/%s was rejected: move it to staging first", p.Name, p.Version)
		}
		now, err := t.enterProduction(ctx, candidate)
		return move[Model]{before: orNothing(holder, held), after: now}, err
	})
}

// enterProduction moves the stages and the alias to the candidate.
func (t *tx) enterProduction(ctx context.Context, candidate Model) (Model, error) {
	holder, held, err := t.production(ctx, candidate.Name)
	if err != nil {
		return Model{}, err
	}
	if held {
		if _, err := t.setStage(ctx, holder, StageArchived); err != nil {
			return Model{}, err
		}
	}
	if _, err := t.setStage(ctx, candidate, StageProduction); err != nil {
		return Model{}, err
	}
	alias, found, err := t.alias(ctx, candidate.Name, AliasProduction)
	if err != nil {
		return Model{}, err
	}
	if !found {
		if alias.Rev, err = t.lastAliasRev(ctx, candidate.Name); err != nil {
			return Model{}, err
		}
	}
	next := Alias{Name: candidate.Name, Alias: AliasProduction, Version: candidate.Version, Rev: alias.Rev + 1, Protected: alias.Protected}
	if _, err := t.putAlias(ctx, next); err != nil {
		return Model{}, err
	}
	return t.mustModel(ctx, candidate.Name, candidate.Version)
}

// DemoteModel takes the version in production of a model that nothing releases
// or routes to another stage, and the alias "production" away. Afterwards no
// version is in production.
func (c *Catalog) DemoteModel(ctx context.Context, name, version, to string, m Mark) (Model, error) {
	if err := checkStage(to); err != nil {
		return Model{}, fmt.Errorf("demote model %s/%s: %w", name, version, err)
	}
	return apply(ctx, c, m, ActionModelDemoted, ModelSubject(name, version), func(t *tx) (move[Model], error) {
		if err := t.ungoverned(ctx, name, "production"); err != nil {
			return move[Model]{}, err
		}
		old, err := t.mustModel(ctx, name, version)
		if err != nil {
			return move[Model]{}, err
		}
		if old.Stage != StageProduction {
			return move[Model]{}, conflict("model %s/%s is not in production", name, version)
		}
		if err := t.dropAlias(ctx, name, AliasProduction); err != nil {
			return move[Model]{}, err
		}
		now, err := t.setStage(ctx, old, to)
		return move[Model]{before: old, after: now}, err
	})
}

// lost names the version that has won.
func (t *tx) lost(ctx context.Context, p Promotion, holder Model) error {
	e := &ProductionError{Model: p.Name, Version: p.Version, Expected: *p.Expect, Winner: holder.Version}
	if holder.Version == "" {
		return e
	}
	var row eventRow
	if _, err := t.get(ctx, &row, "SELECT "+eventColumns+" FROM events WHERE subject = ? AND action = ? ORDER BY id DESC LIMIT 1",
		ModelSubject(p.Name, holder.Version), ActionModelPromoted); err != nil {
		return err
	}
	e.By, e.At = row.Actor, row.At.time()
	return e
}

func orNothing(m Model, found bool) any {
	if !found {
		return nil
	}
	return m
}
