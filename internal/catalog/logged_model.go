package catalog

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// LoggedModel is a model that a run made, before and beside the registry. Times are
// milliseconds since 1970 UTC.
type LoggedModel struct {
	UID           string `db:"uid" json:"uid"`
	ExperimentID  int64  `db:"experiment_id" json:"experiment_id"`
	Name          string `db:"name" json:"name"`
	Type          string `db:"model_type" json:"type,omitempty"`
	SourceRun     string `db:"source_run" json:"source_run,omitempty"`
	Status        string `db:"status" json:"status"` // one of the Model… constants
	StatusMessage string `db:"status_message" json:"status_message,omitempty"`
	ArtifactURI   string `db:"artifact_uri" json:"artifact_uri"`
	CreatedAt     int64  `db:"created_at" json:"created_at"`
	UpdatedAt     int64  `db:"updated_at" json:"updated_at"`
	DeletedAt     *int64 `db:"deleted_at" json:"deleted_at,omitempty"`

	// Sorted by key.
	Params  []Pair      `db:"-" json:"params,omitempty"`
	Tags    []Pair      `db:"-" json:"tags,omitempty"`
	Metrics []RunMetric `db:"-" json:"metrics,omitempty"` // the latest of each metric, data set and run
}

// States of a logged model, as MLflow names them.
const (
	LoggedModelPending = "LOGGED_MODEL_PENDING"
	LoggedModelReady   = "LOGGED_MODEL_READY"
	LoggedModelFailed  = "LOGGED_MODEL_UPLOAD_FAILED"
)

const loggedModelColumns = "id, uid, experiment_id, name, model_type, source_run, status, status_message, artifact_uri, created_at, updated_at, deleted_at"

type loggedModelRow struct {
	ID int64 `db:"id"`
	LoggedModel
}

// CreateLoggedModel adds a model, pending until its files are there. Of m it takes
// UID (required, unique), ExperimentID, Name, Type, SourceRun, Params and Tags.
func (c *Catalog) CreateLoggedModel(ctx context.Context, m LoggedModel) (LoggedModel, error) {
	if err := required("model id", m.UID); err != nil {
		return LoggedModel{}, fmt.Errorf("create logged model: %w", err)
	}
	ids, err := c.keyIDs(ctx, RunBatch{Params: m.Params, Tags: m.Tags}.keys())
	if err != nil {
		return LoggedModel{}, err
	}
	err = c.update(ctx, "create logged model", func(t *tx) error {
		experiment, err := t.activeExperiment(ctx, m.ExperimentID)
		if err != nil {
			return err
		}
		m.Status, m.CreatedAt, m.UpdatedAt = LoggedModelPending, t.now.UnixMilli(), t.now.UnixMilli()
		m.ArtifactURI = experiment.ArtifactRoot + "/models/" + m.UID + "/artifacts"
		var id int64
		if _, err := t.get(ctx, &id, `INSERT INTO logged_models(uid, experiment_id, name, model_type, source_run, status, status_message, artifact_uri, created_at, updated_at)
			VALUES (?, ?, ?, ?, ?, ?, '', ?, ?, ?) RETURNING id`, m.UID, m.ExperimentID, m.Name, m.Type, m.SourceRun, m.Status, m.ArtifactURI, m.CreatedAt, m.UpdatedAt); err != nil {
			return err
		}
		if err := t.setModelPairs(ctx, "logged_model_params", id, m.Params, ids); err != nil {
			return err
		}
		return t.setModelPairs(ctx, "logged_model_tags", id, m.Tags, ids)
	})
	return m, err
}

func (t *tx) setModelPairs(ctx context.Context, table string, model int64, pairs []Pair, ids map[string]int64) error {
	return t.insert(ctx, table+"(model_id, key_id, value)", "ON CONFLICT (model_id, key_id) DO UPDATE SET value = excluded.value", pairRows(model, pairs, ids)...)
}

