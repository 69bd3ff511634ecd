package gateway

import (
	"slices"
	"time"

	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/serving"
)

// Metadata implements oip.Backend.
func (b inference) Metadata(model, version string) (oip.Metadata, error) {
	key, err := b.find(model, version)
	if err != nil {
		return oip.Metadata{}, err
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
	_, cached := lease.Cache()
	out := oip.Metadata{
		Name: key.Model, Versions: b.versions(key.Model), Platform: lease.Platform(), Inputs: lease.Inputs(), Outputs: lease.Outputs(),
		MaxDelayMicroseconds: uint64(batching.MaxDelay / time.Microsecond),     //nolint:gosec // not negative
		Instances:            int32(lease.Instances()), Device: lease.Device(), //nolint:gosec // at most maxInstances
		ResponseCache: cached,
		Unready:       b.g.prober.verdict(key),
	}
	if batching.MaxRows > 1 {
		out.MaxBatch = batching.MaxRows
	}
	for _, r := range lease.Resources() {
		out.Resources = append(out.Resources, oip.Resource{Name: r.Resource, Global: r.Shared, Count: r.Count})
	}
	out.Priority = lease.Priority()
	for _, n := range batching.Preferred {
		out.Preferred = append(out.Preferred, int32(n)) //nolint:gosec // at most maxBatchSize
	}
	out.Steps = stepsOf(lease.Steps())
	return out, nil
}

// find is the version that a request without a subject means.
func (b inference) find(model, version string) (serving.Key, error) {
	r, err := b.g.route(model)
	if err != nil || version != "" {
		return b.named(model, version)
	}
	if r.Stable == "" {
		return serving.Key{}, oip.Errorf(oip.Unavailable, "%s: no version of it is in production yet", r.Model)
	}
	return stableKey(r), nil
}

// versions are those of a model's route, production first, and those that an operator has loaded.
func (b inference) versions(model string) []string {
	out := []string{}
	add := func(v string) {
		if v != "" && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	r := b.g.table.Routes()[model]
	add(r.Stable)
	add(r.Canary)
	m, _ := b.g.control.model(model)
	for _, v := range m.versions {
		add(v.key.Version)
	}
	return out
}

// Statistics implements oip.Backend.
func (b inference) Statistics(model, version string) ([]oip.Statistics, error) {
	out := tally{}
	add := func(key serving.Key, c serving.Counts) {
		if (model == "" || key.Model == model) && (version == "" || key.Version == version) {
			out.add(statistics(key, c))
		}
	}
	for _, s := range b.g.pool.Statuses() {
		lease, err := b.g.pool.Acquire(s.Key)
		if err != nil { // it is loading: it has done nothing yet
			continue
		}
		add(s.Key, lease.Counts())
		for _, step := range lease.Steps() {
			add(serving.Key{Model: step.Model, Version: step.Version}, step.Counts)
		}
		lease.Release()
	}
	if model == "" || len(out) > 0 {
		return out, nil
	}
	if _, err := b.find(model, ""); err != nil && code(err) != oip.Unavailable {
		return nil, err
	}
	if version != "" {
		return nil, oip.Errorf(oip.NotFound, "Request for unknown model: '%s' version %s is not found", clip(model), clip(version))
	}
	return out, nil
}

func statistics(key serving.Key, c serving.Counts) oip.Statistics {
	d := func(t serving.Total) oip.Duration { return oip.Duration{Count: t.Count, NS: uint64(t.Time)} } //nolint:gosec // not negative
	phase := func(p serving.Phases, took time.Duration) oip.Duration {
		return d(serving.Total{Count: p.Count, Time: took})
	}
	out := oip.Statistics{
		Name: key.Model, Version: key.Version, InferenceCount: c.Rows, ExecutionCount: c.Batches, Responses: map[string]struct{}{},
		Memory: []struct{}{}, Batches: []oip.BatchStatistics{},
		Infer: oip.InferStatistics{
			Success: d(c.Success), Fail: d(c.Fail), Queue: d(c.Queue), CacheHit: d(c.CacheHits), CacheMiss: d(c.CacheMisses),
			ComputeInput: phase(c.Compute, c.Compute.Input), ComputeInfer: phase(c.Compute, c.Compute.Infer), ComputeOutput: phase(c.Compute, c.Compute.Output),
		},
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
		ran := c.Sizes[size]
		out.Batches = append(out.Batches, oip.BatchStatistics{
			Size: uint64(size), ComputeInput: phase(ran, ran.Input), ComputeInfer: phase(ran, ran.Infer), ComputeOutput: phase(ran, ran.Output), //nolint:gosec // not negative
		})
	}
	return out
}
