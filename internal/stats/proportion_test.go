package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFisherGreaterAgainstSciPy(t *testing.T) {
	t.Parallel()
	type table struct {
		FailA, NA, FailB, NB int64
		P                    float64
	}
	for _, c := range golden[[]table](t, "fisher") {
		got, err := FisherGreater(c.FailA, c.NA, c.FailB, c.NB)
		require.NoError(t, err)
		requireClose(t, c.P, got, exact, fmt.Sprintf("%+v", c))
	}
}

func TestBinomialBoundsAgainstSciPy(t *testing.T) {
	t.Parallel()
	type bound struct {
		K, N                     int64
		Alpha, Lower, Upper      float64
		WilsonLower, WilsonUpper float64
	}
	for _, c := range golden[[]bound](t, "binomial") {
		name := fmt.Sprintf("%d of %d at %v", c.K, c.N, c.Alpha)
		lower, err := BinomialLower(c.K, c.N, c.Alpha)
		require.NoError(t, err, name)
		requireClose(t, c.Lower, lower, exact, name+": lower")
		upper, err := BinomialUpper(c.K, c.N, c.Alpha)
		require.NoError(t, err, name)
		requireClose(t, c.Upper, upper, exact, name+": upper")
		lo, hi, err := Wilson(c.K, c.N, c.Alpha)
		require.NoError(t, err, name)
		requireClose(t, c.WilsonLower, lo, exact, name+": wilson lower")
		requireClose(t, c.WilsonUpper, hi, exact, name+": wilson upper")
	}
}

func TestMcNemarAgainstStatsmodels(t *testing.T) {
	t.Parallel()
	type pair struct {
		B, C       int64
		P, Greater float64
	}
	for _, c := range golden[[]pair](t, "mcnemar") {
		name := fmt.Sprintf("%d against %d", c.B, c.C)
		got, err := McNemarExact(c.B, c.C)
		require.NoError(t, err, name)
		requireClose(t, c.P, got, exact, name)
		got, err = McNemarGreater(c.B, c.C)
		require.NoError(t, err, name)
		requireClose(t, c.Greater, got, exact, name+": one-sided")
	}
}

func TestProportionsReject(t *testing.T) {
	t.Parallel()
	for _, c := range [][4]int64{{-1, 5, 0, 5}, {6, 5, 0, 5}, {0, 5, -1, 5}, {0, 5, 6, 5}, {0, -1, 0, 5},
		{0, math.MaxInt64, 0, 1}, {0, maxCount, 0, maxCount}} {
		_, err := FisherGreater(c[0], c[1], c[2], c[3])
		require.Error(t, err, c)
	}
	for _, c := range []struct {
		k, n  int64
		alpha float64
	}{{-1, 5, 0.05}, {6, 5, 0.05}, {0, 0, 0.05}, {1, 5, 0}, {1, 5, 1}, {1, 5, math.NaN()}} {
		_, err := BinomialLower(c.k, c.n, c.alpha)
		require.Error(t, err, c)
		_, err = BinomialUpper(c.k, c.n, c.alpha)
		require.Error(t, err, c)
		_, _, err = Wilson(c.k, c.n, c.alpha)
		require.Error(t, err, c)
	}
	for _, c := range [][2]int64{{-1, 0}, {0, -1}, {math.MaxInt64, math.MaxInt64}} {
		_, err := McNemarExact(c[0], c[1])
		require.Error(t, err, c)
		_, err = McNemarGreater(c[0], c[1])
		require.Error(t, err, c)
	}
}

func TestAlphaSpend(t *testing.T) {
	t.Parallel()
	sum := 0.0
	for look := 1; look <= 100000; look++ {
		level := AlphaSpend(0.05, look)
		require.Positive(t, level)
		sum += level
	}
	require.Less(t, sum, 0.05)
	require.Greater(t, sum, 0.04999)
	require.Equal(t, 0.025, AlphaSpend(0.05, 1))
	require.Positive(t, AlphaSpend(0.05, math.MaxInt))
	for _, look := range []int{0, -1, math.MinInt} {
		require.Zero(t, AlphaSpend(0.05, look))
	}
	require.Zero(t, AlphaSpend(0, 1))
	require.Zero(t, AlphaSpend(math.NaN(), 1))
}

// Looking 200 times at equal arms must raise a false alarm in at most alpha of
// the rollouts. Fisher's test at a fixed level does not hold that.
func TestSequentialFisherHoldsItsLevel(t *testing.T) {
	t.Parallel()
	const rollouts, looks, alpha = 1000, 200, 0.05
	rng := rand.New(rand.NewPCG(14, 0))
	alarms, naive := 0, 0
	for range rollouts {
		spent, fixed := simulateRollout(t, rng, 0.05, 0.05, looks, alpha)
		alarms += int(indicator(spent))
		naive += int(indicator(fixed))
	}
	t.Logf("false alarms: spending %.3f, fixed level %.3f", float64(alarms)/rollouts, float64(naive)/rollouts)
	require.LessOrEqual(t, float64(alarms)/rollouts, alpha)
	require.Greater(t, float64(naive)/rollouts, 2*alpha, "the test must be able to fail")
}

// A canary that fails three times as often is caught within 50 looks.
func TestSequentialFisherFindsARegression(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(15, 0))
	for range 100 {
		spent, _ := simulateRollout(t, rng, 0.15, 0.05, 50, 0.05)
		require.True(t, spent)
	}
}

// simulateRollout adds 20 canary and 40 baseline requests per look and tests
// the totals; it reports whether the spending and the fixed level alarmed.
func simulateRollout(t *testing.T, rng *rand.Rand, canary, baseline float64, looks int, alpha float64) (spent, fixed bool) {
	var failA, nA, failB, nB int64
	for look := 1; look <= looks; look++ {
		failA, nA = failA+failures(rng, 20, canary), nA+20
		failB, nB = failB+failures(rng, 40, baseline), nB+40
		p, err := FisherGreater(failA, nA, failB, nB)
		require.NoError(t, err)
		spent = spent || p <= AlphaSpend(alpha, look)
		fixed = fixed || p <= alpha
	}
	return spent, fixed
}

func failures(rng *rand.Rand, trials int, rate float64) (n int64) {
	for range trials {
		if rng.Float64() < rate {
			n++
		}
	}
	return n
}

// Clopper-Pearson bounds cover at least 1-alpha at every true proportion, by
// exact summation over all outcomes.
func TestBinomialBoundsCover(t *testing.T) {
	t.Parallel()
	const n, alpha = 40, 0.05
	for _, p := range []float64{0.001, 0.03, 0.2, 0.5, 0.77, 0.99} {
		missLow, missHigh := 0.0, 0.0
		for k := range int64(n + 1) {
			mass := binomialPMF(float64(k), n, n*p, n*(1-p))
			lower, err := BinomialLower(k, n, alpha)
			require.NoError(t, err)
			upper, err := BinomialUpper(k, n, alpha)
			require.NoError(t, err)
			require.Less(t, lower, upper)
			missLow += mass * indicator(lower > p)
			missHigh += mass * indicator(upper < p)
		}
		require.LessOrEqual(t, missLow, alpha)
		require.LessOrEqual(t, missHigh, alpha)
	}
}
