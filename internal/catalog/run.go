package catalog

import (
	"context"
	"fmt"
)

// Run is one execution of something that logs: its facts, and what it logged. Times
// are milliseconds since 1970 UTC.
type Run struct {
	UID          string `db:"uid" json:"uid"`
	ExperimentID int64  `db:"experiment_id" json:"experiment_id"`
	Name         string `db:"name" json:"name"`
	User         string `db:"user_id" json:"user,omitempty"`
	Status       string `db:"status" json:"status"` // one of the RunStatus constants
	ArtifactURI  string `db:"artifact_uri" json:"artifact_uri"`
	StartedAt    int64  `db:"started_at" json:"started_at"`
	EndedAt      *int64 `db:"ended_at" json:"ended_at,omitempty"`
	DeletedAt    *int64 `db:"deleted_at" json:"deleted_at,omitempty"` // nil: not deleted

	// Sorted by key; Metrics has the latest point of each.
	Params  []Pair       `db:"-" json:"params,omitempty"`
	Tags    []Pair       `db:"-" json:"tags,omitempty"`
	Metrics []Metric     `db:"-" json:"metrics,omitempty"`
	Inputs  []RunDataset `db:"-" json:"inputs,omitempty"`
	Models  []RunModel   `db:"-" json:"models,omitempty"`
}

// States of a run, as MLflow names them.
const (
	RunRunning   = "RUNNING"
	RunScheduled = "SCHEDULED"
	RunFinished  = "FINISHED"
	RunFailed    = "FAILED"
	RunKilled    = "KILLED"
)

// Pair is a param or a tag.
type Pair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// TagRunName is the tag that always equals a run's name.
const TagRunName = "mlflow.runName"

const runColumns = "id, uid, experiment_id, name, user_id, status, artifact_uri, started_at, ended_at, deleted_at"

// runRow is a run with its number inside.
type runRow struct {
	ID int64 `db:"id"`
	Run
}

// CreateRun adds a run. Of r it takes UID (required, unique), ExperimentID, Name, User,
// Status (empty: running), StartedAt, EndedAt, ArtifactURI (empty: below the
// experiment's), Params, Tags and Metrics. The tag TagRunName is set to the name.
// The error is an ErrInvalid if the experiment is deleted.
func (c *Catalog) CreateRun(ctx context.Context, r Run) (Run, error) {
	if err := required("run id", r.UID); err != nil {
		return Run{}, fmt.Errorf("create run: %w", err)
	}
	if r.Status == "" {
		r.Status = RunRunning
	}
	batch := RunBatch{Params: r.Params, Tags: withPair(r.Tags, TagRunName, r.Name), Metrics: r.Metrics}
	ids, err := c.keyIDs(ctx, batch.keys())
	if err != nil {
		return Run{}, err
	}
	var out Run
	err = c.update(ctx, "create run", func(t *tx) error {
		experiment, err := t.activeExperiment(ctx, r.ExperimentID)
		if err != nil {
			return err
		}
		address := r.ArtifactURI
		if address == "" {
			address = experiment.ArtifactRoot + "/" + r.UID + "/artifacts"
		}
		var id int64
		if _, err := t.get(ctx, &id, `INSERT INTO runs(uid, experiment_id, name, user_id, status, artifact_uri, started_at, ended_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`, r.UID, r.ExperimentID, r.Name, r.User, r.Status, address, r.StartedAt, r.EndedAt); err != nil {
			return err
		}
		if err := t.log(ctx, id, r.UID, batch, ids); err != nil {
			return err
		}
		out = r
		out.ArtifactURI, out.Tags = address, batch.Tags
		return t.changed(ctx, "id = ?", id)
	})
	return out, err
}

// withPair is pairs with a key's value set.
func withPair(pairs []Pair, key, value string) []Pair {
	out := make([]Pair, 0, len(pairs)+1)
	for _, p := range pairs {
		if p.Key != key {
			out = append(out, p)
		}
	}
	return append(out, Pair{key, value})
}

