package canary

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/stats"
)

// traffic adds n requests with the given error probability and latencies that
// are log-normal, as service times are.
func traffic(t testing.TB, r *rand.Rand, a *ArmStats, n int, failure, medianMS float64) {
	t.Helper()
	for range n {
		a.Requests++
		if r.Float64() < failure {
			a.Errors++
			continue
		}
		require.NoError(t, a.Latency.Add(medianMS*exp(0.5*r.NormFloat64())))
	}
}

func arms(t testing.TB) (cand, base ArmStats) {
	t.Helper()
	c, err := NewLatency()
	require.NoError(t, err)
	b, err := NewLatency()
	require.NoError(t, err)
	return ArmStats{Version: "2", Latency: c}, ArmStats{Version: "1", Latency: b}
}

// Peeking a hundred times must not raise the chance of rolling back a
// candidate that is as good as production above alpha.
func TestEqualArmsAreKept(t *testing.T) {
	t.Parallel()
	const runs, looks = 400, 100
	limits := defaults()
	limits.MaxLatencyRatio, limits.LatencyFloorMS = 1, 0 // the hardest null: any difference counts
	r := rand.New(rand.NewPCG(1, 2))
	rolledBack := int64(0)
	for range runs {
		cand, base := arms(t)
		for look := 1; look <= looks; look++ {
			traffic(t, r, &cand, 10, 0.05, 20)
			traffic(t, r, &base, 40, 0.05, 20)
			got := Judge(cand, base, cand.Requests, contract.AnalyseInput{Look: look, Analysis: limits, Baseline: true})
			if got.Verdict == contract.AnalysisFail {
				rolledBack++
				break
			}
		}
	}
	lower, err := stats.BinomialLower(rolledBack, runs, 0.001)
	require.NoError(t, err)
	t.Logf("%d of %d equal candidates rolled back", rolledBack, runs)
	require.LessOrEqual(t, lower, limits.Alpha)
}

// The demo's case: 200 requests a second, 5 % of them to a candidate that
// fails for 8 % of the rows, a look every second.
func TestFailingCandidateIsCaught(t *testing.T) {
	t.Parallel()
	const runs = 50
	r := rand.New(rand.NewPCG(3, 4))
	worst, total := int64(0), int64(0)
	for range runs {
		cand, base := arms(t)
		for look := 1; ; look++ {
			require.Less(t, look, 100, "not caught in 100 s")
			traffic(t, r, &cand, 10, 0.08, 2)
			traffic(t, r, &base, 190, 0, 2)
			if Judge(cand, base, cand.Requests, contract.AnalyseInput{Look: look, Analysis: defaults(), Baseline: true}).Verdict == contract.AnalysisFail {
				break
			}
		}
		worst = max(worst, cand.Requests)
		total += cand.Requests
	}
	t.Logf("caught after %d candidate requests on average, %d at worst", total/runs, worst)
	require.LessOrEqual(t, worst, int64(500))
}

func TestSlowCandidateIsCaught(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	cand, base := arms(t)
	traffic(t, r, &cand, 400, 0, 30)
	traffic(t, r, &base, 4000, 0, 6)
	got := Judge(cand, base, cand.Requests, contract.AnalyseInput{Look: 5, Analysis: defaults(), Baseline: true})
	require.Equal(t, contract.AnalysisFail, got.Verdict)
	require.Contains(t, got.Reason, "latency: the 0.95 quantile")
}
