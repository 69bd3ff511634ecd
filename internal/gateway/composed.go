package gateway

import (
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

// tally is what model versions have done, by themselves and as parts of
// ensembles: as in Triton, a member's runs are its model's.
type tally struct {
	order  []serving.Key // without digests
	counts map[serving.Key]serving.Counts
}

func (t *tally) add(model, version string, c serving.Counts) {
	key := serving.Key{Model: model, Version: version}
	before, known := t.counts[key]
	if !known {
		t.order = append(t.order, key)
	}
	t.counts[key] = before.Plus(c)
}

// wanted are the statistics of a model and a version; empty: of all.
func (t *tally) wanted(model, version string) []oip.Statistics {
	out := []oip.Statistics{}
	for _, key := range t.order {
		if (model == "" || key.Model == model) && (version == "" || key.Version == version) {
			out = append(out, statistics(key, t.counts[key]))
		}
	}
	return out
}
