package catalog

import (
	"context"
	"time"
)

// RegisteredModel is a model over all its versions: what MLflow calls a
// registered model. A release that registers a version makes one too.
type RegisteredModel struct {
	Name        string            `db:"name" json:"name"`
	Description string            `db:"description" json:"description,omitempty"`
	CreatedBy   string            `db:"created_by" json:"created_by,omitempty"`
	CreatedAt   time.Time         `db:"-" json:"created_at"`
	UpdatedAt   time.Time         `db:"-" json:"updated_at"`
	LastNumber  int64             `db:"last_number" json:"last_number"` // of its versions, deleted ones included
	Tags        map[string]string `db:"-" json:"tags,omitempty"`
	Aliases     []Alias           `db:"-" json:"aliases,omitempty"`
	// Latest is the version with the highest number in each stage.
	Latest []Model `db:"-" json:"latest,omitempty"`
}

const registeredColumns = "name, description, created_by, created_at, updated_at, last_number, deleted_at"

type registeredRow struct {
	RegisteredModel
	CreatedAt stamp `db:"created_at"`
	UpdatedAt stamp `db:"updated_at"`
	DeletedAt stamp `db:"deleted_at"`
}

func (r registeredRow) registered() RegisteredModel {
	m := r.RegisteredModel
	m.CreatedAt, m.UpdatedAt = r.CreatedAt.time(), r.UpdatedAt.time()
	return m
}

// RegisteredModel is a model over all its versions, or ErrNotFound.
func (c *Catalog) RegisteredModel(ctx context.Context, name string) (RegisteredModel, error) {
	var m RegisteredModel
	err := c.view(ctx, "read registered model", func(t *tx) error {
		var err error
		m, err = t.mustRegistered(ctx, name)
		return err
	})
	return m, err
}

// mustRegistered is a name that is on record and not deleted.
func (t *tx) mustRegistered(ctx context.Context, name string) (RegisteredModel, error) {
	row, found, err := t.registeredRow(ctx, name)
	if err != nil {
		return RegisteredModel{}, err
	}
	if !found || !row.DeletedAt.time().IsZero() {
		return RegisteredModel{}, notFound("registered model %q", name)
	}
	all := []RegisteredModel{row.registered()}
	err = t.completeRegistered(ctx, all)
	return all[0], err
}

func (t *tx) registeredRow(ctx context.Context, name string) (registeredRow, bool, error) {
	var row registeredRow
	found, err := t.get(ctx, &row, "SELECT "+registeredColumns+" FROM model_names WHERE name = ?", name)
	return row, found, err
}

// completeRegistered adds tags, aliases and the latest versions: one question a
// table, however many models there are.
func (t *tx) completeRegistered(ctx context.Context, models []RegisteredModel) error {
	if len(models) == 0 {
		return nil
	}
	at := map[string]*RegisteredModel{}
	names := make([]any, len(models))
	for i := range models {
		at[models[i].Name], names[i] = &models[i], models[i].Name
	}
	these := "name IN (?" + repeated(len(names)-1) + ")"
	var tags []struct {
		Name string `db:"name"`
		Tag
	}
	if err := t.all(ctx, &tags, "SELECT name, key, value FROM registered_model_tags WHERE "+these, names...); err != nil {
		return err
	}
	for _, tag := range tags {
		m := at[tag.Name]
		if m.Tags == nil {
			m.Tags = map[string]string{}
		}
		m.Tags[tag.Key] = tag.Value
	}
	var aliases []struct {
		Alias
		Number int64 `db:"number"`
	}
	if err := t.all(ctx, &aliases, "SELECT "+aliasColumns+", (SELECT number FROM models m WHERE m.name = model_aliases.name AND m.version = model_aliases.version) AS number FROM model_aliases WHERE "+
		these+" ORDER BY name, alias", names...); err != nil {
		return err
	}
	for _, a := range aliases {
		a.Alias.Number = a.Number
		at[a.Name].Aliases = append(at[a.Name].Aliases, a.Alias)
	}
	var latest query
	latest.where("(name, number) IN (SELECT name, MAX(number) FROM models WHERE deleted_at IS NULL AND "+these+" GROUP BY name, stage)", names...)
	versions, err := t.models(ctx, latest, "name, number", 0)
	for _, v := range versions {
		at[v.Name].Latest = append(at[v.Name].Latest, v)
	}
	return err
}

// moveRegistered changes a registered model by do, which tells whether it did.
func (c *Catalog) moveRegistered(ctx context.Context, name, action string, m Mark, do func(*tx, RegisteredModel) (bool, error)) (RegisteredModel, error) {
	return apply(ctx, c, m, action, RegisteredModelSubject(name), func(t *tx) (move[RegisteredModel], error) {
		old, err := t.mustRegistered(ctx, name)
		if err != nil {
			return move[RegisteredModel]{}, err
		}
		changed, err := do(t, old)
		if err != nil || !changed {
			return move[RegisteredModel]{after: old, unchanged: true}, err
		}
		if err := t.touch(ctx, name); err != nil {
			return move[RegisteredModel]{}, err
		}
		now, err := t.mustRegistered(ctx, name)
		return move[RegisteredModel]{before: old.head(), after: now.head()}, err
	})
}

// head is the model without its versions: what an event of the name needs.
func (m RegisteredModel) head() RegisteredModel {
	m.Latest = nil
	return m
}
