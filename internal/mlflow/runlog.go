package mlflow

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/internal/catalog"
)

func (a *API) runLogEndpoints() []endpoint {
	return []endpoint{
		rpc("POST", "runs/log-metric", a.logMetric),
		rpc("POST", "runs/log-parameter", a.logParameter),
		rpc("POST", "runs/set-tag", a.setTag),
		rpc("POST", "runs/delete-tag", a.deleteTag),
		rpc("POST", "runs/log-batch", a.logBatch),
		rpc("POST", "runs/log-inputs", a.logInputs),
		rpc("POST", "runs/outputs", a.logOutputs),
		rpc("POST", "runs/log-model", a.logModel),
	}
}

// Limits of log-batch.
const (
	maxBatchMetrics = 1000
	maxBatchParams  = 100
	maxBatchTags    = 100
	maxBatchItems   = 1000
)

func checkMetric(m metric) (catalog.Metric, error) {
	if err := checkKey("key", m.Key); err != nil {
		return catalog.Metric{}, err
	}
	if m.Value == nil {
		return catalog.Metric{}, missing("value")
	}
	if m.Timestamp == nil {
		return catalog.Metric{}, missing("timestamp")
	}
	if *m.Timestamp < 0 {
		return catalog.Metric{}, fail(InvalidParameterValue, "Invalid value %d for parameter 'timestamp' supplied: it must be a non-negative number of milliseconds", *m.Timestamp)
	}
	return catalog.Metric{
		Key: m.Key, Value: float64(*m.Value), At: int64(*m.Timestamp), Step: int64(m.Step),
		ModelID: m.ModelID, DatasetName: m.DatasetName, DatasetDigest: m.DatasetDigest,
	}, nil
}

func (a *API) logMetric(ctx context.Context, in *struct {
	metric
	RunUUID string `json:"run_uuid"`
}) (any, error) {
	id, err := runRef{in.RunID, in.RunUUID}.id()
	if err != nil {
		return nil, err
	}
	m, err := checkMetric(in.metric)
	if err != nil {
		return nil, err
	}
	return empty{}, a.cfg.Catalog.LogBatch(ctx, id, catalog.RunBatch{Metrics: []catalog.Metric{m}})
}

// keyed is a request with a run, a key and a value.
type keyed struct {
	RunID   string `json:"run_id"`
	RunUUID string `json:"run_uuid"`
	Key     string `json:"key"`
	Value   string `json:"value"`
}

func (in *keyed) check(maxValue int) (string, error) {
	id, err := runRef{in.RunID, in.RunUUID}.id()
	return id, cmp.Or(err, checkKey("key", in.Key), within("value", in.Value, maxValue))
}

func (a *API) logParameter(ctx context.Context, in *keyed) (any, error) {
	id, err := in.check(maxParamValue)
	if err != nil {
		return nil, err
	}
	return empty{}, a.cfg.Catalog.LogBatch(ctx, id, catalog.RunBatch{Params: []catalog.Pair{{Key: in.Key, Value: in.Value}}})
}

func (a *API) setTag(ctx context.Context, in *keyed) (any, error) {
	id, err := in.check(maxRunTagValue)
	if err != nil {
		return nil, err
	}
	return empty{}, a.cfg.Catalog.LogBatch(ctx, id, catalog.RunBatch{Tags: []catalog.Pair{{Key: in.Key, Value: in.Value}}})
}

func (a *API) deleteTag(ctx context.Context, in *keyed) (any, error) {
	id, err := in.check(maxRunTagValue)
	if err != nil {
		return nil, err
	}
	return empty{}, a.cfg.Catalog.DeleteRunTag(ctx, id, in.Key)
}

