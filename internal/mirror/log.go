package mirror

import (
	"context"
	"fmt"
	"slices"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/mlflow/mlflowclient"
)

// Bounds of one log-batch, MLflow's.
const (
	maxPairs   = 100
	maxMetrics = 1000
)

// parts sends items in parts of at most so many. A part that is refused is
// halved until what the other server does not take is alone, and kept apart.
func parts[T any](ctx context.Context, items []T, most int, send func(context.Context, []T) error, refuse func(T, error) error) error {
	for part := range slices.Chunk(items, most) {
		if err := halves(ctx, part, send, refuse); err != nil {
			return err
		}
	}
	return nil
}

func halves[T any](ctx context.Context, part []T, send func(context.Context, []T) error, refuse func(T, error) error) error {
	err := send(ctx, part)
	switch {
	case !mlflowclient.Refused(err):
		return err
	case len(part) == 1:
		return refuse(part[0], err)
	}
	half := len(part) / 2
	if err := halves(ctx, part[:half], send, refuse); err != nil {
		return err
	}
	return halves(ctx, part[half:], send, refuse)
}

// logPairs sends pairs that are not there, or not as they are here, as what log-batch calls field.
func (a *attempt) logPairs(ctx context.Context, kind, field string, here []catalog.Pair, there []pair, differs func(pair, string) error) error {
	have := make(map[string]string, len(there))
	for _, p := range there {
		have[p.Key] = p.Value
	}
	var missing []pair
	for _, p := range here {
		value, known := have[p.Key]
		if known && value == p.Value || a.sent.refused(kind, p.Key, valueOf(p.Value)) {
			continue
		}
		if known {
			if err := differs(pair(p), value); err != nil {
				if err := a.sent.refuse(kind, p.Key, valueOf(p.Value), err); err != nil {
					return err
				}
				continue
			}
		}
		missing = append(missing, pair(p))
	}
	return parts(ctx, missing, maxPairs, func(ctx context.Context, part []pair) error {
		return a.post(ctx, "mlflow/runs/log-batch", map[string]any{"run_id": a.remote.Info.ID, field: part}, nil)
	}, func(p pair, why error) error { return a.sent.refuse(kind, p.Key, valueOf(p.Value), why) })
}

// params brings params over. One that has another value there can't be changed.
func (a *attempt) params(ctx context.Context) error {
	return a.logPairs(ctx, "param", "params", a.run.Params, a.remote.Data.Params, func(p pair, there string) error {
		return fmt.Errorf("there it is %q, and a param can't be changed", clip(there))
	})
}

// tags brings tags over.
func (a *attempt) tags(ctx context.Context) error {
	return a.logPairs(ctx, "tag", "tags", a.run.Tags, a.remote.Data.Tags, func(pair, string) error { return nil })
}

// untag takes tags away that came from here and are here no more.
func (a *attempt) untag(ctx context.Context) error {
	var keys []string
	for _, t := range a.run.Tags {
		keys = append(keys, t.Key)
	}
	for _, key := range a.sent.Tags {
		if slices.Contains(keys, key) {
			continue
		}
		err := a.post(ctx, "mlflow/runs/delete-tag", map[string]any{"run_id": a.remote.Info.ID, "key": key}, nil)
		if err != nil && !mlflowclient.Is(err, mlflowclient.CodeNotFound) {
			return aside(fmt.Errorf("delete the tag %q there: %w", key, err))
		}
	}
	a.sent.Tags = keys
	return nil
}

// datasetInput is a data set of a run, both ways.
type datasetInput struct {
	Tags    []pair  `json:"tags,omitempty"`
	Dataset dataset `json:"dataset"`
}

type dataset struct {
	Name       string `json:"name"`
	Digest     string `json:"digest"`
	SourceType string `json:"source_type"`
	Source     string `json:"source"`
	Schema     string `json:"schema,omitempty"`
	Profile    string `json:"profile,omitempty"`
}

// inputs brings data sets over.
func (a *attempt) inputs(ctx context.Context) error {
	var missing []datasetInput
	for _, in := range a.run.Inputs {
		there := slices.ContainsFunc(a.remote.Inputs.Datasets, func(d datasetInput) bool { return d.Dataset.Name == in.Name && d.Dataset.Digest == in.Digest })
		if there || a.sent.refused("dataset", in.Name, valueOf(in.Digest)) {
			continue
		}
		next := datasetInput{Dataset: dataset{Name: in.Name, Digest: in.Digest, SourceType: in.SourceType, Source: in.Source, Schema: in.Schema, Profile: in.Profile}}
		for key, value := range in.Tags {
			next.Tags = append(next.Tags, pair{key, value})
		}
		missing = append(missing, next)
	}
	// One at a time: each may be near the bound of a request.
	return parts(ctx, missing, 1, func(ctx context.Context, part []datasetInput) error {
		return a.post(ctx, "mlflow/runs/log-inputs", map[string]any{"run_id": a.remote.Info.ID, "datasets": part}, nil)
	}, func(d datasetInput, why error) error {
		return a.sent.refuse("dataset", d.Dataset.Name, valueOf(d.Dataset.Digest), why)
	})
}
