package monitor

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/spec"
	"github.com/slipway-ml/slipway/internal/stats"
)

func config() spec.Monitor {
	return spec.Monitor{MinSamples: 100, KSAlpha: 0.05, PSILimit: 0.2, PSIBins: 10, Window: 1000}
}

func normal(r *rand.Rand, n int, mean, std float64) Column {
	x := make([]float64, n)
	for i := range x {
		x[i] = mean + std*r.NormFloat64()
	}
	return Column{Numbers: x}
}

func words(r *rand.Rand, n int, weights map[string]float64) Column {
	out := make([]string, n)
	for i := range out {
		u := r.Float64()
		for _, w := range []string{"a", "b", "c", "d"} {
			if u -= weights[w]; u < 0 {
				out[i] = w
				break
			}
		}
	}
	return Column{Strings: out}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	even := map[string]float64{"a": 0.5, "b": 0.3, "c": 0.2}
	ref := map[string]Column{"amount": normal(r, 700, 3000, 900), "age": normal(r, 700, 35, 10), "purpose": words(r, 700, even)}
	tests := map[string]struct {
		cur     map[string]Column
		state   string
		drifted []string
	}{
		"the same law":      {cur: map[string]Column{"amount": normal(r, 500, 3000, 900), "age": normal(r, 500, 35, 10), "purpose": words(r, 500, even)}, state: contract.MonitorOK},
		"a shifted mean":    {cur: map[string]Column{"amount": normal(r, 500, 4500, 900), "age": normal(r, 500, 35, 10), "purpose": words(r, 500, even)}, state: contract.MonitorDrift, drifted: []string{"amount"}},
		"another mix":       {cur: map[string]Column{"amount": normal(r, 500, 3000, 900), "purpose": words(r, 500, map[string]float64{"a": 0.1, "b": 0.3, "c": 0.6})}, state: contract.MonitorDrift, drifted: []string{"purpose"}},
		"an unknown value":  {cur: map[string]Column{"amount": normal(r, 500, 3000, 900), "purpose": words(r, 500, map[string]float64{"a": 0.3, "b": 0.2, "c": 0.1, "d": 0.4})}, state: contract.MonitorDrift, drifted: []string{"purpose"}},
		"too few":           {cur: map[string]Column{"amount": normal(r, 99, 9000, 900)}, state: contract.MonitorTooFew},
		"nothing logged":    {cur: map[string]Column{"other": normal(r, 500, 3000, 900)}, state: contract.MonitorOK},
		"all missing":       {cur: map[string]Column{"amount": {Numbers: nans(300)}}, state: contract.MonitorDrift, drifted: []string{"amount"}},
		"text in a number":  {cur: map[string]Column{"amount": {Strings: repeat("n/a", 300)}}, state: contract.MonitorDrift, drifted: []string{"amount"}},
		"numbers for words": {cur: map[string]Column{"purpose": normal(r, 300, 0, 1)}, state: contract.MonitorDrift, drifted: []string{"purpose"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Check(ref, tc.cur, config())
			require.NoError(t, err)
			require.Equal(t, tc.state, got.State, got.Summary)
			require.Equal(t, tc.drifted, got.Drifted)
			require.NotEmpty(t, got.Summary)
			_, err = json.Marshal(got)
			require.NoError(t, err)
		})
	}
	_, err := Check(nil, map[string]Column{"a": normal(r, 500, 0, 1)}, config())
	require.ErrorIs(t, err, ErrNoReference)
}

func nans(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = math.NaN()
	}
	return out
}

func repeat(s string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = s
	}
	return out
}

func TestFeatureStatistics(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(2, 2))
	got, err := Check(map[string]Column{"x": normal(r, 500, 0, 1), "skipped": normal(r, 500, 0, 1)}, map[string]Column{"x": normal(r, 400, 2, 3), "new": normal(r, 400, 0, 1)}, config())
	require.NoError(t, err)
	require.Equal(t, map[string]string{"skipped": "not logged", "new": "not in the reference"}, got.Skipped)
	require.Len(t, got.Features, 1)
	f := got.Features[0]
	require.True(t, f.Drifted)
	require.True(t, f.KS.Drifted)
	require.True(t, f.PSI.Drifted)
	require.InDelta(t, 0, f.Baseline.Mean, 0.2)
	require.InDelta(t, 2, f.Current.Mean, 0.5)
	require.InDelta(t, 3, f.Current.Std, 0.5)
	require.Equal(t, f.KS.Score, f.Score)
	require.Contains(t, got.Summary, "drift in 1 of 1 features over 400 predictions: x (PSI ")
}

// Twenty features of the same law, watched for many windows: the share of
// windows called drift must stay below the level that the package promises.
func TestFalseAlarms(t *testing.T) {
	t.Parallel()
	const runs, features = 150, 20
	r := rand.New(rand.NewPCG(7, 7))
	cfg := config()
	alarms := int64(0)
	for range runs {
		ref, cur := map[string]Column{}, map[string]Column{}
		for i := range features {
			name := fmt.Sprintf("f%02d", i)
			if i%4 == 0 {
				mix := map[string]float64{"a": 0.6, "b": 0.39, "c": 0.01}
				ref[name], cur[name] = words(r, 300, mix), words(r, 120, mix)
				continue
			}
			ref[name], cur[name] = normal(r, 300, 0, 1), normal(r, 120, 0, 1)
		}
		got, err := Check(ref, cur, cfg)
		require.NoError(t, err)
		if got.State == contract.MonitorDrift {
			alarms++
		}
	}
	lower, err := stats.BinomialLower(alarms, runs, 0.001)
	require.NoError(t, err)
	t.Logf("%d of %d quiet windows called drift", alarms, runs)
	require.LessOrEqual(t, lower, 2*cfg.KSAlpha)
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4}, []byte("aabbc"), 10, 0.05, 0.2)
	f.Add([]byte{}, []byte{255, 254, 0}, -1, math.NaN(), math.Inf(1))
	f.Fuzz(func(t *testing.T, a, b []byte, bins int, alpha, limit float64) {
		cfg := spec.Monitor{MinSamples: 1, PSIBins: bins % 50, KSAlpha: alpha, PSILimit: limit}
		ref := map[string]Column{"n": {Numbers: floats(a)}, "s": {Strings: letters(a)}, "m": {Numbers: floats(a)}}
		cur := map[string]Column{"n": {Numbers: floats(b)}, "s": {Strings: letters(b)}, "m": {Strings: letters(b)}}
		got, err := Check(ref, cur, cfg)
		if err != nil {
			require.ErrorIs(t, err, ErrNoReference)
			return
		}
		report := Report{Model: "m", Version: "1", Result: got}
		_, err = report.JSON()
		require.NoError(t, err)
		_, err = report.HTML()
		require.NoError(t, err)
	})
}

func floats(b []byte) []float64 {
	out := make([]float64, len(b))
	for i, v := range b {
		switch v {
		case 255:
			out[i] = math.NaN()
		case 254:
			out[i] = math.Inf(1)
		case 253:
			out[i] = math.MaxFloat64
		case 252:
			out[i] = -math.MaxFloat64
		default:
			out[i] = float64(v)
		}
	}
	return out
}

func letters(b []byte) []string {
	out := make([]string, len(b))
	for i, v := range b {
		out[i] = string([]byte{v})
	}
	return out
}
