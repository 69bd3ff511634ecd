package gateway

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/serving"
)

// What a version does by itself and what it does in ensembles are told as one.
func TestTally(t *testing.T) {
	t.Parallel()
	d := func(count, ns uint64) oip.Duration { return oip.Duration{Count: count, NS: ns} }
	one := oip.Statistics{
		Name: "m", Version: "1", LastInference: 5, InferenceCount: 10, ExecutionCount: 4, Infer: oip.InferStatistics{Success: d(4, 40), ComputeInfer: d(4, 30)},
		Batches: []oip.BatchStatistics{{Size: 1, ComputeInfer: d(2, 10)}, {Size: 4, ComputeInfer: d(2, 20)}},
	}
	other := oip.Statistics{
		Name: "m", Version: "1", LastInference: 3, InferenceCount: 6, ExecutionCount: 3, Infer: oip.InferStatistics{Success: d(3, 9), Fail: d(1, 2), ComputeInfer: d(3, 9)},
		Batches: []oip.BatchStatistics{{Size: 2, ComputeInfer: d(2, 6)}, {Size: 4, ComputeInfer: d(1, 3)}},
	}
	var all tally
	all.add(one)
	all.add(oip.Statistics{Name: "m", Version: "2"})
	all.add(other)
	require.Len(t, all, 2)
	require.Equal(t, oip.Statistics{
		Name: "m", Version: "1", LastInference: 5, InferenceCount: 16, ExecutionCount: 7, Infer: oip.InferStatistics{Success: d(7, 49), Fail: d(1, 2), ComputeInfer: d(7, 39)},
		Batches: []oip.BatchStatistics{{Size: 1, ComputeInfer: d(2, 10)}, {Size: 2, ComputeInfer: d(2, 6)}, {Size: 4, ComputeInfer: d(3, 23)}},
	}, all[0])
	require.EqualValues(t, 2, one.Batches[1].ComputeInfer.Count, "what was added is not changed")
}

func TestStepsInTheProtocol(t *testing.T) {
	t.Parallel()
	require.Nil(t, stepsOf(nil))
	in := map[string]string{"x": "pixels"}
	require.Equal(t, []oip.Step{{Model: "a", Version: -1, Inputs: in}, {Model: "b", Version: 12}},
		stepsOf([]serving.Step{{Model: "a", Version: "1.0.0", Inputs: in}, {Model: "b", Version: "12"}}))
}
