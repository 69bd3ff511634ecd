package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
)

// TagRelease is the tag of a run that the tests of a release are: the release's key.
const TagRelease = "slipway.release"

// TagDataContext is the tag of an input that says what the data was used for.
const TagDataContext = "mlflow.data.context"

// RunOfRelease is the id of the run that the tests of a release are, by the
// release's key ("release/model/version@run"). Such runs exist by this id: it never changes.
func RunOfRelease(key string) string {
	sum := sha256.Sum256([]byte(key + "/tests"))
	return hex.EncodeToString(sum[:16])
}

// RunOfBatch is the id of the run that a batch is, by its key
// ("batch/model/n@run"). Such runs exist by this id: it never changes.
func RunOfBatch(key string) string {
	sum := sha256.Sum256([]byte(key + "/batch"))
	return hex.EncodeToString(sum[:16])
}

// RunDataset is a data set that a run used, as its client describes it.
type RunDataset struct {
	Name       string            `db:"name" json:"name"`
	Digest     string            `db:"digest" json:"digest"`
	SourceType string            `db:"source_type" json:"source_type"`
	Source     string            `db:"source" json:"source"`
	Schema     string            `db:"schema" json:"schema,omitempty"`
	Profile    string            `db:"profile" json:"profile,omitempty"`
	Tags       map[string]string `db:"-" json:"tags,omitempty"`
	// DataDigest is the digest of the stored data version that it is, empty if none.
	DataDigest string `db:"-" json:"data_digest,omitempty"`
}

// Kinds of RunModel.
const (
	RunModelInput  = 1
	RunModelOutput = 2
)

// RunModel is a logged model that a run took or made.
type RunModel struct {
	ModelID string `db:"model_uid" json:"model_id"`
	Kind    int64  `db:"kind" json:"kind"`
	Step    int64  `db:"step" json:"step"`
}

// storedData finds the address of a data version in the source of a data set.
var storedData = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

// LinkRun notes what a run that is not deleted took and made. Noting it again
// changes nothing but the tags of an input. A data set whose DataDigest, or a digest
// in its Source, is that of a stored data version is linked to it.
func (c *Catalog) LinkRun(ctx context.Context, uid string, inputs []RunDataset, models []RunModel) error {
	return c.update(ctx, "link run", func(t *tx) error {
		row, err := t.activeRun(ctx, uid)
		if err != nil {
			return err
		}
		for _, in := range inputs {
			if err := t.addInput(ctx, row, in); err != nil {
				return err
			}
		}
		for _, m := range models {
			model, err := t.loggedModel(ctx, m.ModelID)
			if err != nil {
				return err
			}
			if err := t.insert(ctx, "run_models(run_id, kind, model_id, step)", "ON CONFLICT (run_id, kind, model_id) DO UPDATE SET step = excluded.step",
				[]any{row.ID, m.Kind, model.ID, m.Step}); err != nil {
				return err
			}
		}
		return t.changed(ctx, "id = ?", row.ID)
	})
}

func (t *tx) addInput(ctx context.Context, run runRow, in RunDataset) error {
	stored := in.DataDigest
	if stored == "" {
		stored = storedData.FindString(in.Source)
	}
	if stored != "" {
		if _, found, err := t.dataByDigest(ctx, stored); err != nil {
			return err
		} else if !found {
			stored = ""
		}
	}
	if err := t.insert(ctx, "run_datasets(experiment_id, name, digest, source_type, source, schema, profile, data_digest)", "ON CONFLICT DO NOTHING",
		[]any{run.ExperimentID, in.Name, in.Digest, in.SourceType, in.Source, in.Schema, in.Profile, orNull(stored)}); err != nil {
		return err
	}
	var id int64
	if _, err := t.get(ctx, &id, "SELECT id FROM run_datasets WHERE experiment_id = ? AND name = ? AND digest = ?", run.ExperimentID, in.Name, in.Digest); err != nil {
		return err
	}
	tags, err := canonicalOf(in.Tags)
	if err != nil {
		return fmt.Errorf("tags of data set %s: %w", in.Name, err)
	}
	return t.insert(ctx, "run_inputs(run_id, dataset_id, context, tags)", "ON CONFLICT (run_id, dataset_id) DO UPDATE SET context = excluded.context, tags = excluded.tags",
		[]any{run.ID, id, in.Tags[TagDataContext], tags})
}

// fillRunLinks reads what runs took and made.
func (t *tx) fillRunLinks(ctx context.Context, place map[int64]*Run, ids []int64) error {
	return inParts(ids, func(places string, args []any) error {
		var inputs []struct {
			RunDataset
			Run    int64    `db:"run_id"`
			Tags   document `db:"tags"`
			Stored *string  `db:"data_digest"`
		}
		if err := t.all(ctx, &inputs, `SELECT i.run_id, i.tags, d.name, d.digest, d.source_type, d.source, d.schema, d.profile, d.data_digest
			FROM run_inputs i JOIN run_datasets d ON d.id = i.dataset_id WHERE i.run_id IN `+places+` ORDER BY i.run_id, i.dataset_id`, args...); err != nil {
			return err
		}
		for _, in := range inputs {
			if err := json.Unmarshal(in.Tags, &in.RunDataset.Tags); err != nil {
				return fmt.Errorf("tags of data set %s: %w", in.Name, err)
			}
			if in.Stored != nil {
				in.DataDigest = *in.Stored
			}
			r := place[in.Run]
			r.Inputs = append(r.Inputs, in.RunDataset)
		}
		var models []struct {
			RunModel
			Run int64 `db:"run_id"`
		}
		if err := t.all(ctx, &models, `SELECT l.run_id, l.kind, l.step, m.uid AS model_uid
			FROM run_models l JOIN logged_models m ON m.id = l.model_id WHERE l.run_id IN `+places+` ORDER BY l.run_id, l.kind, l.model_id`, args...); err != nil {
			return err
		}
		for _, m := range models {
			r := place[m.Run]
			r.Models = append(r.Models, m.RunModel)
		}
		return nil
	})
}

// RunsOfData lists the runs, deleted ones left out, that used a stored data version, oldest first.
func (c *Catalog) RunsOfData(ctx context.Context, dataDigest string) ([]string, error) {
	return list(ctx, c, "list runs of data", func(uid string) string { return uid }, `SELECT uid FROM runs WHERE deleted_at IS NULL AND id IN
		(SELECT i.run_id FROM run_datasets d JOIN run_inputs i ON i.dataset_id = d.id WHERE d.data_digest = ?) ORDER BY started_at, uid`, dataDigest)
}

// ExperimentDataset is a data set that runs of an experiment used.
type ExperimentDataset struct {
	ExperimentID int64  `db:"experiment_id"`
	Name         string `db:"name"`
	Digest       string `db:"digest"`
	Context      string `db:"context"`
}

// ExperimentDatasets lists the data sets of experiments with what they were used for, at most limit.
func (c *Catalog) ExperimentDatasets(ctx context.Context, experiments []int64, limit int) ([]ExperimentDataset, error) {
	if len(experiments) == 0 {
		return nil, nil
	}
	places, args := placesFor(experiments)
	return list(ctx, c, "list data sets of experiments", func(d ExperimentDataset) ExperimentDataset { return d },
		`SELECT DISTINCT d.experiment_id, d.name, d.digest, i.context FROM run_datasets d
		JOIN run_inputs i ON i.dataset_id = d.id WHERE d.experiment_id IN `+places+
			fmt.Sprintf(" ORDER BY d.experiment_id, d.name, d.digest, i.context LIMIT %d", limit), args...)
}
