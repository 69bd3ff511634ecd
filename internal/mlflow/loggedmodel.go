package mlflow

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/internal/catalog"
)

func (a *API) loggedModelEndpoints() []endpoint {
	return []endpoint{
		rpc("POST", "logged-models", a.createLoggedModel),
		rpc("GET", "logged-models/{model_id}", a.getLoggedModel),
		rpc("PATCH", "logged-models/{model_id}", a.finishLoggedModel),
		rpc("DELETE", "logged-models/{model_id}", a.deleteLoggedModel),
		rpc("POST", "logged-models/search", a.searchLoggedModels),
		rpc("PATCH", "logged-models/{model_id}/tags", a.tagLoggedModel),
		rpc("DELETE", "logged-models/{model_id}/tags/{tag_key}", a.untagLoggedModel),
		rpc("POST", "logged-models/{model_id}/params", a.addLoggedModelParams),
		rpc("GET", "logged-models/{model_id}/artifacts/directories", a.listLoggedModelArtifacts),
	}
}

type loggedModelInfo struct {
	ModelID       string `json:"model_id"`
	ExperimentID  string `json:"experiment_id"`
	Name          string `json:"name"`
	CreatedAt     int64  `json:"creation_timestamp_ms"`
	UpdatedAt     int64  `json:"last_updated_timestamp_ms"`
	ArtifactURI   string `json:"artifact_uri"`
	Status        string `json:"status"`
	StatusMessage string `json:"status_message,omitempty"`
	ModelType     string `json:"model_type,omitempty"`
	SourceRunID   string `json:"source_run_id,omitempty"`
	Tags          []tag  `json:"tags,omitempty"`
}

type loggedModelData struct {
	Params  []tag    `json:"params,omitempty"`
	Metrics []metric `json:"metrics,omitempty"`
}

type loggedModel struct {
	Info loggedModelInfo `json:"info"`
	Data loggedModelData `json:"data"`
}

type oneLoggedModel struct {
	Model loggedModel `json:"model"`
}

func loggedModelOf(m catalog.LoggedModel) loggedModel {
	out := loggedModel{
		Info: loggedModelInfo{
			ModelID: m.UID, ExperimentID: strconv.FormatInt(m.ExperimentID, 10), Name: m.Name, CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt,
			ArtifactURI: m.ArtifactURI, Status: m.Status, StatusMessage: m.StatusMessage, ModelType: m.Type, SourceRunID: m.SourceRun, Tags: tagsOf(m.Tags),
		},
		Data: loggedModelData{Params: tagsOf(m.Params)},
	}
	for _, p := range m.Metrics {
		point := metricOf(p.Metric)
		point.RunID = p.Run
		out.Data.Metrics = append(out.Data.Metrics, point)
	}
	return out
}

func (a *API) createLoggedModel(ctx context.Context, in *struct {
	ExperimentID string `json:"experiment_id"`
	Name         string `json:"name"`
	ModelType    string `json:"model_type"`
	SourceRunID  string `json:"source_run_id"`
	Params       []tag  `json:"params"`
	Tags         []tag  `json:"tags"`
}) (any, error) {
	experiment, err := experimentID("experiment_id", in.ExperimentID)
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(in.Name, `/:.%"'`) {
		return nil, fail(InvalidParameterValue, "Invalid model name (%s) provided. Model name must be a non-empty string and cannot contain the following characters: ('/', ':', '.', '%%', '\"', \"'\")", clip(in.Name))
	}
	params, err := checkParams(in.Params)
	if err != nil {
		return nil, err
	}
	tags, err := checkTags(in.Tags, maxRunTagValue)
	if err != nil {
		return nil, err
	}
	m, err := a.cfg.Catalog.CreateLoggedModel(ctx, catalog.LoggedModel{
		UID: "m-" + newID(), ExperimentID: experiment, Name: cmp.Or(in.Name, randomName()), Type: in.ModelType, SourceRun: in.SourceRunID, Params: params, Tags: tags,
	})
	return oneLoggedModel{loggedModelOf(m)}, err
}

func (a *API) getLoggedModel(ctx context.Context, in *struct {
	ID      string  `path:"model_id"`
	Deleted boolean `json:"allow_deleted"`
}) (any, error) {
	m, err := a.cfg.Catalog.LoggedModel(ctx, in.ID, bool(in.Deleted))
	return oneLoggedModel{loggedModelOf(m)}, err
}

func (a *API) finishLoggedModel(ctx context.Context, in *struct {
	ID     string `path:"model_id"`
	Status string `json:"status"`
}) (any, error) {
	if !slices.Contains([]string{catalog.LoggedModelReady, catalog.LoggedModelFailed, catalog.LoggedModelPending}, in.Status) {
		return nil, invalidValue("status", in.Status, "want LOGGED_MODEL_READY or LOGGED_MODEL_UPLOAD_FAILED")
	}
	m, err := a.cfg.Catalog.FinishLoggedModel(ctx, in.ID, in.Status)
	return oneLoggedModel{loggedModelOf(m)}, err
}