// LoggedModel finds a model that is not deleted; also a deleted one if asked for. The
// error may be an ErrNotFound.
func (c *Catalog) LoggedModel(ctx context.Context, uid string, deleted bool) (LoggedModel, error) {
	var out LoggedModel
	err := c.view(ctx, "find logged model", func(t *tx) error {
		row, err := t.loggedModel(ctx, uid)
		if err != nil {
			return err
		}
		if row.DeletedAt != nil && !deleted {
			return notFound("Logged model with ID '%s'", uid)
		}
		rows := []loggedModelRow{row}
		err = t.fillLoggedModels(ctx, rows)
		out = rows[0].LoggedModel
		return err
	})
	return out, err
}

func (t *tx) loggedModel(ctx context.Context, uid string) (loggedModelRow, error) {
	var row loggedModelRow
	found, err := t.get(ctx, &row, "SELECT "+loggedModelColumns+" FROM logged_models WHERE uid = ?", uid)
	if err == nil && !found {
		err = notFound("Logged model with ID '%s'", uid)
	}
	return row, err
}

// changeLoggedModel changes a model that is not deleted.
func (c *Catalog) changeLoggedModel(ctx context.Context, uid string, keys []Pair, change func(*tx, *loggedModelRow, map[string]int64) error) (LoggedModel, error) {
	ids, err := c.keyIDs(ctx, RunBatch{Tags: keys}.keys())
	if err != nil {
		return LoggedModel{}, err
	}
	err = c.update(ctx, "change logged model", func(t *tx) error {
		row, err := t.loggedModel(ctx, uid)
		if err != nil {
			return err
		}
		if row.DeletedAt != nil {
			return notFound("Logged model with ID '%s'", uid)
		}
		if err := change(t, &row, ids); err != nil {
			return err
		}
		_, err = t.exec(ctx, "UPDATE logged_models SET status = ?, updated_at = ?, deleted_at = ? WHERE id = ?", row.Status, t.now.UnixMilli(), row.DeletedAt, row.ID)
		return err
	})
	if err != nil {
		return LoggedModel{}, err
	}
	return c.LoggedModel(ctx, uid, true)
}

// FinishLoggedModel sets a model's status.
func (c *Catalog) FinishLoggedModel(ctx context.Context, uid, status string) (LoggedModel, error) {
	return c.changeLoggedModel(ctx, uid, nil, func(_ *tx, row *loggedModelRow, _ map[string]int64) error {
		row.Status = status
		return nil
	})
}

// DeleteLoggedModel hides a model.
func (c *Catalog) DeleteLoggedModel(ctx context.Context, uid string) error {
	_, err := c.changeLoggedModel(ctx, uid, nil, func(t *tx, row *loggedModelRow, _ map[string]int64) error {
		now := t.now.UnixMilli()
		row.DeletedAt = &now
		return nil
	})
	return err
}

// TagLoggedModel sets tags of a model.
func (c *Catalog) TagLoggedModel(ctx context.Context, uid string, tags []Pair) (LoggedModel, error) {
	return c.changeLoggedModel(ctx, uid, tags, func(t *tx, row *loggedModelRow, ids map[string]int64) error {
		return t.setModelPairs(ctx, "logged_model_tags", row.ID, tags, ids)
	})
}

// UntagLoggedModel takes a tag off a model. The error is an ErrNotFound if it is not there.
func (c *Catalog) UntagLoggedModel(ctx context.Context, uid, key string) error {
	_, err := c.changeLoggedModel(ctx, uid, nil, func(t *tx, row *loggedModelRow, _ map[string]int64) error {
		id, err := t.keyID(ctx, key)
		if err != nil {
			return err
		}
		n, err := t.exec(ctx, "DELETE FROM logged_model_tags WHERE model_id = ? AND key_id = ?", row.ID, id)
		if err == nil && n == 0 {
			err = notFound("No tag with key '%s' on logged model '%s'", key, uid)
		}
		return err
	})
	return err
}

// AddLoggedModelParams adds params to a model. The error is an ErrInvalid if one has another value on record.
func (c *Catalog) AddLoggedModelParams(ctx context.Context, uid string, params []Pair) error {
	_, err := c.changeLoggedModel(ctx, uid, params, func(t *tx, row *loggedModelRow, ids map[string]int64) error {
		rows := []loggedModelRow{*row}
		if err := t.fillLoggedModels(ctx, rows); err != nil {
			return err
		}
		for _, p := range params {
			for _, have := range rows[0].Params {
				if have.Key == p.Key && have.Value != p.Value {
					return invalid("Changing param values is not allowed. Param with key='%s' was already logged with value='%s' for model ID='%s'", p.Key, have.Value, uid)
				}
			}
		}
		return t.setModelPairs(ctx, "logged_model_params", row.ID, params, ids)
	})
	return err
}

