package gateway

import (
	"context"
	"slices"
	"time"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/serving"
)

// Metadata implements oip.Backend.
func (b inference) Metadata(model, version string) (oip.Metadata, error) {
	r, err := b.g.route(model)
	if err != nil {
		return oip.Metadata{}, b.unknown(model, err)
	}
	key := stableKey(r)
	if version != "" {
		if r, key, err = b.named(model, version); err != nil {
			return oip.Metadata{}, err
		}
	} else if r.Stable == "" {
		return oip.Metadata{}, oip.Errorf(oip.Unavailable, "%s: no version of it is in production yet", r.Model)
	}
	lease, err := b.g.pool.Acquire(key)
	if err != nil {
		return oip.Metadata{}, refusal(err)
	}
	defer lease.Release()
	if p, ok := lease.Process(); ok && p.Down != "" {
		return oip.Metadata{}, oip.Errorf(oip.Unavailable, "%s: %s", key, p.Down)
	}
	batching := lease.Batching()
	out := oip.Metadata{
		Name: r.Model, Versions: versions(r), Platform: lease.Platform(), Inputs: lease.Inputs(), Outputs: lease.Outputs(),
		MaxDelayMicroseconds: uint64(batching.MaxDelay / time.Microsecond), //nolint:gosec // not negative
	}
	if batching.MaxRows > 1 {
		out.MaxBatch = batching.MaxRows
	}
	return out, nil
}

// versions are those of a route, production first.
func versions(r catalog.Route) []string {
	out := []string{}
	for _, v := range []string{r.Stable, r.Canary} {
		if v != "" && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// Index implements oip.Backend.
func (b inference) Index() []oip.Entry {
	states := map[serving.State]string{serving.Ready: "READY", serving.Loading: "LOADING", serving.Failed: "UNAVAILABLE"}
	out := []oip.Entry{}
	for _, s := range b.g.pool.Statuses() {
		out = append(out, oip.Entry{Name: s.Model, Version: s.Version, State: states[s.State], Reason: clipTo(s.Error, 500)})
	}
	return out
}

// Load implements oip.Backend. What is served is decided by releases: a model
// that has a route is there already.
func (b inference) Load(_ context.Context, model string) error {
	if _, err := b.Metadata(model, ""); err != nil {
		return oip.Errorf(oip.Invalid, "failed to load '%s': %w; start a release to have a model served", clip(model), err)
	}
	return nil
}

// Unload implements oip.Backend.
func (b inference) Unload(_ context.Context, model string) error {
	if _, err := b.g.route(model); err != nil {
		return b.unknown(model, err)
	}
	return oip.Errorf(oip.Unsupported, "'%s' is in production: what is served is decided by releases, not by clients", clip(model))
}

// Statistics implements oip.Backend.
func (b inference) Statistics(model, version string) ([]oip.Statistics, error) {
	if model != "" {
		if _, err := b.g.route(model); err != nil {
			return nil, b.unknown(model, err)
		}
	}
	out := []oip.Statistics{}
	for _, s := range b.g.pool.Statuses() {
		if (model != "" && s.Model != model) || (version != "" && s.Version != version) {
			continue
		}
		lease, err := b.g.pool.Acquire(s.Key)
		if err != nil { // it is loading: it has done nothing yet
			continue
		}
		out = append(out, statistics(s.Key, lease.Counts()))
		lease.Release()
	}
	if version != "" && len(out) == 0 {
		return nil, oip.Errorf(oip.NotFound, "Request for unknown model: '%s' version %s is not found", clip(model), clip(version))
	}
	return out, nil
}

func statistics(key serving.Key, c serving.Counts) oip.Statistics {
	d := func(t serving.Total) oip.Duration { return oip.Duration{Count: t.Count, NS: uint64(t.Time)} } //nolint:gosec // not negative
	out := oip.Statistics{
		Name: key.Model, Version: key.Version, InferenceCount: c.Rows, ExecutionCount: c.Batches, Responses: map[string]struct{}{},
		Infer: oip.InferStatistics{Success: d(c.Success), Fail: d(c.Fail), Queue: d(c.Queue), ComputeInfer: d(c.Compute)}, Memory: []struct{}{},
		Batches: []oip.BatchStatistics{},
	}
	if !c.Last.IsZero() {
		out.LastInference = uint64(c.Last.UnixMilli()) //nolint:gosec // after 1970
	}
	sizes := make([]int64, 0, len(c.Sizes))
	for size := range c.Sizes {
		sizes = append(sizes, size)
	}
	slices.Sort(sizes)
	for _, size := range sizes {
		out.Batches = append(out.Batches, oip.BatchStatistics{Size: uint64(size), ComputeInfer: d(c.Sizes[size])}) //nolint:gosec // not negative
	}
	return out
}
