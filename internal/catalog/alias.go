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
}

// Aliases lists a model's aliases by name.
func (c *Catalog) Aliases(ctx context.Context, name string) ([]Alias, error) {
	same := func(a Alias) Alias { return a }
	return list(ctx, c, "list aliases", same, "SELECT name, alias, version, rev FROM model_aliases WHERE name = ? ORDER BY alias", name)
}

// SetAlias points an alias at a version. Rev is the alias's revision that the
// caller saw, 0 for an alias that is new; if the alias is elsewhere by now the
// error is an ErrConflict. The alias "production" moves by PromoteCanary only.
func (c *Catalog) SetAlias(ctx context.Context, name, alias, version string, rev int64, m Mark) error {
	if err := checkNames("model name", name, "alias", alias, "version", version); err != nil {
		return fmt.Errorf("set alias: %w", err)
	}
	if alias == AliasProduction {
		return fmt.Errorf("set alias: %w", conflict("the alias %q of model %s moves by promotion only", alias, name))
	}
	_, err := apply(ctx, c, m, ActionModelAlias, ModelSubject(name, version), func(t *tx) (move[Alias], error) {
		if _, err := t.mustModel(ctx, name, version); err != nil {
			return move[Alias]{}, err
		}
		old, found, err := t.alias(ctx, name, alias)
		if err != nil {
			return move[Alias]{}, err
		}
		if old.Rev != rev {
			return move[Alias]{}, conflict("alias %q of model %s is at revision %d (version %s), not %d: look again", alias, name, old.Rev, old.Version, rev)
		}
		var before any
		if found {
			before = old
		}
		after, err := t.putAlias(ctx, Alias{Name: name, Alias: alias, Version: version, Rev: rev + 1})
		return move[Alias]{before: before, after: after}, err
	})
	return err
}

func (t *tx) alias(ctx context.Context, name, alias string) (Alias, bool, error) {
	var a Alias
	found, err := t.get(ctx, &a, "SELECT name, alias, version, rev FROM model_aliases WHERE name = ? AND alias = ?", name, alias)
	return a, found, err
}

func (t *tx) putAlias(ctx context.Context, a Alias) (Alias, error) {
	return a, t.insert(ctx, "model_aliases(name, alias, version, rev)",
		"ON CONFLICT (name, alias) DO UPDATE SET version = excluded.version, rev = excluded.rev",
		[]any{a.Name, a.Alias, a.Version, a.Rev})
}
