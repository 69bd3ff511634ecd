package modeltest_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCurvesOfTheReport(t *testing.T) {
	t.Parallel()
	r := tested(t, input(t, "good"))
	require.Len(t, r.Curves, 1)
	c := r.Curves[0]
	require.Equal(t, "1", c.Class)
	require.InDelta(t, r.Metrics["auc"], c.AUC, 1e-12)
	require.InDelta(t, r.Metrics["pr_auc"], c.AveragePrecision, 1e-12)
	require.Equal(t, r.Intervals["auc"], *c.AUCInterval)
	require.Equal(t, r.Intervals["pr_auc"], *c.AveragePrecisionInterval)
	require.LessOrEqual(t, len(c.Points), 100)
	require.Greater(t, len(c.Points), 10)
	last := c.Points[len(c.Points)-1]
	require.InDelta(t, 1, last.FPR, 0)
	require.InDelta(t, 1, last.TPR, 0)
	require.InDelta(t, c.Share, last.Precision, 1e-6)
	page, err := r.HTML()
	require.NoError(t, err)
	for _, want := range []string{"ROC of class 1: AUC 0.", "Precision and recall of class 1: average precision 0.", `aria-label="ROC curves; class and AUC: 1 0.`, "precision-recall curves; class and AP"} {
		require.Contains(t, string(page), want)
	}
	require.Empty(t, tested(t, input(t, "labels_only")).Curves, "labels have no curves")
}

// digits are rows of the example mnist: ten classes, each against the rest.
func TestCurvesOfManyClasses(t *testing.T) {
	t.Parallel()
	in := example(t, "mnist", "1.0.0", "")
	search := false
	in.Train, in.Test, in.Tests.Slices.Search, in.Tests.Intervals.Resamples = nil, in.Test.Slice(0, 200), &search, 200
	r := tested(t, in)
	require.Len(t, r.Curves, 10)
	sum := 0.0
	for i, c := range r.Curves {
		require.Equal(t, fmt.Sprint(i), c.Class)
		require.LessOrEqual(t, len(c.Points), 100)
		sum += c.AUC / 10
		around := c.AveragePrecisionInterval
		require.NotNil(t, around)
		require.True(t, 0 <= around.Low && around.Low <= c.AveragePrecision && c.AveragePrecision <= around.High && around.High <= 1, "class %s: %v", c.Class, around)
		require.Contains(t, around.Method, "bca bootstrap")
	}
	require.InDelta(t, r.Metrics["auc"], sum, 1e-9)
	page, err := r.HTML()
	require.NoError(t, err)
	require.Contains(t, string(page), "each class against the rest")
}

// A logistic regression does better than one column where two of them add up.
func TestLinearBaseline(t *testing.T) {
	t.Parallel()
	in := input(t, "good")
	in.Train = csvSource(t, separableRows(400, 1))
	in.Test = csv(t, "test.csv", separableRows(200, 2))
	in.Tests.MinAccuracy = 0
	r := tested(t, in)
	require.Len(t, r.Baselines, 3)
	require.Equal(t, "logistic regression", r.Baselines[2].Name)
	require.Greater(t, r.Baselines[2].Other, 0.98)
	require.Less(t, r.Baselines[1].Other, 0.9, "one column")
	require.Contains(t, named(t, r, "simple_baseline").Error, "significantly worse than a simple model: auc")
	require.Contains(t, named(t, r, "simple_baseline").Error, "logistic regression")

	in = regression(t, regressionRows(200, func(float64) float64 { return 0.3 }))
	in.Train = csvSource(t, regressionRows(300, func(float64) float64 { return 0.3 }))
	r = tested(t, in)
	require.Equal(t, "ridge regression", r.Baselines[2].Name)
	require.InDelta(t, 0.3, r.Baselines[2].Other, 0.05, "the noise is all that is left")
	require.True(t, named(t, r, "simple_baseline").Passed)
}

// separableRows have the label c + d > 0 and a word that tells nothing.
func separableRows(n int, seed uint64) string {
	random := rand.New(rand.NewPCG(seed, 9))
	var out strings.Builder
	out.WriteString("a,b,c,d,label\n")
	for range n {
		c, d := random.NormFloat64(), random.NormFloat64()
		label := 0
		if c+d > 0 {
			label = 1
		}
		fmt.Fprintf(&out, "%.4f,%.4f,%.4f,%.4f,%d\n", random.NormFloat64(), random.NormFloat64(), c, d, label)
	}
	return out.String()
}