func (a *API) deleteLoggedModel(ctx context.Context, in *struct {
	ID string `path:"model_id"`
}) (any, error) {
	return empty{}, a.cfg.Catalog.DeleteLoggedModel(ctx, in.ID)
}

func (a *API) tagLoggedModel(ctx context.Context, in *struct {
	ID   string `path:"model_id"`
	Tags []tag  `json:"tags"`
}) (any, error) {
	tags, err := checkTags(in.Tags, maxRunTagValue)
	if err != nil {
		return nil, err
	}
	m, err := a.cfg.Catalog.TagLoggedModel(ctx, in.ID, tags)
	return oneLoggedModel{loggedModelOf(m)}, err
}

func (a *API) untagLoggedModel(ctx context.Context, in *struct {
	ID  string `path:"model_id"`
	Key string `path:"tag_key"`
}) (any, error) {
	return empty{}, a.cfg.Catalog.UntagLoggedModel(ctx, in.ID, in.Key)
}

func (a *API) addLoggedModelParams(ctx context.Context, in *struct {
	ID     string `path:"model_id"`
	Params []tag  `json:"params"`
}) (any, error) {
	params, err := checkParams(in.Params)
	if err != nil {
		return nil, err
	}
	return empty{}, a.cfg.Catalog.AddLoggedModelParams(ctx, in.ID, params)
}

// modelOrder is a key of the order of a search for models.
type modelOrder struct {
	Field         string   `json:"field_name"`
	Ascending     *boolean `json:"ascending"`
	DatasetName   string   `json:"dataset_name"`
	DatasetDigest string   `json:"dataset_digest"`
}

// datasetRef narrows the metrics of a search for models.
type datasetRef struct {
	Name   string `json:"dataset_name"`
	Digest string `json:"dataset_digest"`
}

// maxModelPage bounds a page of a search for models.
const maxModelPage = 1000

func (a *API) searchLoggedModels(ctx context.Context, in *struct {
	ExperimentIDs []string     `json:"experiment_ids"`
	Filter        string       `json:"filter"`
	Datasets      []datasetRef `json:"datasets"`
	Max           *integer     `json:"max_results"`
	OrderBy       []modelOrder `json:"order_by"`
	Token         string       `json:"page_token"`
}) (any, error) {
	var (
		q   catalog.TrackedQuery
		err error
	)
	if q.Experiments, err = experimentIDs(in.ExperimentIDs); err != nil {
		return nil, err
	}
	if q.Limit, err = checkPage(in.Max, 50, maxModelPage); err != nil {
		return nil, err
	}
	if q.Conditions, err = loggedModelSearch().conditions(in.Filter); err != nil {
		return nil, err
	}
	if err := onDatasets(q.Conditions, in.Datasets); err != nil {
		return nil, err
	}
	for _, key := range in.OrderBy {
		keys, err := loggedModelSearch().order([]string{key.Field})
		if err != nil {
			return nil, err
		}
		keys[0].Desc = key.Ascending != nil && !bool(*key.Ascending)
		keys[0].DatasetName, keys[0].DatasetDigest = key.DatasetName, key.DatasetDigest
		q.Order = append(q.Order, keys...)
	}
	next, err := page(&q, in.Token)
	if err != nil {
		return nil, err
	}
	found, last, err := a.cfg.Catalog.SearchLoggedModels(ctx, q)
	if err != nil {
		return nil, err
	}
	out := struct {
		Models []loggedModel `json:"models,omitempty"`
		Next   string        `json:"next_page_token,omitempty"`
	}{Models: make([]loggedModel, len(found))}
	for i, m := range found {
		out.Models[i] = loggedModelOf(m)
	}
	out.Next, err = next(last)
	return out, err
}

// onDatasets narrows conditions on metrics to a data set.
func onDatasets(conditions []catalog.Condition, datasets []datasetRef) error {
	switch len(datasets) {
	case 0:
		return nil
	case 1:
	default:
		return fail(InvalidParameterValue, "Invalid value for parameter 'datasets' supplied: metrics are compared on one data set, %d are named", len(datasets))
	}
	if err := required("dataset_name", datasets[0].Name); err != nil {
		return err
	}
	for i := range conditions {
		if conditions[i].Kind == catalog.FieldMetric {
			conditions[i].DatasetName, conditions[i].DatasetDigest = datasets[0].Name, datasets[0].Digest
		}
	}
	return nil
}

func (a *API) listLoggedModelArtifacts(ctx context.Context, in *struct {
	ID     string `path:"model_id"`
	Folder string `json:"artifact_directory_path"`
}) (any, error) {
	m, err := a.cfg.Catalog.LoggedModel(ctx, in.ID, false)
	if err != nil {
		return nil, err
	}
	return a.listBelow(ctx, m.ArtifactURI, in.Folder)
}