// Run finds a run with all that it logged, deleted or not. The error may be an ErrNotFound.
func (c *Catalog) Run(ctx context.Context, uid string) (Run, error) {
	var out Run
	err := c.view(ctx, "find run", func(t *tx) error {
		row, err := t.run(ctx, uid)
		if err != nil {
			return err
		}
		rows := []runRow{row}
		err = t.fillRuns(ctx, rows)
		out = rows[0].Run
		return err
	})
	return out, err
}

func (t *tx) run(ctx context.Context, uid string) (runRow, error) {
	var row runRow
	found, err := t.get(ctx, &row, "SELECT "+runColumns+" FROM runs WHERE uid = ?", uid)
	if err == nil && !found {
		err = notFound("Run with id=%s", uid)
	}
	return row, err
}

// activeRun finds a run that may be written to.
func (t *tx) activeRun(ctx context.Context, uid string) (runRow, error) {
	row, err := t.run(ctx, uid)
	if err == nil && row.DeletedAt != nil {
		err = invalid("The run %s must be in the 'active' state. Current state is deleted.", uid)
	}
	return row, err
}

// RunChange is what UpdateRun changes; nil fields stay.
type RunChange struct {
	Status  *string
	EndedAt *int64
	Name    *string
}

// UpdateRun changes a run that is not deleted.
func (c *Catalog) UpdateRun(ctx context.Context, uid string, change RunChange) (Run, error) {
	var ids map[string]int64
	if change.Name != nil {
		var err error
		if ids, err = c.keyIDs(ctx, []string{TagRunName}); err != nil {
			return Run{}, err
		}
	}
	var out Run
	err := c.update(ctx, "update run", func(t *tx) error {
		row, err := t.activeRun(ctx, uid)
		if err != nil {
			return err
		}
		if change.Status != nil {
			row.Status = *change.Status
		}
		if change.EndedAt != nil {
			row.EndedAt = change.EndedAt
		}
		if change.Name != nil {
			row.Name = *change.Name
			if err := t.setTags(ctx, row.ID, []Pair{{TagRunName, row.Name}}, ids); err != nil {
				return err
			}
		}
		out = row.Run
		if _, err := t.exec(ctx, "UPDATE runs SET status = ?, ended_at = ?, name = ? WHERE id = ?", row.Status, row.EndedAt, row.Name, row.ID); err != nil {
			return err
		}
		return t.changed(ctx, "id = ?", row.ID)
	})
	return out, err
}

// DeleteRun hides a run; nothing is lost. The error is an ErrInvalid if it is deleted already.
func (c *Catalog) DeleteRun(ctx context.Context, uid string, m Mark) error {
	return c.moveRun(ctx, uid, ActionRunDeleted, m, func(t *tx, row *runRow) error {
		if row.DeletedAt != nil {
			return invalid("The run %s must be in the 'active' state. Current state is deleted.", uid)
		}
		now := t.now.UnixMilli()
		row.DeletedAt = &now
		return nil
	})
}

// RestoreRun shows a deleted run again. The error is an ErrInvalid if it is not
// deleted, or if its experiment is.
func (c *Catalog) RestoreRun(ctx context.Context, uid string, m Mark) error {
	return c.moveRun(ctx, uid, ActionRunRestored, m, func(t *tx, row *runRow) error {
		if row.DeletedAt == nil {
			return invalid("The run %s must be in the 'deleted' state. Current state is active.", uid)
		}
		row.DeletedAt = nil
		_, err := t.activeExperiment(ctx, row.ExperimentID)
		return err
	})
}

func (c *Catalog) moveRun(ctx context.Context, uid, action string, m Mark, change func(*tx, *runRow) error) error {
	_, err := apply(ctx, c, m, action, RunSubject(uid), func(t *tx) (move[Run], error) {
		row, err := t.run(ctx, uid)
		if err != nil {
			return move[Run]{}, err
		}
		before := row.Run
		if err := change(t, &row); err != nil {
			return move[Run]{}, err
		}
		if _, err := t.exec(ctx, "UPDATE runs SET deleted_at = ? WHERE id = ?", row.DeletedAt, row.ID); err != nil {
			return move[Run]{}, err
		}
		return move[Run]{before: before, after: row.Run}, t.changed(ctx, "id = ?", row.ID)
	})
	return err
}
