package catalog

import (
	"context"
	"fmt"
)

// Alias is a movable name for a model version.
type Alias struct {
	Name    string `db:"name" json:"name"` // of the model
	Alias   string `db:"alias" json:"alias"`
	Version string `db:"version" json:"version"`
	Rev     int64  `db:"rev" json:"rev"`
	// Protected aliases are moved and taken away only by who says so explicitly.
	Protected bool `db:"protected" json:"protected,omitempty"`
	// Number is the version's, of the aliases of a RegisteredModel; otherwise 0.
	Number int64 `db:"-" json:"number,omitempty"`
}

const aliasColumns = "name, alias, version, rev, protected"

// AliasMove says where an alias goes.
type AliasMove struct {
	Name    string // of the model
	Alias   string
	Version string // not used to take an alias away
	// Rev is the alias's revision that the caller saw, 0 for an alias that is new; nil: whatever it is.
	Rev *int64
	// Protected sets the protection; nil leaves it.
	Protected *bool
	// Override moves a protected alias; the mark must have a reason.
	Override bool
}

// Aliases lists a model's aliases by name.
func (c *Catalog) Aliases(ctx context.Context, name string) ([]Alias, error) {
	same := func(a Alias) Alias { return a }
	return list(ctx, c, "list aliases", same, "SELECT "+aliasColumns+" FROM model_aliases WHERE name = ? ORDER BY alias", name)
}

// SetAlias points an alias at a version. Rev is the alias's revision that the
// caller saw, 0 for an alias that is new; if the alias is elsewhere by now the
// error is an ErrConflict. The alias "production" moves by promotion only.
func (c *Catalog) SetAlias(ctx context.Context, name, alias, version string, rev int64, m Mark) error {
	_, err := c.MoveAlias(ctx, AliasMove{Name: name, Alias: alias, Version: version, Rev: &rev}, m)
	return err
}

// MoveAlias is SetAlias with all that can be said about it. A protected alias
// that is not overridden is an ErrGoverned. An alias that is there already, with
// the same protection, is given back as it is.
func (c *Catalog) MoveAlias(ctx context.Context, a AliasMove, m Mark) (Alias, error) {
	if err := checkAliasMove(a, m); err != nil {
		return Alias{}, fmt.Errorf("set alias: %w", err)
	}
	return apply(ctx, c, m, ActionModelAlias, ModelSubject(a.Name, a.Version), func(t *tx) (move[Alias], error) {
		if _, err := t.mustModel(ctx, a.Name, a.Version); err != nil {
			return move[Alias]{}, err
		}
		old, found, err := t.movableAlias(ctx, a)
		if err != nil {
			return move[Alias]{}, err
		}
		next := Alias{Name: a.Name, Alias: a.Alias, Version: a.Version, Rev: old.Rev + 1, Protected: old.Protected}
		if a.Protected != nil {
			next.Protected = *a.Protected
		}
		if found && a.Rev == nil && next.Version == old.Version && next.Protected == old.Protected {
			return move[Alias]{after: old, unchanged: true}, nil
		}
		var before any = old
		if !found {
			before = nil
			last, err := t.lastAliasRev(ctx, a.Name)
			if err != nil {
				return move[Alias]{}, err
			}
			next.Rev = last + 1
		}
		if err := t.touch(ctx, a.Name); err != nil {
			return move[Alias]{}, err
		}
		after, err := t.putAlias(ctx, next)
		return move[Alias]{before: before, after: after}, err
	})
}

// RemoveAlias takes an alias away. It gives back what it was; an alias that is
// not there is an ErrNotFound.
func (c *Catalog) RemoveAlias(ctx context.Context, a AliasMove, m Mark) (Alias, error) {
	a.Version = "any"
	if err := checkAliasMove(a, m); err != nil {
		return Alias{}, fmt.Errorf("remove alias: %w", err)
	}
	return apply(ctx, c, m, ActionModelUnaliased, ModelSubject(a.Name, ""), func(t *tx) (move[Alias], error) {
		old, found, err := t.movableAlias(ctx, a)
		if err == nil && !found {
			err = notFound("alias %q of model %s", a.Alias, a.Name)
		}
		if err != nil {
			return move[Alias]{}, err
		}
		if err := t.touch(ctx, a.Name); err != nil {
			return move[Alias]{}, err
		}
		return move[Alias]{before: old, after: old, subject: ModelSubject(a.Name, old.Version)}, t.dropAlias(ctx, a.Name, a.Alias)
	})
}

func checkAliasMove(a AliasMove, m Mark) error {
	if err := checkNames("model name", a.Name, "alias", a.Alias, "version", a.Version); err != nil {
		return err
	}
	if a.Alias == AliasProduction {
		return conflict("the alias %q of model %s moves by promotion only", a.Alias, a.Name)
	}
	if a.Override {
		return required("reason of the move of a protected alias", m.Reason)
	}
	return nil
}

// movableAlias is the alias as it stands, if it may be moved.
func (t *tx) movableAlias(ctx context.Context, a AliasMove) (Alias, bool, error) {
	old, found, err := t.alias(ctx, a.Name, a.Alias)
	switch {
	case err != nil:
		return old, found, err
	case a.Rev != nil && old.Rev != *a.Rev:
		return old, found, conflict("alias %q of model %s is at revision %d (version %s), not %d: look again", a.Alias, a.Name, old.Rev, old.Version, *a.Rev)
	case old.Protected && !a.Override:
		return old, found, protectedAlias(a.Name, a.Alias)
	}
	return old, found, nil
}

func (t *tx) alias(ctx context.Context, name, alias string) (Alias, bool, error) {
	var a Alias
	found, err := t.get(ctx, &a, "SELECT "+aliasColumns+" FROM model_aliases WHERE name = ? AND alias = ?", name, alias)
	return a, found, err
}

func (t *tx) putAlias(ctx context.Context, a Alias) (Alias, error) {
	return a, t.insert(ctx, "model_aliases("+aliasColumns+")",
		"ON CONFLICT (name, alias) DO UPDATE SET version = excluded.version, rev = excluded.rev, protected = excluded.protected",
		[]any{a.Name, a.Alias, a.Version, a.Rev, a.Protected})
}

// dropAlias takes an alias away and keeps its revision: one of the same name
// that comes later goes on counting.
func (t *tx) dropAlias(ctx context.Context, name, alias string) error {
	if _, err := t.exec(ctx, `UPDATE model_names SET last_alias_rev = (SELECT MAX(rev) FROM
		(SELECT last_alias_rev AS rev FROM model_names WHERE name = ? UNION SELECT rev FROM model_aliases WHERE name = ? AND alias = ?) AS revs)
		WHERE name = ?`, name, name, alias, name); err != nil {
		return err
	}
	_, err := t.exec(ctx, "DELETE FROM model_aliases WHERE name = ? AND alias = ?", name, alias)
	return err
}

func (t *tx) lastAliasRev(ctx context.Context, name string) (rev int64, err error) {
	_, err = t.get(ctx, &rev, "SELECT last_alias_rev FROM model_names WHERE name = ?", name)
	return rev, err
}
