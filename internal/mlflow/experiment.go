package mlflow

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"

	"github.com/slipway-ml/slipway/internal/catalog"
)

func (a *API) experimentEndpoints() []endpoint {
	return []endpoint{
		rpc("POST", "experiments/create", a.createExperiment),
		rpc("GET", "experiments/get", a.getExperiment),
		rpc("GET", "experiments/get-by-name", a.getExperimentByName),
		rpc("POST", "experiments/search", a.searchExperiments),
		rpc("GET", "experiments/search", a.searchExperiments),
		rpc("POST", "experiments/update", a.updateExperiment),
		rpc("POST", "experiments/delete", a.deleteExperiment),
		rpc("POST", "experiments/restore", a.restoreExperiment),
		rpc("POST", "experiments/set-experiment-tag", a.setExperimentTag),
		rpc("POST", "experiments/delete-experiment-tag", a.deleteExperimentTag),
		rpc("POST", "experiments/search-datasets", a.searchDatasets),
	}
}

// tag is a key and a value: of a tag or a param.
type tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type experiment struct {
	ID             string `json:"experiment_id"`
	Name           string `json:"name"`
	Location       string `json:"artifact_location"`
	LifecycleStage string `json:"lifecycle_stage"`
	UpdatedAt      int64  `json:"last_update_time"`
	CreatedAt      int64  `json:"creation_time"`
	Tags           []tag  `json:"tags,omitempty"`
}

func experimentOf(e catalog.Experiment) experiment {
	out := experiment{ID: strconv.FormatInt(e.ID, 10), Name: e.Name, Location: e.ArtifactRoot, LifecycleStage: stage(e.DeletedAt), UpdatedAt: e.UpdatedAt, CreatedAt: e.CreatedAt}
	for _, key := range slices.Sorted(maps.Keys(e.Tags)) {
		out.Tags = append(out.Tags, tag{key, e.Tags[key]})
	}
	return out
}

// stage is the lifecycle stage of what is deleted or not.
func stage(deletedAt *int64) string {
	if deletedAt != nil {
		return "deleted"
	}
	return "active"
}

// experimentID reads an id. One that is no number is on no record.
func experimentID(parameter, id string) (int64, error) {
	if id == "" {
		return 0, missing(parameter)
	}
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || n < 0 {
		return 0, invalidValue(parameter, id, "an experiment's id is a number")
	}
	return n, nil
}

func (a *API) createExperiment(ctx context.Context, in *struct {
	Name     string `json:"name"`
	Location string `json:"artifact_location"`
	Tags     []tag  `json:"tags"`
}) (any, error) {
	if err := cmp.Or(required("name", in.Name), within("name", in.Name, maxExperimentName)); err != nil {
		return nil, err
	}
	tags := map[string]string{}
	for _, t := range in.Tags {
		if err := cmp.Or(checkKey("key", t.Key), within("value", t.Value, maxTagValue)); err != nil {
			return nil, err
		}
		tags[t.Key] = t.Value
	}
	e, err := a.cfg.Catalog.CreateExperiment(ctx, catalog.Experiment{Name: in.Name, ArtifactRoot: in.Location, Tags: tags}, mark(ctx, ""))
	if err != nil {
		return nil, taken(err)
	}
	return struct {
		ID string `json:"experiment_id"`
	}{strconv.FormatInt(e.ID, 10)}, nil
}

// taken makes AlreadyExists of a conflict over a name.
func taken(err error) error {
	if errors.Is(err, catalog.ErrConflict) {
		return fail(AlreadyExists, "%s", err)
	}
	return err
}

type oneExperiment struct {
	Experiment experiment `json:"experiment"`
}

type experimentRef struct {
	ID string `json:"experiment_id"`
}

func (a *API) getExperiment(ctx context.Context, in *experimentRef) (any, error) {
	id, err := experimentID("experiment_id", in.ID)
	if err != nil {
		return nil, err
	}
	e, err := a.cfg.Catalog.Experiment(ctx, id)
	return oneExperiment{experimentOf(e)}, err
}

func (a *API) getExperimentByName(ctx context.Context, in *struct {
	Name string `json:"experiment_name"`
}) (any, error) {
	if err := required("experiment_name", in.Name); err != nil {
		return nil, err
	}
	e, err := a.cfg.Catalog.ExperimentByName(ctx, in.Name)
	if errors.Is(err, catalog.ErrNotFound) {
		// Clients create the experiment on this message's code.
		return nil, fail(DoesNotExist, "Could not find experiment with name '%s'", clip(in.Name))
	}
	return oneExperiment{experimentOf(e)}, err
}

