package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Stages of a model version.
const (
	StageNone       = "none" // registered by hand or by an MLflow client, and not moved since
	StageStaging    = "staging"
	StageProduction = "production" // reached by PromoteCanary and, where nothing is routed, PromoteModel
	StageArchived   = "archived"
	StageRejected   = "rejected"
)

// AliasProduction always points at the version in production and moves with it.
const AliasProduction = "production"

// Status of a model version's registration, as MLflow names it.
const (
	StatusReady   = "READY"
	StatusPending = "PENDING_REGISTRATION"
	StatusFailed  = "FAILED_REGISTRATION"
)

// Model is a registered model version.
type Model struct {
	ID         string             `db:"id" json:"id"` // "<name>/<version>/<unix seconds of creation>"
	Name       string             `db:"name" json:"name"`
	Version    string             `db:"version" json:"version"`
	Number     int64              `db:"number" json:"number"` // counts from 1 per name, without gaps
	Digest     string             `db:"digest" json:"digest"` // empty where the content lies elsewhere
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

	Description   string            `db:"description" json:"description,omitempty"`
	Source        string            `db:"source" json:"source,omitempty"` // URI of the content, of a version that no release registered
	Run           string            `db:"run" json:"run,omitempty"`       // id of the run that made it
	RunLink       string            `db:"run_link" json:"run_link,omitempty"`
	ModelID       string            `db:"model_id" json:"model_id,omitempty"` // id of the logged model that it was
	Status        string            `db:"status" json:"status,omitempty"`
	StatusMessage string            `db:"status_message" json:"status_message,omitempty"`
	Tags          map[string]string `db:"-" json:"tags,omitempty"`
	DeletedAt     time.Time         `db:"-" json:"deleted_at,omitzero"`
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

const modelColumns = "id, name, version, number, digest, stage, release, config, metrics, created_by, created_at, updated_at, rev, " +
	"description, source, run, run_link, model_id, status, status_message, deleted_at"

const selectModels = "SELECT COALESCE(data_digest, '') AS data_digest, " + modelColumns + " FROM models"

type modelRow struct {
	Model
	Config    document `db:"config"`
	Metrics   document `db:"metrics"`
	CreatedAt stamp    `db:"created_at"`
	UpdatedAt stamp    `db:"updated_at"`
	DeletedAt stamp    `db:"deleted_at"`
}

func (r modelRow) model() (Model, error) {
	m := r.Model
	m.Config, m.CreatedAt, m.UpdatedAt, m.DeletedAt = r.Config.raw(), r.CreatedAt.time(), r.UpdatedAt.time(), r.DeletedAt.time()
	if err := json.Unmarshal(r.Metrics, &m.Metrics); err != nil {
		return Model{}, fmt.Errorf("read metrics of model %s/%s: %w", m.Name, m.Version, err)
	}
	return m, nil
}

// Models lists model versions with their evidence, aliases and tags, newest
// first. Deleted ones are not listed.
func (c *Catalog) Models(ctx context.Context, f ModelFilter) ([]Model, error) {
	var q query
	q.where("deleted_at IS NULL")
	if f.Name != "" {
		q.where("name = ?", f.Name)
	}
	if f.Stage != "" {
		q.where("stage = ?", f.Stage)
	}
	var models []Model
	err := c.view(ctx, "list models", func(t *tx) error {
		var err error
		models, err = t.models(ctx, q, newestFirst, f.Limit)
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

// mustModel is a version that is on record and not deleted.
func (t *tx) mustModel(ctx context.Context, name, version string) (Model, error) {
	m, found, err := t.model(ctx, name, version)
	if err == nil && (!found || !m.DeletedAt.IsZero()) {
		err = notFound("model %s/%s", name, version)
	}
	return m, err
}

// model is a version on record, be it deleted.
func (t *tx) model(ctx context.Context, name, version string) (Model, bool, error) {
	var q query
	q.where("name = ?", name)
	q.where("version = ?", version)
	models, err := t.models(ctx, q, newestFirst, 1)
	if err != nil || len(models) == 0 {
		return Model{}, false, err
	}
	return models[0], true, nil
}

const newestFirst = "created_at DESC, name, number DESC"

func (t *tx) models(ctx context.Context, q query, order string, limit int) ([]Model, error) {
	var rows []modelRow
	if err := t.all(ctx, &rows, q.sql(selectModels, order, limit), q.args...); err != nil {
		return nil, err
	}
	models := make([]Model, 0, len(rows))
	for _, r := range rows {
		m, err := r.model()
		if err != nil {
			return nil, err
		}
		models = append(models, m)
	}
	for part := range slices.Chunk(models, insertBatch/2) {
		if err := t.complete(ctx, part); err != nil {
			return nil, err
		}
	}
	return models, nil
}
