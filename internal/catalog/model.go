package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Stages of a model version.
const (
	StageStaging    = "staging"
	StageProduction = "production" // reached by PromoteCanary only
	StageArchived   = "archived"
	StageRejected   = "rejected"
)

// AliasProduction always points at the version in production; PromoteCanary moves it.
const AliasProduction = "production"

// Model is a registered model version.
type Model struct {
	ID         string             `db:"id" json:"id"` // "<name>/<version>/<unix seconds of creation>"
	Name       string             `db:"name" json:"name"`
	Version    string             `db:"version" json:"version"`
	Number     int64              `db:"number" json:"number"` // counts from 1 per name, without gaps
	Digest     string             `db:"digest" json:"digest"`
	Stage      string             `db:"stage" json:"stage"`
	DataDigest string             `db:"data_digest" json:"data_digest,omitempty"`
	Release    string             `db:"release" json:"release,omitempty"` // key of the release that registered it last
	Config     json.RawMessage    `db:"-" json:"config,omitempty"`
	Metrics    map[string]float64 `db:"-" json:"metrics,omitempty"` // finite values only
	CreatedBy  string             `db:"created_by" json:"created_by"`
	CreatedAt  time.Time          `db:"-" json:"created_at"`
	UpdatedAt  time.Time          `db:"-" json:"updated_at"`
	Rev        int64              `db:"rev" json:"rev"` // grows by one with every change of this version's row
	Evidence   []Evidence         `db:"-" json:"evidence,omitempty"`
	Aliases    []string           `db:"-" json:"aliases,omitempty"` // sorted
}

// Evidence is a stored report on a model version.
type Evidence struct {
	Suite  string    `db:"suite" json:"suite"`
	Passed bool      `db:"passed" json:"passed"`
	Report string    `db:"report" json:"report"`       // digest of the JSON report
	Page   string    `db:"page" json:"page,omitempty"` // digest of its HTML page
	At     time.Time `db:"-" json:"at"`
}

// ModelFilter selects models. Zero fields select all.
type ModelFilter struct {
	Name  string
	Stage string
	Limit int
}

const modelColumns = "id, name, version, number, digest, stage, release, config, metrics, created_by, created_at, updated_at, rev"

const selectModels = "SELECT COALESCE(data_digest, '') AS data_digest, " + modelColumns + " FROM models"

type modelRow struct {
	Model
	Config    document `db:"config"`
	Metrics   document `db:"metrics"`
	CreatedAt stamp    `db:"created_at"`
	UpdatedAt stamp    `db:"updated_at"`
}

func (r modelRow) model() (Model, error) {
	m := r.Model
	m.Config, m.CreatedAt, m.UpdatedAt = r.Config.raw(), r.CreatedAt.time(), r.UpdatedAt.time()
	if err := json.Unmarshal(r.Metrics, &m.Metrics); err != nil {
		return Model{}, fmt.Errorf("read metrics of model %s/%s: %w", m.Name, m.Version, err)
	}
	return m, nil
}

// Models lists model versions with their evidence and aliases, newest first.
func (c *Catalog) Models(ctx context.Context, f ModelFilter) ([]Model, error) {
	var q query
	if f.Name != "" {
		q.where("name = ?", f.Name)
	}
	if f.Stage != "" {
		q.where("stage = ?", f.Stage)
	}
	var models []Model
	err := c.view(ctx, "list models", func(t *tx) error {
		var err error
		models, err = t.models(ctx, q, f.Limit)
		return err
	})
	return models, err
}

// Model is one model version, or ErrNotFound.
func (c *Catalog) Model(ctx context.Context, name, version string) (Model, error) {
	var m Model
	err := c.view(ctx, "read model", func(t *tx) error {
		var err error
		m, err = t.mustModel(ctx, name, version)
		return err
	})
	return m, err
}

func (t *tx) mustModel(ctx context.Context, name, version string) (Model, error) {
	m, found, err := t.model(ctx, name, version)
	if err == nil && !found {
		err = notFound("model %s/%s", name, version)
	}
	return m, err
}

func (t *tx) model(ctx context.Context, name, version string) (Model, bool, error) {
	var q query
	q.where("name = ?", name)
	q.where("version = ?", version)
	models, err := t.models(ctx, q, 1)
	if err != nil || len(models) == 0 {
		return Model{}, false, err
	}
	return models[0], true, nil
}

func (t *tx) models(ctx context.Context, q query, limit int) ([]Model, error) {
	var rows []modelRow
	if err := t.all(ctx, &rows, q.sql(selectModels, "created_at DESC, name, number DESC", limit), q.args...); err != nil {
		return nil, err
	}
	models := make([]Model, 0, len(rows))
	for _, r := range rows {
		m, err := r.model()
		if err != nil {
			return nil, err
		}
		if m.Evidence, err = t.evidence(ctx, m.Name, m.Version); err != nil {
			return nil, err
		}
		if err := t.all(ctx, &m.Aliases, "SELECT alias FROM model_aliases WHERE name = ? AND version = ? ORDER BY alias", m.Name, m.Version); err != nil {
			return nil, err
		}
		models = append(models, m)
	}
	return models, nil
}

// evidence lists a version's evidence in the order in which it came.
func (t *tx) evidence(ctx context.Context, name, version string) ([]Evidence, error) {
	var rows []struct {
		Evidence
		At stamp `db:"at"`
	}
	err := t.all(ctx, &rows, "SELECT suite, passed, report, page, at FROM model_evidence WHERE name = ? AND version = ? ORDER BY seq", name, version)
	var evidence []Evidence
	for _, r := range rows {
		r.Evidence.At = r.At.time()
		evidence = append(evidence, r.Evidence)
	}
	return evidence, err
}
