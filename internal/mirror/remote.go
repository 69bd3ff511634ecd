package mirror

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/mlflow/mlflowclient"
	"github.com/slipway-ml/slipway/internal/mlflow/wire"
)

// TagRun is the tag of a run on the other server that holds the run's id here.
// Runs are found by it: it never changes.
const TagRun = "slipway.run"

// pair is a param or a tag.
type pair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// remoteRun is a run as the other server has it.
type remoteRun struct {
	Info struct {
		ID          string        `json:"run_id"`
		Name        string        `json:"run_name"`
		Status      string        `json:"status"`
		EndTime     *wire.Integer `json:"end_time"`
		ArtifactURI string        `json:"artifact_uri"`
		Lifecycle   string        `json:"lifecycle_stage"`
	} `json:"info"`
	Data struct {
		Params []pair `json:"params"`
		Tags   []pair `json:"tags"`
	} `json:"data"`
	Inputs struct {
		Datasets []datasetInput `json:"dataset_inputs"`
	} `json:"inputs"`
}

func (r *remoteRun) deleted() bool { return r.Info.Lifecycle == "deleted" }

// attempt is one attempt at bringing a run over.
type attempt struct {
	*Mirror
	run    catalog.Run // as it is here
	remote remoteRun   // as it was there at the beginning
	sent   sent
	// compare tells that points may be there of which nothing is known.
	compare bool
}

// find finds the run on the other server, or makes it. Fresh tells that it was made now.
func (a *attempt) find(ctx context.Context, known string) (fresh bool, err error) {
	if known != "" {
		err := a.read(ctx, known)
		if err == nil || !mlflowclient.Is(err, mlflowclient.CodeNotFound) {
			return false, err
		}
		// It is gone for good there: it is made again, with everything, unless it is found another way.
		a.sent, a.compare = sent{Metrics: map[string]sentMetric{}, Files: map[string]string{}}, true
	}
	experiment, err := a.experiment(ctx)
	if err != nil {
		return false, err
	}
	var found struct {
		Runs []remoteRun `json:"runs"`
	}
	if err := a.post(ctx, "mlflow/runs/search", map[string]any{
		"experiment_ids": []string{experiment}, "filter": "tags.`" + TagRun + "` = '" + a.run.UID + "'", "run_view_type": "ALL", "max_results": 100,
	}, &found); err != nil {
		return false, err
	}
	if len(found.Runs) > 0 {
		return false, a.choose(ctx, found.Runs)
	}
	var made struct {
		Run remoteRun `json:"run"`
	}
	if err := a.post(ctx, "mlflow/runs/create", map[string]any{
		"experiment_id": experiment, "run_name": a.run.Name, "user_id": a.run.User, "start_time": a.run.StartedAt,
		"tags": []pair{{TagRun, a.run.UID}},
	}, &made); err != nil {
		return false, aside(fmt.Errorf("create the run there: %w", err))
	}
	a.remote = made.Run
	return true, nil
}

func (a *attempt) read(ctx context.Context, id string) error {
	var found struct {
		Run remoteRun `json:"run"`
	}
	err := a.cfg.Server.Get(ctx, &found, "mlflow/runs/get", "run_id", id)
	a.remote = found.Run
	return err
}

// choose takes one of the runs that have the tag: always the same. There are
// several if two attempts made one at the same moment; the others are deleted.
func (a *attempt) choose(ctx context.Context, runs []remoteRun) error {
	first := runs[0]
	for _, r := range runs[1:] {
		if cmp.Or(cmp.Compare(rank(r), rank(first)), cmp.Compare(r.Info.ID, first.Info.ID)) < 0 {
			first = r
		}
	}
	for _, r := range runs {
		if r.Info.ID == first.Info.ID || r.deleted() {
			continue
		}
		if err := a.post(ctx, "mlflow/runs/delete", map[string]any{"run_id": r.Info.ID}, nil); err != nil {
			return err
		}
	}
	a.remote = first
	return nil
}

// rank puts runs that are not deleted first.
func rank(r remoteRun) int {
	if r.deleted() {
		return 1
	}
	return 0
}

// experiment is the id of the experiment that the run goes to; it is made if it is not there.
func (a *attempt) experiment(ctx context.Context) (string, error) {
	name := a.cfg.Experiment
	if name == "" {
		e, err := a.cfg.Catalog.Experiment(ctx, a.run.ExperimentID)
		if err != nil {
			return "", err
		}
		name = e.Name
	}
	var found struct {
		Experiment struct {
			ID        string `json:"experiment_id"`
			Lifecycle string `json:"lifecycle_stage"`
		} `json:"experiment"`
	}
	err := a.cfg.Server.Get(ctx, &found, "mlflow/experiments/get-by-name", "experiment_name", name)
	if mlflowclient.Is(err, mlflowclient.CodeNotFound) {
		var made struct {
			ID string `json:"experiment_id"`
		}
		err = a.post(ctx, "mlflow/experiments/create", map[string]any{"name": name}, &made)
		if err == nil {
			return made.ID, nil
		}
		if mlflowclient.Is(err, mlflowclient.CodeExists) { // made by another attempt meanwhile
			err = a.cfg.Server.Get(ctx, &found, "mlflow/experiments/get-by-name", "experiment_name", name)
		}
	}
	switch {
	case err != nil:
		return "", aside(fmt.Errorf("experiment %q there: %w", name, err))
	case found.Experiment.Lifecycle == "deleted":
		return "", &asideError{fmt.Errorf("experiment %q is deleted there: restore it, or name another with --mirror-experiment", name)}
	}
	return found.Experiment.ID, nil
}

// aside makes an answer that no other attempt would change one that sets the run aside.
func aside(err error) error {
	if mlflowclient.Refused(err) {
		return &asideError{err}
	}
	return err
}

// copied tells whether a run was itself sent here by a mirror.
func copied(r catalog.Run) bool { return hasTag(r, TagRun) }

func hasTag(r catalog.Run, key string) bool {
	for _, t := range r.Tags {
		if t.Key == key {
			return true
		}
	}
	return false
}

// proxied is the path of a run's artifacts below the server's artifact proxy.
func proxied(uri string) (string, bool) {
	rest, ok := strings.CutPrefix(uri, "mlflow-artifacts:")
	if !ok {
		return "", false
	}
	if authority, ok := strings.CutPrefix(rest, "//"); ok {
		_, rest, _ = strings.Cut(authority, "/")
	}
	return strings.Trim(rest, "/"), true
}
