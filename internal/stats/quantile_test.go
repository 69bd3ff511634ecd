package stats

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestQuantileAndDescribeAgainstNumPy(t *testing.T) {
	t.Parallel()
	type sample struct {
		X, Orders, Quantiles []float64
		Summary              Summary
	}
	for i, c := range golden[[]sample](t, "quantile") {
		for j, q := range c.Orders {
			got, err := Quantile(c.X, q)
			require.NoError(t, err)
			if !finite(c.Quantiles[j]) {
				continue
			}
			requireClose(t, c.Quantiles[j], got, exact, fmt.Sprintf("sample %d, order %v", i, q))
		}
		got, want := Describe(c.X), c.Summary
		require.Equal(t, want.N, got.N)
		require.Zero(t, got.Missing)
		require.Zero(t, got.Infinite)
		for what, v := range map[string][2]float64{
			"mean": {want.Mean, got.Mean}, "std": {want.Std, got.Std}, "min": {want.Min, got.Min},
			"p25": {want.P25, got.P25}, "median": {want.Median, got.Median}, "p75": {want.P75, got.P75}, "max": {want.Max, got.Max},
		} {
			requireClose(t, v[0], v[1], exact, fmt.Sprintf("sample %d, %s", i, what))
		}
	}
}

func TestDescribeOddValues(t *testing.T) {
	t.Parallel()
	nan, inf := math.NaN(), math.Inf(1)
	require.Equal(t, Summary{}, Describe(nil))
	require.Equal(t, Summary{Missing: 2}, Describe([]float64{nan, nan}))
	x := []float64{3, nan, inf, 1, -inf}
	got := Describe(x)
	require.Equal(t, Summary{N: 2, Missing: 1, Infinite: 2, Mean: 2, Std: math.Sqrt2, Min: 1, P25: 1.5, Median: 2, P75: 2.5, Max: 3}, got)
	require.Equal(t, 3.0, x[0])
	require.Equal(t, Summary{N: 1}, Describe([]float64{0}))
	_, err := json.Marshal(Describe([]float64{math.MaxFloat64, -math.MaxFloat64}))
	require.NoError(t, err)
}

func TestQuantileRejects(t *testing.T) {
	t.Parallel()
	for _, q := range []float64{-0.1, 1.1, math.NaN()} {
		_, err := Quantile([]float64{1}, q)
		require.Error(t, err)
	}
	_, err := Quantile(nil, 0.5)
	require.ErrorIs(t, err, ErrNoData)
	_, err = Quantile([]float64{math.NaN()}, 0.5)
	require.ErrorContains(t, err, "NaN")
	_, err = Quantile([]float64{math.Inf(-1), math.Inf(1)}, 0.5)
	require.ErrorContains(t, err, "no interpolation")
	got, err := Quantile([]float64{math.Inf(-1), 0, math.Inf(1)}, 0.75)
	require.NoError(t, err)
	require.Equal(t, math.Inf(1), got)
}

func TestQuantileRanksAgainstSciPy(t *testing.T) {
	t.Parallel()
	type ranks struct {
		N        int64
		Q, Alpha float64
		Lo, Hi   int64
	}
	for _, c := range golden[[]ranks](t, "ranks") {
		lo, hi, err := QuantileRanks(c.N, c.Q, c.Alpha)
		require.NoError(t, err)
		require.Equal(t, []int64{c.Lo, c.Hi}, []int64{lo, hi}, "%+v", c)
	}
}

func TestQuantileRanksKnownSizes(t *testing.T) {
	t.Parallel()
	// 59 samples are the fewest whose maximum bounds the 95th percentile at
	// 95 %: 0.95^59 < 0.05 (Wilks 1941).
	_, hi, err := QuantileRanks(58, 0.95, 0.05)
	require.NoError(t, err)
	require.EqualValues(t, 59, hi, "unbounded: n+1")
	_, hi, err = QuantileRanks(59, 0.95, 0.05)
	require.NoError(t, err)
	require.EqualValues(t, 59, hi)
	for _, c := range []struct {
		n        int64
		q, alpha float64
	}{{0, 0.5, 0.05}, {-1, 0.5, 0.05}, {9, 0, 0.05}, {9, 1, 0.05}, {9, math.NaN(), 0.05}, {9, 0.5, 0}, {9, 0.5, 1}} {
		_, _, err := QuantileRanks(c.n, c.q, c.alpha)
		require.Error(t, err, c)
	}
}

func TestHolmAgainstStatsmodels(t *testing.T) {
	t.Parallel()
	type set struct{ P, Adjusted []float64 }
	for _, c := range golden[[]set](t, "holm") {
		got, err := Holm(c.P)
		require.NoError(t, err)
		require.InDeltaSlice(t, c.Adjusted, got, 1e-15)
	}
	got, err := Holm(nil)
	require.NoError(t, err)
	require.Empty(t, got)
	for _, p := range []float64{math.NaN(), -0.1, 1.1, math.Inf(1)} {
		_, err := Holm([]float64{0.5, p})
		require.ErrorContains(t, err, "p-value 1")
	}
}
