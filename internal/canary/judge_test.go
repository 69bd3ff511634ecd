package canary

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/spec"
)

func defaults() spec.Analysis {
	return spec.Analysis{
		MinSamples: 50, Alpha: 0.05, MaxErrorRate: 0.1,
		MaxLatencyRatio: 2, LatencyQuantile: 0.95, LatencyFloorMS: 5,
	}
}

// arm has the given counts and one latency per good answer: latency(i) ms.
func arm(t testing.TB, version string, requests, errors int64, latency func(i int64) float64) ArmStats {
	t.Helper()
	s, err := NewLatency()
	require.NoError(t, err)
	for i := range requests - errors {
		require.NoError(t, s.Add(latency(i)))
	}
	return ArmStats{Version: version, Requests: requests, Errors: errors, Latency: s}
}

func constant(ms float64) func(int64) float64 { return func(int64) float64 { return ms } }

func TestJudge(t *testing.T) {
	t.Parallel()
	fast, slow := constant(2), constant(40)
	tests := map[string]struct {
		cand, base ArmStats
		first      bool
		look       int
		want       contract.AnalysisVerdict
		failed     []string
		reason     string
	}{
		"equal":                      {cand: arm(t, "2", 400, 2, fast), base: arm(t, "1", 4000, 20, fast), want: contract.AnalysisPass, reason: "no sign of harm: 2 errors in 400 answers of 2, 20 in 4000 of 1"},
		"too few":                    {cand: arm(t, "2", 12, 0, fast), base: arm(t, "1", 300, 0, fast), want: contract.AnalysisHold, reason: "12 of 50 answers of 2 in this step, no sign of harm so far"},
		"no traffic at all":          {want: contract.AnalysisHold, reason: "0 of 50 answers of the candidate in this step, no sign of harm so far"},
		"all wrong, few":             {cand: arm(t, "2", 6, 6, fast), base: arm(t, "1", 300, 0, fast), want: contract.AnalysisFail, failed: []string{CheckErrors, CheckErrorRate}},
		"more errors than before":    {cand: arm(t, "2", 300, 24, fast), base: arm(t, "1", 5000, 0, fast), want: contract.AnalysisFail, failed: []string{CheckErrors}},
		"errors, but production too": {cand: arm(t, "2", 300, 15, fast), base: arm(t, "1", 5000, 250, fast), want: contract.AnalysisPass},
		"both beyond the limit":      {cand: arm(t, "2", 300, 90, fast), base: arm(t, "1", 5000, 1500, fast), want: contract.AnalysisFail, failed: []string{CheckErrorRate}},
		"slow":                       {cand: arm(t, "2", 300, 0, slow), base: arm(t, "1", 5000, 0, fast), want: contract.AnalysisFail, failed: []string{CheckLatency}},
		"slow, too few to be sure":   {cand: arm(t, "2", 60, 0, constant(40)), base: arm(t, "1", 40, 0, fast), want: contract.AnalysisPass},
		"slower below the floor":     {cand: arm(t, "2", 300, 0, constant(4)), base: arm(t, "1", 5000, 0, constant(0.2)), want: contract.AnalysisPass},
		"slower within the ratio":    {cand: arm(t, "2", 300, 0, constant(39)), base: arm(t, "1", 5000, 0, constant(20)), want: contract.AnalysisPass},
		"production silent":          {cand: arm(t, "2", 300, 0, fast), want: contract.AnalysisPass, reason: "0 errors in 300 answers of 2; production answered nothing to compare with"},
		"first, no traffic":          {first: true, want: contract.AnalysisPass, reason: "no version in production to compare with; 0 errors in 0 answers of the candidate"},
		"first, broken":              {first: true, cand: arm(t, "1", 5, 5, fast), want: contract.AnalysisFail, failed: []string{CheckErrorRate}},
		"first, slow but alone":      {first: true, cand: arm(t, "1", 500, 0, slow), want: contract.AnalysisPass},
		"look below 1 never alarms":  {look: -1, cand: arm(t, "2", 300, 300, fast), base: arm(t, "1", 5000, 0, fast), want: contract.AnalysisPass},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			look := tc.look
			if look == 0 {
				look = 1
			}
			got := Judge(tc.cand, tc.base, tc.cand.Requests, contract.AnalyseInput{Look: look, Analysis: defaults(), Baseline: !tc.first})
			require.Equal(t, tc.want, got.Verdict, got.Reason)
			var failed []string
			for _, c := range got.Checks {
				require.NotEmpty(t, c.Detail)
				if c.Failed {
					failed = append(failed, c.Name)
					require.Contains(t, got.Reason, c.Detail)
				}
			}
			require.Equal(t, tc.failed, failed)
			if tc.reason != "" {
				require.Equal(t, tc.reason, got.Reason)
			}
		})
	}
}