func (a *API) logBatch(ctx context.Context, in *struct {
	RunID   string   `json:"run_id"`
	RunUUID string   `json:"run_uuid"`
	Metrics []metric `json:"metrics"`
	Params  []tag    `json:"params"`
	Tags    []tag    `json:"tags"`
}) (any, error) {
	id, err := runRef{in.RunID, in.RunUUID}.id()
	if err != nil {
		return nil, err
	}
	for _, limit := range []struct {
		what      string
		have, max int
	}{
		{"metrics", len(in.Metrics), maxBatchMetrics},
		{"params", len(in.Params), maxBatchParams},
		{"tags", len(in.Tags), maxBatchTags},
		{"metrics, params and tags", len(in.Metrics) + len(in.Params) + len(in.Tags), maxBatchItems},
	} {
		if limit.have > limit.max {
			return nil, fail(InvalidParameterValue, "A batch logging request can contain at most %d %s. Got %d. Please split up %s across multiple requests and try again.", limit.max, limit.what, limit.have, limit.what)
		}
	}
	batch := catalog.RunBatch{Metrics: make([]catalog.Metric, len(in.Metrics))}
	for i, m := range in.Metrics {
		if batch.Metrics[i], err = checkMetric(m); err != nil {
			return nil, err
		}
	}
	if batch.Params, err = checkParams(in.Params); err != nil {
		return nil, err
	}
	if batch.Tags, err = checkTags(in.Tags, maxRunTagValue); err != nil {
		return nil, err
	}
	return empty{}, a.cfg.Catalog.LogBatch(ctx, id, batch)
}

// checkParams checks params, of which each key may be there once.
func checkParams(params []tag) ([]catalog.Pair, error) {
	out := make([]catalog.Pair, len(params))
	seen := map[string]bool{}
	for i, p := range params {
		if err := cmp.Or(checkKey("key", p.Key), within("value", p.Value, maxParamValue)); err != nil {
			return nil, err
		}
		if seen[p.Key] {
			return nil, fail(InvalidParameterValue, "Duplicate parameter keys have been submitted: ['%s']. Please ensure the request contains only one param value per param key.", p.Key)
		}
		seen[p.Key] = true
		out[i] = catalog.Pair(p)
	}
	return out, nil
}

type dataset struct {
	Name       string `json:"name"`
	Digest     string `json:"digest"`
	SourceType string `json:"source_type"`
	Source     string `json:"source"`
	Schema     string `json:"schema,omitempty"`
	Profile    string `json:"profile,omitempty"`
}

type datasetInput struct {
	Tags    []tag   `json:"tags,omitempty"`
	Dataset dataset `json:"dataset"`
}

type modelInput struct {
	ModelID string `json:"model_id"`
}

type modelOutput struct {
	ModelID string  `json:"model_id"`
	Step    integer `json:"step"`
}

type runInputs struct {
	Datasets []datasetInput `json:"dataset_inputs,omitempty"`
	Models   []modelInput   `json:"model_inputs,omitempty"`
}

type runOutputs struct {
	Models []modelOutput `json:"model_outputs,omitempty"`
}

func linksOf(r catalog.Run) (in runInputs, out runOutputs) {
	for _, d := range r.Inputs {
		input := datasetInput{Dataset: dataset{d.Name, d.Digest, d.SourceType, d.Source, d.Schema, d.Profile}}
		for _, key := range slices.Sorted(maps.Keys(d.Tags)) {
			input.Tags = append(input.Tags, tag{key, d.Tags[key]})
		}
		in.Datasets = append(in.Datasets, input)
	}
	for _, m := range r.Models {
		if m.Kind == catalog.RunModelInput {
			in.Models = append(in.Models, modelInput{m.ModelID})
		} else {
			out.Models = append(out.Models, modelOutput{m.ModelID, integer(m.Step)})
		}
	}
	return in, out
}

