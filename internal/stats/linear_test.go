package stats

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"
)

func dense(rows [][]float64) *mat.Dense {
	out := mat.NewDense(len(rows), len(rows[0]), nil)
	for i, row := range rows {
		out.SetRow(i, row)
	}
	return out
}

func TestRidgeAgainstScikitLearn(t *testing.T) {
	t.Parallel()
	for _, c := range qualityGolden[[]struct {
		Name               string
		X                  [][]float64
		Y                  []float64
		Penalty, Intercept float64
		Weights            []float64
	}](t, "ridge") {
		got, err := FitRidge(dense(c.X), c.Y, c.Penalty)
		require.NoError(t, err, c.Name)
		require.InDelta(t, c.Intercept, got.Intercepts[0], exact, c.Name)
		require.InDeltaSlice(t, c.Weights, got.Weights[0], exact, c.Name)
	}
}

func TestLogisticAgainstScikitLearn(t *testing.T) {
	t.Parallel()
	for _, c := range qualityGolden[[]struct {
		Name       string
		X          [][]float64
		Y          []int
		Classes    int
		Penalty    float64
		Intercepts []float64
		Weights    [][]float64
		Proba      [][]float64
	}](t, "logistic") {
		x := dense(c.X)
		got, err := FitLogistic(x, c.Y, c.Classes, c.Penalty, 1000)
		require.NoError(t, err, c.Name)
		// An iteration ends somewhere near the minimum: scikit-learn's is as far from it.
		const near = 1e-5
		if c.Classes == 2 { // of more, the intercepts are known but for a constant
			require.InDeltaSlice(t, c.Intercepts, got.Intercepts, near, c.Name)
		}
		for k := range c.Weights {
			require.InDeltaSlice(t, c.Weights[k], got.Weights[k], near, c.Name)
		}
		for i, row := range c.X {
			require.InDeltaSlice(t, c.Proba[i], Probabilities(got.Scores(row)), near, c.Name)
		}
		few, err := FitLogistic(x, c.Y, c.Classes, c.Penalty, 1)
		require.NoError(t, err, "short of the minimum is no error")
		require.NotEqual(t, few.Weights, got.Weights)
	}
}

func TestLinearModelsRefuse(t *testing.T) {
	t.Parallel()
	x := dense([][]float64{{1, 1}, {2, 2}, {4, 4}})
	_, err := FitRidge(x, []float64{1, 2}, 1)
	require.ErrorContains(t, err, "3 rows, 2 values")
	_, err = FitRidge(x, []float64{1, 2, 3}, -1)
	require.ErrorContains(t, err, "penalty -1")
	_, err = FitRidge(x, []float64{1, 2, math.NaN()}, 1)
	require.ErrorIs(t, err, errNotFitted)
	_, err = FitRidge(dense([][]float64{{0, 1}, {0, 2}}), []float64{1, 2}, 0)
	require.ErrorContains(t, err, "depend on each other")
	_, err = FitLogistic(x, []int{0, 1, 2}, 2, 1, 10)
	require.ErrorContains(t, err, "row 2: class 2 is none of 2")
	_, err = FitLogistic(x, []int{0, 1}, 2, 1, 10)
	require.ErrorContains(t, err, "3 rows, 2 labels")
	huge, err := FitLogistic(dense([][]float64{{1e300, -1e300}, {-1e300, 1e300}}), []int{0, 1}, 2, 1, 50)
	require.True(t, err != nil || huge.check() == nil, "numbers that overflow end in an error or in numbers")
}
