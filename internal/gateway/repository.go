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
	out := oip.Metadata{
		Name: key.Model, Versions: b.versions(key.Model), Platform: lease.Platform(), Inputs: lease.Inputs(), Outputs: lease.Outputs(),
		MaxDelayMicroseconds: uint64(batching.MaxDelay / time.Microsecond),     //nolint:gosec // not negative
		Instances:            int32(lease.Instances()), Device: lease.Device(), //nolint:gosec // at most maxInstances
		Unready: b.g.prober.verdict(key),
	}
	if batching.MaxRows > 1 {
		out.MaxBatch = batching.MaxRows
	}
	for _, n := range batching.Preferred {
		out.Preferred = append(out.Preferred, int32(n)) //nolint:gosec // at most maxBatchSize
	}
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
	if model != "" {
		if _, err := b.find(model, ""); err != nil && code(err) != oip.Unavailable {
			return nil, err
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
	// Input and output are not measured apart from the run, but are counted with it: perf_analyzer wants the counts to be equal.
	counted := func(t serving.Total) oip.Duration { return oip.Duration{Count: t.Count} }
	out := oip.Statistics{
		Name: key.Model, Version: key.Version, InferenceCount: c.Rows, ExecutionCount: c.Batches, Responses: map[string]struct{}{},
		Infer: oip.InferStatistics{Success: d(c.Success), Fail: d(c.Fail), Queue: d(c.Queue), ComputeInput: counted(c.Compute), ComputeInfer: d(c.Compute), ComputeOutput: counted(c.Compute)}, Memory: []struct{}{},
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
		ran := c.Sizes[size]
		out.Batches = append(out.Batches, oip.BatchStatistics{Size: uint64(size), ComputeInput: counted(ran), ComputeInfer: d(ran), ComputeOutput: counted(ran)}) //nolint:gosec // not negative
	}
	return out
}
