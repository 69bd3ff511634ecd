package modeltest

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNormalityPlotAgainstSciPy(t *testing.T) {
	t.Parallel()
	c := golden[struct{ X, Normal, Residual []float64 }](t, "normality")
	r := residualsOf(c.X, make([]float64, len(c.X)))
	require.Len(t, r.Quantiles, len(c.X))
	for i, q := range r.Quantiles {
		require.InDelta(t, c.Normal[i], q.Normal, 1e-5)
		require.InDelta(t, c.Residual[i], q.Residual, 1e-5*max(1, math.Abs(q.Residual)))
	}
}

// Of many rows the plots show some: all predictions, the largest residuals and both ends.
func TestResidualsOfManyRows(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	const n = 20_000
	truth, pred := make([]float64, n), make([]float64, n)
	for i := range n {
		pred[i] = 10 * random.Float64()
		truth[i] = pred[i] + random.NormFloat64()
	}
	truth[7] = pred[7] + 50
	r := residualsOf(truth, pred)
	require.LessOrEqual(t, len(r.Points), mostResiduals+largestOff)
	require.GreaterOrEqual(t, len(r.Points), mostResiduals)
	require.True(t, slices.IsSortedFunc(r.Points, func(a, b ResidualPoint) int { return int(math.Copysign(1, a.Predicted-b.Predicted+1e-9)) }))
	require.InDelta(t, 0, r.Points[0].Predicted, 0.05)
	require.InDelta(t, 10, r.Points[len(r.Points)-1].Predicted, 0.1)
	require.True(t, slices.ContainsFunc(r.Points, func(p ResidualPoint) bool { return math.Abs(p.Residual-50) < 0.2 }))
	require.LessOrEqual(t, len(r.Quantiles), mostQuantiles)
	require.GreaterOrEqual(t, len(r.Quantiles), mostQuantiles*9/10)
	require.InDelta(t, r.Quantiles[50].Normal, r.Quantiles[50].Residual, 0.15, "normal but for one")
	require.Greater(t, r.Quantiles[len(r.Quantiles)-1].Residual, 40.)
	require.Contains(t, string(drawResiduals(r)), "1 lie beyond 6 standard deviations")
	require.Contains(t, string(drawNormality(r)), `aria-label="quantiles of the residuals`)
}

func TestNoResiduals(t *testing.T) {
	t.Parallel()
	require.Nil(t, residualsOf([]float64{1, 2}, []float64{1, 3}), "two rows")
	require.Nil(t, residualsOf([]float64{1, 2, 3}, []float64{1, 2, 3}), "no errors")
	require.Nil(t, residualsOf([]float64{1e308, -1e308, 0}, []float64{-1e308, 1e308, 0}), "not finite")
	for name, pred := range map[string][]float64{"constant": {5, 5, 5, 5}, "huge": {1e308, -1e308, 0, 1}} {
		r := residualsOf([]float64{5, 6, 7, 9}, pred)
		if r == nil {
			continue
		}
		_, err := json.Marshal(r)
		require.NoError(t, err, name)
		require.NotContains(t, string(drawResiduals(r))+string(drawNormality(r)), "NaN", name)
	}
}