// addModelMetrics notes the latest points that are of a logged model. A model that is not on record is an ErrNotFound.
func (t *tx) addModelMetrics(ctx context.Context, run int64, metrics []Metric, ids map[string]int64) error {
	models := map[string]int64{}
	for _, m := range metrics {
		if m.ModelID == "" {
			continue
		}
		if _, known := models[m.ModelID]; !known {
			row, err := t.loggedModel(ctx, m.ModelID)
			if err != nil {
				return err
			}
			models[m.ModelID] = row.ID
		}
		p := pointOf(run, ids[clean(m.Key)], m)
		if err := t.insert(ctx, "logged_model_metrics AS l(model_id, key_id, dataset_name, dataset_digest, run_id, step, at, value, nan)",
			`ON CONFLICT (model_id, key_id, dataset_name, dataset_digest, run_id) DO UPDATE
			SET step = excluded.step, at = excluded.at, value = excluded.value, nan = excluded.nan
			WHERE (excluded.step, excluded.at, excluded.value, excluded.nan) > (l.step, l.at, l.value, l.nan)`,
			[]any{models[m.ModelID], p.Key, m.DatasetName, m.DatasetDigest, run, p.Step, p.At, p.Value, p.NaN}); err != nil {
			return err
		}
	}
	return nil
}

// modelPoint is a point of a logged model as a row.
type modelPoint struct {
	point
	Model         int64  `db:"model_id"`
	RunUID        string `db:"uid"`
	DatasetName   string `db:"dataset_name"`
	DatasetDigest string `db:"dataset_digest"`
}

// fillLoggedModels reads what belongs to models.
func (t *tx) fillLoggedModels(ctx context.Context, rows []loggedModelRow) error {
	place := make(map[int64]*LoggedModel, len(rows))
	ids := make([]int64, len(rows))
	for i := range rows {
		place[rows[i].ID], ids[i] = &rows[i].LoggedModel, rows[i].ID
	}
	var (
		params, tags []pairRow
		points       []modelPoint
	)
	if err := inParts(ids, func(places string, args []any) error {
		return firstError(
			more(ctx, t, &params, "SELECT model_id AS run_id, key_id, value FROM logged_model_params WHERE model_id IN "+places, args),
			more(ctx, t, &tags, "SELECT model_id AS run_id, key_id, value FROM logged_model_tags WHERE model_id IN "+places, args),
			more(ctx, t, &points, `SELECT m.model_id, m.key_id, m.dataset_name, m.dataset_digest, m.step, m.at, m.value, m.nan, r.uid
				FROM logged_model_metrics m JOIN runs r ON r.id = m.run_id WHERE m.model_id IN `+places, args),
		)
	}); err != nil {
		return err
	}
	names := map[int64]string{}
	for _, p := range points {
		names[p.Key] = ""
	}
	if err := t.nameKeys(ctx, names, params, tags); err != nil {
		return err
	}
	deal(params, names, func(owner int64) *[]Pair { return &place[owner].Params })
	deal(tags, names, func(owner int64) *[]Pair { return &place[owner].Tags })
	for _, p := range points {
		metric := p.metric()
		metric.Key, metric.DatasetName, metric.DatasetDigest = names[p.Key], p.DatasetName, p.DatasetDigest
		m := place[p.Model]
		metric.ModelID = m.UID
		m.Metrics = append(m.Metrics, RunMetric{p.RunUID, metric})
	}
	for i := range rows {
		slices.SortFunc(rows[i].Metrics, func(a, b RunMetric) int {
			return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.DatasetName, b.DatasetName), cmp.Compare(a.DatasetDigest, b.DatasetDigest), cmp.Compare(a.Run, b.Run))
		})
	}
	return nil
}
