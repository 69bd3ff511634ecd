package mlflow

import (
	"cmp"
	"context"
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"time"

	"crypto/rand"

	"github.com/slipway-ml/slipway/internal/catalog"
)

func (a *API) runEndpoints() []endpoint {
	return []endpoint{
		rpc("POST", "runs/create", a.createRun),
		rpc("GET", "runs/get", a.getRun),
		rpc("POST", "runs/update", a.updateRun),
		rpc("POST", "runs/delete", a.deleteRun),
		rpc("POST", "runs/restore", a.restoreRun),
		rpc("POST", "runs/search", a.searchRuns),
	}
}

// metric is a point of a metric, both ways.
type metric struct {
	Key           string   `json:"key"`
	Value         *float   `json:"value"`
	Timestamp     *integer `json:"timestamp"`
	Step          integer  `json:"step"`
	DatasetName   string   `json:"dataset_name,omitempty"`
	DatasetDigest string   `json:"dataset_digest,omitempty"`
	ModelID       string   `json:"model_id,omitempty"`
	RunID         string   `json:"run_id,omitempty"`
}

func metricOf(m catalog.Metric) metric {
	value, at := float(m.Value), integer(m.At)
	return metric{Key: m.Key, Value: &value, Timestamp: &at, Step: integer(m.Step), DatasetName: m.DatasetName, DatasetDigest: m.DatasetDigest, ModelID: m.ModelID}
}

type runInfo struct {
	RunID          string `json:"run_id"`
	RunUUID        string `json:"run_uuid"` // the old name, which old clients read
	RunName        string `json:"run_name"`
	ExperimentID   string `json:"experiment_id"`
	UserID         string `json:"user_id,omitempty"`
	Status         string `json:"status"`
	StartTime      int64  `json:"start_time"`
	EndTime        *int64 `json:"end_time,omitempty"`
	ArtifactURI    string `json:"artifact_uri"`
	LifecycleStage string `json:"lifecycle_stage"`
}

type runData struct {
	Metrics []metric `json:"metrics,omitempty"`
	Params  []tag    `json:"params,omitempty"`
	Tags    []tag    `json:"tags,omitempty"`
}

type run struct {
	Info    runInfo    `json:"info"`
	Data    runData    `json:"data"`
	Inputs  runInputs  `json:"inputs"`
	Outputs runOutputs `json:"outputs"`
}

func infoOf(r catalog.Run) runInfo {
	return runInfo{
		RunID: r.UID, RunUUID: r.UID, RunName: r.Name, ExperimentID: strconv.FormatInt(r.ExperimentID, 10), UserID: r.User,
		Status: r.Status, StartTime: r.StartedAt, EndTime: r.EndedAt, ArtifactURI: r.ArtifactURI, LifecycleStage: stage(r.DeletedAt),
	}
}

func runOf(r catalog.Run) run {
	out := run{Info: infoOf(r), Data: runData{Params: tagsOf(r.Params), Tags: tagsOf(r.Tags)}}
	for _, m := range r.Metrics {
		out.Data.Metrics = append(out.Data.Metrics, metricOf(m))
	}
	out.Inputs, out.Outputs = linksOf(r)
	return out
}

func tagsOf(pairs []catalog.Pair) []tag {
	out := make([]tag, len(pairs))
	for i, p := range pairs {
		out[i] = tag(p)
	}
	return out
}

// newID is an id as MLflow makes them: 32 hexadecimal digits.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

type oneRun struct {
	Run run `json:"run"`
}

func (a *API) createRun(ctx context.Context, in *struct {
	ExperimentID string   `json:"experiment_id"`
	UserID       string   `json:"user_id"`
	RunName      string   `json:"run_name"`
	StartTime    *integer `json:"start_time"`
	Tags         []tag    `json:"tags"`
}) (any, error) {
	experiment, err := experimentID("experiment_id", cmp.Or(in.ExperimentID, "0"))
	if err != nil {
		return nil, err
	}
	tags, err := checkTags(in.Tags, maxRunTagValue)
	if err != nil {
		return nil, err
	}
	name := in.RunName
	for _, t := range tags {
		if t.Key != catalog.TagRunName {
			continue
		}
		if name != "" && t.Value != "" && name != t.Value {
			return nil, fail(InvalidParameterValue, "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values (run_name='%s', mlflow.runName='%s').", clip(name), clip(t.Value))
		}
		name = cmp.Or(name, t.Value)
	}
	started := time.Now().UnixMilli()
	if in.StartTime != nil && *in.StartTime > 0 {
		started = int64(*in.StartTime)
	}
	r, err := a.cfg.Catalog.CreateRun(ctx, catalog.Run{
		UID: newID(), ExperimentID: experiment, Name: cmp.Or(name, randomName()), User: in.UserID, StartedAt: started, Tags: tags,
	})
	return oneRun{runOf(r)}, err
}

