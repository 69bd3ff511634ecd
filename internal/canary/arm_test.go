package canary

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/spec"
)

func exp(x float64) float64 { return math.Exp(x) }

func TestMergeTraffic(t *testing.T) {
	t.Parallel()
	one, two := arm(t, "", 100, 0, constant(10)), arm(t, "", 300, 0, constant(30))
	rows := []Traffic{
		{OK: 100, Errors: 4, Sketch: EncodeLatency(one.Latency)},
		{OK: 300, Errors: 1, Sketch: EncodeLatency(two.Latency)},
		{Errors: 2},
	}
	got, err := MergeTraffic("1.0.0", rows)
	require.NoError(t, err)
	require.Equal(t, int64(407), got.Requests)
	require.Equal(t, int64(7), got.Errors)
	require.Equal(t, int64(400), got.timed())
	require.InEpsilon(t, 10, got.quantile(0.25), LatencyAccuracy+1e-9)
	require.InEpsilon(t, 30, got.quantile(0.26), LatencyAccuracy+1e-9)

	none, err := MergeTraffic("1.0.0", nil)
	require.NoError(t, err)
	require.Zero(t, none.Requests)
	require.Zero(t, none.quantile(0.95))
}

func TestMergeTrafficRefusesContradictions(t *testing.T) {
	t.Parallel()
	sketch := EncodeLatency(arm(t, "", 10, 0, constant(1)).Latency)
	for name, row := range map[string]Traffic{
		"more answers than latencies": {OK: 11, Sketch: sketch},
		"no latencies":                {OK: 1},
		"negative":                    {OK: -1},
		"damaged":                     {OK: 10, Sketch: sketch[:len(sketch)/2]},
		"not a sketch":                {OK: 10, Sketch: []byte("hello")},
	} {
		_, err := MergeTraffic("1.0.0", []Traffic{row})
		require.ErrorContains(t, err, "traffic row 0 of 1.0.0", name)
	}
}

func TestRanksAreExact(t *testing.T) {
	t.Parallel()
	a := arm(t, "", 200, 0, func(i int64) float64 { return exp(float64(i) / 10) })
	for r := int64(1); r <= 200; r++ {
		v, ok := atRank(a.Latency, r, 200)
		require.True(t, ok)
		require.InEpsilon(t, exp(float64(r-1)/10), v, LatencyAccuracy+1e-9, "rank %d", r)
	}
	for _, r := range []int64{0, 201} {
		_, ok := atRank(a.Latency, r, 200)
		require.False(t, ok)
	}
}

func TestSteps(t *testing.T) {
	t.Parallel()
	step := func(weight float64, d time.Duration) spec.Step {
		return spec.Step{Weight: weight, Duration: spec.Duration(d)}
	}
	list := spec.Canary{Steps: []spec.Step{step(5, time.Second), step(100, 3*time.Second)}}
	require.Equal(t, list.Steps, Steps(list, true))
	require.Equal(t, []spec.Step{step(100, 3*time.Second)}, Steps(list, false))
	short := spec.Canary{Steps: []spec.Step{step(5, time.Second), step(50, 2*time.Second)}}
	require.Equal(t, []spec.Step{step(5, time.Second), step(50, 2*time.Second), step(100, 2*time.Second)}, Steps(short, true))
	require.Equal(t, []spec.Step{step(100, time.Minute)}, Steps(spec.Canary{}, true))
}

func FuzzDecodeLatency(f *testing.F) {
	f.Add([]byte{})
	f.Add(EncodeLatency(arm(f, "", 50, 0, func(i int64) float64 { return float64(i) }).Latency))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := DecodeLatency(b)
		if err != nil {
			return
		}
		again, err := DecodeLatency(EncodeLatency(s))
		require.NoError(t, err)
		require.Equal(t, s.GetCount(), again.GetCount())
	})
}