func TestReasonNamesNumbers(t *testing.T) {
	t.Parallel()
	got := Judge(arm(t, "1.3.0", 300, 24, constant(2)), arm(t, "1.1.0", 5000, 5, constant(2)), 300,
		contract.AnalyseInput{Look: 2, Analysis: defaults(), Baseline: true})
	require.Equal(t, contract.AnalysisFail, got.Verdict)
	require.Contains(t, got.Reason, "8 % of the candidate (24 of 300) against 0.1 % of production (5 of 5000)")
	require.InDelta(t, 0.05/6, got.Alpha, 1e-12)
	require.InDelta(t, 2, got.Candidate.LatencyMS, 0.03)
}

func TestLatencyBoundsAllowForTheSketch(t *testing.T) {
	t.Parallel()
	a := arm(t, "v", 1000, 0, func(i int64) float64 { return float64(i + 1) })
	lower, ok := lowerBound(a, 0.5, 0.01)
	require.True(t, ok)
	upper, ok := upperBound(a, 0.5, 0.01)
	require.True(t, ok)
	require.Less(t, lower, 500.0)
	require.Greater(t, lower, 440.0)
	require.Greater(t, upper, 500.0)
	require.Less(t, upper, 560.0)
}

func FuzzJudge(f *testing.F) {
	f.Add(int64(100), int64(3), int64(1000), int64(2), 3.0, 2.0, 0.05, 0.1, 2.0, 0.95, 5.0, int64(50), 1, true)
	f.Add(int64(0), int64(0), int64(0), int64(0), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, int64(0), 0, false)
	f.Add(int64(-5), int64(9), int64(math.MaxInt64), int64(math.MinInt64), math.Inf(1), -1.0, math.NaN(), math.NaN(), math.Inf(1), math.NaN(), math.NaN(), int64(-1), math.MaxInt, true)
	f.Fuzz(func(t *testing.T, n1, e1, n2, e2 int64, l1, l2, alpha, rate, ratio, q, floor float64, minimum int64, look int, baseline bool) {
		cap := func(n int64) int64 { return n % 100_000 } // the exact test takes time in proportion to the counts
		one, two := ArmStats{Requests: cap(n1), Errors: e1}, ArmStats{Requests: cap(n2), Errors: e2}
		one.Latency, _ = NewLatency()
		two.Latency, _ = NewLatency()
		for range 200 {
			_ = one.Latency.Add(l1)
			_ = two.Latency.Add(l2)
		}
		got := Judge(one, two, one.Requests, contract.AnalyseInput{Look: look, Baseline: baseline, Analysis: spec.Analysis{
			Alpha: alpha, MaxErrorRate: rate, MaxLatencyRatio: ratio, LatencyQuantile: q, LatencyFloorMS: floor, MinSamples: minimum,
		}})
		_, err := json.Marshal(got)
		require.NoError(t, err)
		require.Contains(t, []contract.AnalysisVerdict{contract.AnalysisPass, contract.AnalysisHold, contract.AnalysisFail}, got.Verdict)
		require.NotEmpty(t, got.Reason)
	})
}
