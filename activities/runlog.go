package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/mlflow"
	"github.com/slipway-ml/slipway/internal/modeltest"
	"github.com/slipway-ml/slipway/internal/spec"
)

// Tags of the run that a release's tests are, beside catalog.TagRelease. They are part of the record and never change.
const (
	tagModel  = "slipway.model" // name/version
	tagDigest = "slipway.model.digest"
	tagData   = "slipway.data.digest"
	tagPassed = "slipway.tests.passed"
	tagReport = "slipway.report.digest"
	tagPage   = "slipway.page.digest"
)

// RunLog puts what releases find out on record as runs, beside those of people.
type RunLog struct {
	Store *artifacts.Store
	Files *mlflow.Files
}

// tests records the tests of a release as a run of the experiment that is named as
// the model. The run's id comes from the attempt's key: a second time finds the first.
func (l *RunLog) tests(ctx context.Context, in contract.TestModelInput, found modeltest.Report, saved contract.Report) error {
	data := in.DataDigest
	params, err := paramsOf(in.Model)
	if err != nil {
		return err
	}
	ended := found.Started.UnixMilli() + int64(found.Seconds*1000)
	run := catalog.RecordedRun{Experiment: in.Model.Name, Run: catalog.Run{
		UID: catalog.RunOfRelease(in.Key.String()), Name: in.Model.Version, User: "slipway", Status: catalog.RunFinished,
		StartedAt: found.Started.UnixMilli(), EndedAt: &ended, Params: params,
		Tags: []catalog.Pair{
			{Key: "mlflow.user", Value: "slipway"}, {Key: "mlflow.source.name", Value: in.Key.String()},
			{Key: catalog.TagRelease, Value: in.Key.String()}, {Key: tagModel, Value: in.Model.Name + "/" + in.Model.Version},
			{Key: tagDigest, Value: in.Model.Artifact.Digest}, {Key: tagData, Value: data},
			{Key: tagPassed, Value: fmt.Sprint(found.Passed)}, {Key: tagReport, Value: saved.Digest}, {Key: tagPage, Value: saved.Page},
		},
		Inputs: []catalog.RunDataset{
			inputOf(in.Data.Name, in.Data.Train, data, "training"), inputOf(in.Data.Name, in.Data.Test, data, "evaluation"),
		},
	}}
	if !found.Passed {
		run.Status = catalog.RunFailed
	}
	for _, name := range slices.Sorted(maps.Keys(found.Metrics)) {
		run.Metrics = append(run.Metrics, catalog.Metric{Key: cleanKey(name), Value: found.Metrics[name], At: ended})
	}
	recorded, err := l.Files.Catalog.RecordRun(ctx, run, mark(in.Key, "experiment", "slipway", "the release's tests are a run"))
	if err != nil || recorded.UID == "" {
		return err
	}
	return l.keep(ctx, recorded, map[string]string{"tests.json": saved.Digest, "tests.html": saved.Page, "model_card.md": saved.Card})
}

// keep stores reports as artifacts of a run.
func (l *RunLog) keep(ctx context.Context, run catalog.Run, reports map[string]string) error {
	folder, ours := strings.CutPrefix(run.ArtifactURI, catalog.ArtifactAddress)
	if !ours {
		return nil // people gave the experiment a place elsewhere
	}
	for _, name := range slices.Sorted(maps.Keys(reports)) {
		content, err := l.Store.Open(ctx, artifacts.Digest(reports[name]))
		if err != nil {
			return err
		}
		_, err = l.Files.Put(ctx, folder+"/"+name, content)
		if closed := content.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// inputOf describes one file of the release's data version.
func inputOf(name string, f spec.File, data, use string) catalog.RunDataset {
	hex := artifacts.Digest(f.Digest).Hex()
	source, _ := json.Marshal(map[string]string{"data": data, "path": f.Path, "digest": f.Digest}) // strings always encode
	return catalog.RunDataset{
		Name: name, Digest: hex[:min(len(hex), 32)], SourceType: "slipway", Source: string(source), DataDigest: data,
		Tags: map[string]string{catalog.TagDataContext: use},
	}
}

// maxParam bounds a param's value, in characters, as MLflow does.
const maxParam = 6000

// paramsOf are the hyperparameters and how the model was trained, as params: text as
// it is, other values as JSON.
func paramsOf(m spec.Model) ([]catalog.Pair, error) {
	all := map[string]string{"task": string(m.Task)}
	if m.Architecture != "" {
		all["architecture"] = m.Architecture
	}
	for prefix, values := range map[string]spec.Params{"": m.Hyperparameters, "training.": m.Training} {
		text, err := json.Marshal(values)
		if err != nil {
			return nil, fmt.Errorf("params of %s: %w", m.Name, err)
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(text, &fields); err != nil {
			return nil, fmt.Errorf("params of %s: %w", m.Name, err)
		}
		for key, value := range fields {
			var plain string
			if json.Unmarshal(value, &plain) != nil {
				plain = string(value)
			}
			all[cleanKey(prefix+key)] = plain
		}
	}
	out := make([]catalog.Pair, 0, len(all))
	for _, key := range slices.Sorted(maps.Keys(all)) {
		value := all[key]
		if utf8.RuneCountInString(value) > maxParam {
			value = string([]rune(value)[:maxParam-1]) + "…"
		}
		out = append(out, catalog.Pair{Key: key, Value: value})
	}
	return out, nil
}

var notInKeys = regexp.MustCompile(`[^\w.\- :/]`)

// cleanKey is a name as MLflow's clients take it.
func cleanKey(name string) string {
	name = strings.Trim(notInKeys.ReplaceAllString(name, "_"), "/")
	return string([]rune(name)[:min(utf8.RuneCountInString(name), 250)])
}