// checkTags checks tags and leaves of a key that is there twice the last.
func checkTags(tags []tag, most int) ([]catalog.Pair, error) {
	out := make([]catalog.Pair, 0, len(tags))
	for _, t := range tags {
		if err := cmp.Or(checkKey("key", t.Key), within("value", t.Value, most)); err != nil {
			return nil, err
		}
		out = slices.DeleteFunc(out, func(p catalog.Pair) bool { return p.Key == t.Key })
		out = append(out, catalog.Pair(t))
	}
	return out, nil
}

// runRef names a run, under its new or its old name.
type runRef struct {
	RunID   string `json:"run_id"`
	RunUUID string `json:"run_uuid"`
}

func (r runRef) id() (string, error) {
	id := cmp.Or(r.RunID, r.RunUUID)
	return id, checkID("run_id", id)
}

func (a *API) getRun(ctx context.Context, in *runRef) (any, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	r, err := a.cfg.Catalog.Run(ctx, id)
	return oneRun{runOf(r)}, err
}

func (a *API) updateRun(ctx context.Context, in *struct {
	RunID   string   `json:"run_id"`
	RunUUID string   `json:"run_uuid"`
	Status  string   `json:"status"`
	EndTime *integer `json:"end_time"`
	RunName *string  `json:"run_name"`
}) (any, error) {
	id, err := runRef{in.RunID, in.RunUUID}.id()
	if err != nil {
		return nil, err
	}
	change := catalog.RunChange{EndedAt: (*int64)(in.EndTime)}
	if in.Status != "" {
		if !slices.Contains([]string{catalog.RunRunning, catalog.RunScheduled, catalog.RunFinished, catalog.RunFailed, catalog.RunKilled}, in.Status) {
			return nil, invalidValue("status", in.Status, "want RUNNING, SCHEDULED, FINISHED, FAILED or KILLED")
		}
		change.Status = &in.Status
	}
	if in.RunName != nil && *in.RunName != "" {
		change.Name = in.RunName
	}
	r, err := a.cfg.Catalog.UpdateRun(ctx, id, change)
	return struct {
		Info runInfo `json:"run_info"`
	}{infoOf(r)}, err
}

func (a *API) deleteRun(ctx context.Context, in *runRef) (any, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	return empty{}, a.cfg.Catalog.DeleteRun(ctx, id, mark(ctx, ""))
}

func (a *API) restoreRun(ctx context.Context, in *runRef) (any, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	return empty{}, a.cfg.Catalog.RestoreRun(ctx, id, mark(ctx, ""))
}

func (a *API) searchRuns(ctx context.Context, in *struct {
	ExperimentIDs []string `json:"experiment_ids"`
	Filter        string   `json:"filter"`
	ViewType      string   `json:"run_view_type"`
	Max           *integer `json:"max_results"`
	OrderBy       []string `json:"order_by"`
	Token         string   `json:"page_token"`
}) (any, error) {
	var (
		q   catalog.TrackedQuery
		err error
	)
	if q.Experiments, err = experimentIDs(in.ExperimentIDs); err != nil {
		return nil, err
	}
	if q.Limit, err = checkPage(in.Max, 1000, maxResults); err != nil {
		return nil, err
	}
	if q.Existence, err = existence(in.ViewType); err != nil {
		return nil, err
	}
	if q.Conditions, err = runSearch().conditions(in.Filter); err != nil {
		return nil, err
	}
	if q.Order, err = runSearch().order(in.OrderBy); err != nil {
		return nil, err
	}
	next, err := page(&q, in.Token)
	if err != nil {
		return nil, err
	}
	found, last, err := a.cfg.Catalog.SearchRuns(ctx, q)
	if err != nil {
		return nil, err
	}
	out := struct {
		Runs []run  `json:"runs,omitempty"`
		Next string `json:"next_page_token,omitempty"`
	}{Runs: make([]run, len(found))}
	for i, r := range found {
		out.Runs[i] = runOf(r)
	}
	out.Next, err = next(last)
	return out, err
}

// randomName is a name for a run that got none.
func randomName() string {
	first := []string{"able", "brisk", "calm", "deft", "eager", "fair", "glad", "hardy", "keen", "lively", "mellow", "nimble", "proud", "quick", "sturdy", "trim"}
	second := []string{"barge", "brig", "clipper", "cog", "cutter", "dhow", "ferry", "frigate", "junk", "ketch", "lugger", "schooner", "skiff", "sloop", "tug", "yawl"}
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	number := (int(b[2])<<8 | int(b[3])) % int(math.Pow10(3))
	return first[int(b[0])%len(first)] + "-" + second[int(b[1])%len(second)] + "-" + strconv.Itoa(number)
}