func (a *API) searchExperiments(ctx context.Context, in *struct {
	Max      *integer `json:"max_results"`
	Token    string   `json:"page_token"`
	Filter   string   `json:"filter"`
	OrderBy  []string `json:"order_by"`
	ViewType string   `json:"view_type"`
}) (any, error) {
	q := catalog.TrackedQuery{}
	var err error
	if q.Limit, err = checkPage(in.Max, 1000, maxResults); err != nil {
		return nil, err
	}
	if q.Existence, err = existence(in.ViewType); err != nil {
		return nil, err
	}
	if q.Conditions, err = experimentSearch().conditions(in.Filter); err != nil {
		return nil, err
	}
	if q.Order, err = experimentSearch().order(in.OrderBy); err != nil {
		return nil, err
	}
	next, err := page(&q, in.Token)
	if err != nil {
		return nil, err
	}
	found, last, err := a.cfg.Catalog.SearchExperiments(ctx, q)
	if err != nil {
		return nil, err
	}
	var out struct {
		Experiments []experiment `json:"experiments,omitempty"`
		Next        string       `json:"next_page_token,omitempty"`
	}
	for _, e := range found {
		out.Experiments = append(out.Experiments, experimentOf(e))
	}
	out.Next, err = next(last)
	return out, err
}

func (a *API) updateExperiment(ctx context.Context, in *struct {
	ID   string  `json:"experiment_id"`
	Name *string `json:"new_name"`
}) (any, error) {
	id, err := experimentID("experiment_id", in.ID)
	if err != nil || in.Name == nil {
		return empty{}, err
	}
	if err := cmp.Or(required("new_name", *in.Name), within("new_name", *in.Name, maxExperimentName)); err != nil {
		return nil, err
	}
	_, err = a.cfg.Catalog.RenameExperiment(ctx, id, *in.Name, mark(ctx, ""))
	return empty{}, taken(err)
}

func (a *API) deleteExperiment(ctx context.Context, in *experimentRef) (any, error) {
	id, err := experimentID("experiment_id", in.ID)
	if err != nil {
		return nil, err
	}
	return empty{}, a.cfg.Catalog.DeleteExperiment(ctx, id, mark(ctx, ""))
}

func (a *API) restoreExperiment(ctx context.Context, in *experimentRef) (any, error) {
	id, err := experimentID("experiment_id", in.ID)
	if err != nil {
		return nil, err
	}
	return empty{}, a.cfg.Catalog.RestoreExperiment(ctx, id, mark(ctx, ""))
}

func (a *API) setExperimentTag(ctx context.Context, in *struct {
	ID    string `json:"experiment_id"`
	Key   string `json:"key"`
	Value string `json:"value"`
}) (any, error) {
	id, err := experimentID("experiment_id", in.ID)
	if err := cmp.Or(err, checkKey("key", in.Key), within("value", in.Value, maxTagValue)); err != nil {
		return nil, err
	}
	return empty{}, a.cfg.Catalog.SetExperimentTag(ctx, id, in.Key, in.Value)
}

func (a *API) deleteExperimentTag(ctx context.Context, in *struct {
	ID  string `json:"experiment_id"`
	Key string `json:"key"`
}) (any, error) {
	id, err := experimentID("experiment_id", in.ID)
	if err := cmp.Or(err, required("key", in.Key)); err != nil {
		return nil, err
	}
	return empty{}, a.cfg.Catalog.DeleteExperimentTag(ctx, id, in.Key)
}

// Bounds of what a page of the user interface asks for at once.
const (
	maxDatasetSummaries   = 1000
	maxDatasetExperiments = 20
)

type datasetSummary struct {
	ExperimentID string `json:"experiment_id"`
	Name         string `json:"name"`
	Digest       string `json:"digest"`
	Context      string `json:"context,omitempty"`
}

func (a *API) searchDatasets(ctx context.Context, in *struct {
	IDs []string `json:"experiment_ids"`
}) (any, error) {
	if len(in.IDs) == 0 {
		return nil, fail(InvalidParameterValue, "SearchDatasets request must specify at least one experiment_id.")
	}
	if len(in.IDs) > maxDatasetExperiments {
		return nil, fail(InvalidParameterValue, "SearchDatasets request cannot specify more than %d experiment_ids. Received %d experiment_ids.", maxDatasetExperiments, len(in.IDs))
	}
	ids, err := experimentIDs(in.IDs)
	if err != nil {
		return nil, err
	}
	found, err := a.cfg.Catalog.ExperimentDatasets(ctx, ids, maxDatasetSummaries)
	var out struct {
		Summaries []datasetSummary `json:"dataset_summaries,omitempty"`
	}
	for _, d := range found {
		out.Summaries = append(out.Summaries, datasetSummary{strconv.FormatInt(d.ExperimentID, 10), d.Name, d.Digest, d.Context})
	}
	return out, err
}

func experimentIDs(ids []string) ([]int64, error) {
	out := make([]int64, len(ids))
	var err error
	for i, id := range ids {
		if out[i], err = experimentID("experiment_ids", id); err != nil {
			return nil, err
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
