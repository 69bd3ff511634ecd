package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Experiment is a named set of runs. Times are milliseconds since 1970 UTC.
type Experiment struct {
	ID           int64             `db:"id" json:"id"`
	Name         string            `db:"name" json:"name"`
	ArtifactRoot string            `db:"artifact_root" json:"artifact_root"`
	CreatedAt    int64             `db:"created_at" json:"created_at"`
	UpdatedAt    int64             `db:"updated_at" json:"updated_at"`
	DeletedAt    *int64            `db:"deleted_at" json:"deleted_at,omitempty"` // nil: not deleted
	Tags         map[string]string `db:"-" json:"tags,omitempty"`
}

const experimentColumns = "id, name, artifact_root, created_at, updated_at, deleted_at"

// ArtifactAddress is the beginning of the addresses of files that Slipway keeps for MLflow's clients.
const ArtifactAddress = "mlflow-artifacts:/"

// CreateExperiment adds an experiment and gives it the next number. Of e it takes
// Name, Tags and ArtifactRoot (empty: Slipway's own store). The error is an
// ErrConflict if the name is taken, be it by a deleted experiment.
func (c *Catalog) CreateExperiment(ctx context.Context, e Experiment, m Mark) (Experiment, error) {
	if err := required("experiment name", e.Name); err != nil {
		return Experiment{}, fmt.Errorf("create experiment: %w", err)
	}
	return apply(ctx, c, m, ActionExperimentCreated, "experiment/", func(t *tx) (move[Experiment], error) {
		var taken Experiment
		found, err := t.get(ctx, &taken, "SELECT "+experimentColumns+" FROM experiments WHERE name = ?", e.Name)
		if err != nil {
			return move[Experiment]{}, err
		}
		if found {
			return move[Experiment]{}, takenName(taken)
		}
		if _, err := t.get(ctx, &e.ID, "UPDATE tracking_counters SET last = last + 1 WHERE name = 'experiment' RETURNING last"); err != nil {
			return move[Experiment]{}, err
		}
		if e.ArtifactRoot == "" {
			e.ArtifactRoot = ArtifactAddress + strconv.FormatInt(e.ID, 10)
		}
		e.CreatedAt, e.UpdatedAt, e.DeletedAt = t.now.UnixMilli(), t.now.UnixMilli(), nil
		if err := t.insert(ctx, "experiments("+experimentColumns+")", "",
			[]any{e.ID, e.Name, e.ArtifactRoot, e.CreatedAt, e.UpdatedAt, nil}); err != nil {
			return move[Experiment]{}, err
		}
		for _, key := range slices.Sorted(maps.Keys(e.Tags)) {
			if err := t.insert(ctx, "experiment_tags(experiment_id, key, value)", "", []any{e.ID, key, e.Tags[key]}); err != nil {
				return move[Experiment]{}, err
			}
		}
		return move[Experiment]{after: e, subject: ExperimentSubject(e.ID)}, nil
	})
}

func takenName(e Experiment) error {
	if e.DeletedAt != nil {
		return conflict("experiment %q exists in deleted state (id %d): restore it, or take another name", e.Name, e.ID)
	}
	return conflict("experiment %q exists already (id %d)", e.Name, e.ID)
}

// Experiment finds an experiment, deleted or not. The error may be an ErrNotFound.
func (c *Catalog) Experiment(ctx context.Context, id int64) (Experiment, error) {
	return c.experimentWhere(ctx, "id = ?", id)
}

// ExperimentByName finds an experiment, deleted or not. The error may be an ErrNotFound.
func (c *Catalog) ExperimentByName(ctx context.Context, name string) (Experiment, error) {
	return c.experimentWhere(ctx, "name = ?", name)
}

func (c *Catalog) experimentWhere(ctx context.Context, condition string, arg any) (Experiment, error) {
	var e Experiment
	err := c.view(ctx, "find experiment", func(t *tx) error {
		e = Experiment{}
		found, err := t.get(ctx, &e, "SELECT "+experimentColumns+" FROM experiments WHERE "+condition, arg)
		if err != nil {
			return err
		}
		if !found {
			return notFound("experiment %v", arg)
		}
		one := []Experiment{e}
		err = t.experimentTags(ctx, one)
		e = one[0]
		return err
	})
	return e, err
}

// experimentTags fills the tags of experiments.
func (t *tx) experimentTags(ctx context.Context, experiments []Experiment) error {
	place := make(map[int64]int, len(experiments))
	ids := make([]int64, len(experiments))
	for i, e := range experiments {
		place[e.ID], ids[i] = i, e.ID
	}
	return inParts(ids, func(places string, args []any) error {
		var rows []struct {
			ID    int64  `db:"experiment_id"`
			Key   string `db:"key"`
			Value string `db:"value"`
		}
		if err := t.all(ctx, &rows, "SELECT experiment_id, key, value FROM experiment_tags WHERE experiment_id IN "+places, args...); err != nil {
			return err
		}
		for _, row := range rows {
			e := &experiments[place[row.ID]]
			if e.Tags == nil {
				e.Tags = map[string]string{}
			}
			e.Tags[row.Key] = row.Value
		}
		return nil
	})
}

// activeExperiment finds an experiment that is not deleted and, on a database with
// row locks, keeps it so until the transaction ends.
func (t *tx) activeExperiment(ctx context.Context, id int64) (Experiment, error) {
	e, err := t.mustExperiment(ctx, id, t.dialect.shareRow)
	if err == nil && e.DeletedAt != nil {
		err = invalid("The experiment %d must be in the 'active' state. Current state is deleted.", id)
	}
	return e, err
}

func (t *tx) mustExperiment(ctx context.Context, id int64, lock string) (Experiment, error) {
	var e Experiment
	found, err := t.get(ctx, &e, "SELECT "+experimentColumns+" FROM experiments WHERE id = ?"+lock, id)
	if err == nil && !found {
		err = notFound("No experiment with id %d exists", id)
	}
	return e, err
}