func (a *API) logInputs(ctx context.Context, in *struct {
	RunID    string         `json:"run_id"`
	Datasets []datasetInput `json:"datasets"`
	Models   []modelInput   `json:"models"`
}) (any, error) {
	if err := checkID("run_id", in.RunID); err != nil {
		return nil, err
	}
	if len(in.Datasets) == 0 && len(in.Models) == 0 {
		return nil, missing("datasets")
	}
	inputs := make([]catalog.RunDataset, len(in.Datasets))
	for i, d := range in.Datasets {
		if err := cmp.Or(
			required("name", d.Dataset.Name, "digest", d.Dataset.Digest, "source_type", d.Dataset.SourceType, "source", d.Dataset.Source),
			within("name", d.Dataset.Name, maxDatasetName), within("digest", d.Dataset.Digest, maxDatasetDigest),
		); err != nil {
			return nil, err
		}
		tags := map[string]string{}
		for _, t := range d.Tags {
			if err := cmp.Or(required("key", t.Key), within("key", t.Key, 255), within("value", t.Value, 500)); err != nil {
				return nil, err
			}
			tags[t.Key] = t.Value
		}
		inputs[i] = catalog.RunDataset{
			Name: d.Dataset.Name, Digest: d.Dataset.Digest, SourceType: d.Dataset.SourceType, Source: d.Dataset.Source,
			Schema: d.Dataset.Schema, Profile: d.Dataset.Profile, Tags: tags,
		}
	}
	models := make([]catalog.RunModel, len(in.Models))
	for i, m := range in.Models {
		models[i] = catalog.RunModel{ModelID: m.ModelID, Kind: catalog.RunModelInput}
	}
	return empty{}, a.cfg.Catalog.LinkRun(ctx, in.RunID, inputs, models)
}

func (a *API) logOutputs(ctx context.Context, in *struct {
	RunID  string        `json:"run_id"`
	Models []modelOutput `json:"models"`
}) (any, error) {
	if err := checkID("run_id", in.RunID); err != nil {
		return nil, err
	}
	models := make([]catalog.RunModel, len(in.Models))
	for i, m := range in.Models {
		models[i] = catalog.RunModel{ModelID: m.ModelID, Kind: catalog.RunModelOutput, Step: int64(m.Step)}
	}
	return empty{}, a.cfg.Catalog.LinkRun(ctx, in.RunID, nil, models)
}

// tagHistory keeps what clients before MLflow 3 told of the models of a run.
const tagHistory = "mlflow.log-model.history"

// logModel adds a description of a model to the run's history of models.
func (a *API) logModel(ctx context.Context, in *struct {
	RunID string `json:"run_id"`
	Model string `json:"model_json"`
}) (any, error) {
	if err := cmp.Or(checkID("run_id", in.RunID), required("model_json", in.Model)); err != nil {
		return nil, err
	}
	var model map[string]json.RawMessage
	if err := json.Unmarshal([]byte(in.Model), &model); err != nil {
		return nil, invalidValue("model_json", in.Model, "it is not a JSON object")
	}
	for _, field := range []string{"artifact_path", "flavors", "utc_time_created", "run_id"} {
		if _, there := model[field]; !there {
			return nil, fail(InvalidParameterValue, "Model json is missing mandatory fields: ['%s']", field)
		}
	}
	r, err := a.cfg.Catalog.Run(ctx, in.RunID)
	if err != nil {
		return nil, err
	}
	history := []json.RawMessage{}
	for _, t := range r.Tags {
		if t.Key == tagHistory {
			if err := json.Unmarshal([]byte(t.Value), &history); err != nil {
				return nil, fail(InvalidState, "the tag %s of run %s is not a JSON list", tagHistory, in.RunID)
			}
		}
	}
	text, err := json.Marshal(append(history, json.RawMessage(in.Model)))
	if err != nil {
		return nil, err
	}
	if n := utf8.RuneCount(text); n > maxBody {
		return nil, fail(InvalidParameterValue, "the history of models of run %s has %d characters, at most %d are kept", in.RunID, n, maxBody)
	}
	return empty{}, a.cfg.Catalog.LogBatch(ctx, in.RunID, catalog.RunBatch{Tags: []catalog.Pair{{Key: tagHistory, Value: string(text)}}})
}
