package gateway

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/serving"
)

// stepsOf are the steps of an ensemble in the protocol's terms; nil for other models.
func stepsOf(steps []serving.Step) []oip.Step {
	var out []oip.Step
	for _, s := range steps {
		version, err := strconv.ParseInt(s.Version, 10, 64)
		if err != nil || version < 1 { // the protocol's versions are numbers; this one says which is meant by having one only
			version = -1
		}
		out = append(out, oip.Step{Model: s.Model, Version: version, Inputs: s.Inputs, Outputs: s.Outputs})
	}
	return out
}

// Member implements oip.Composer: a model that runs as part of an ensemble.
func (b inference) Member(model, version string) (oip.Metadata, bool) {
	for _, status := range b.g.pool.Statuses() {
		lease, err := b.g.pool.Acquire(status.Key)
		if err != nil { // it is loading
			continue
		}
		steps, batching := lease.Steps(), lease.Batching()
		lease.Release()
		i := slices.IndexFunc(steps, func(s serving.Step) bool { return s.Model == model && (version == "" || s.Version == version) })
		if i < 0 {
			continue
		}
		m := steps[i].Member
		out := oip.Metadata{Name: model, Versions: []string{steps[i].Version}, Platform: m.Platform, Device: m.Device, Inputs: m.Inputs, Outputs: m.Outputs}
		if batching.MaxRows > 1 {
			out.MaxBatch = batching.MaxRows
		}
		return out, true
	}
	return oip.Metadata{}, false
}

// tally adds statistics of one model version up: as in Triton, what a member
// does in an ensemble is its model's doing.
type tally []oip.Statistics

func (t *tally) add(s oip.Statistics) {
	i := slices.IndexFunc(*t, func(known oip.Statistics) bool { return known.Name == s.Name && known.Version == s.Version })
	if i < 0 {
		*t = append(*t, s)
		return
	}
	sum := &(*t)[i]
	sum.LastInference = max(sum.LastInference, s.LastInference)
	sum.InferenceCount += s.InferenceCount
	sum.ExecutionCount += s.ExecutionCount
	a, b := &sum.Infer, s.Infer
	for _, d := range []struct {
		to   *oip.Duration
		from oip.Duration
	}{
		{&a.Success, b.Success}, {&a.Fail, b.Fail}, {&a.Queue, b.Queue}, {&a.ComputeInput, b.ComputeInput},
		{&a.ComputeInfer, b.ComputeInfer}, {&a.ComputeOutput, b.ComputeOutput}, {&a.CacheHit, b.CacheHit}, {&a.CacheMiss, b.CacheMiss},
	} {
		*d.to = plus(*d.to, d.from)
	}
	sum.Batches = batchesTogether(sum.Batches, s.Batches)
}

func plus(a, b oip.Duration) oip.Duration {
	return oip.Duration{Count: a.Count + b.Count, NS: a.NS + b.NS}
}

// batchesTogether adds batches of one size up; the sizes ascend.
func batchesTogether(a, b []oip.BatchStatistics) []oip.BatchStatistics {
	out := slices.Clone(a)
	for _, s := range b {
		i, known := slices.BinarySearchFunc(out, s.Size, func(e oip.BatchStatistics, size uint64) int { return cmp.Compare(e.Size, size) })
		if !known {
			out = slices.Insert(out, i, s)
			continue
		}
		e := &out[i]
		e.ComputeInput, e.ComputeInfer, e.ComputeOutput = plus(e.ComputeInput, s.ComputeInput), plus(e.ComputeInfer, s.ComputeInfer), plus(e.ComputeOutput, s.ComputeOutput)
	}
	return out
}
