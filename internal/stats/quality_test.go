package stats

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

type classificationGolden struct {
	Binary []struct {
		Name        string
		Truth, Pred []int64
		Proba       []float64
		Classification
	}
	Multiclass []struct {
		Name                 string
		Truth, Pred, Classes []int64
		Proba                [][]float64
		Classification
	}
}

func TestBinaryMetricsAgainstScikitLearn(t *testing.T) {
	t.Parallel()
	for _, c := range golden[classificationGolden](t, "classification").Binary {
		got, err := BinaryMetrics(c.Truth, c.Pred, c.Proba)
		require.NoError(t, err, c.Name)
		requireClassification(t, c.Name, c.Classification, got)
		got, err = BinaryMetrics(c.Truth, c.Pred, nil)
		require.NoError(t, err, c.Name)
		c.LogLoss, c.AUC = nil, nil
		requireClassification(t, c.Name+", labels only", c.Classification, got)
	}
}

func TestMulticlassMetricsAgainstScikitLearn(t *testing.T) {
	t.Parallel()
	for _, c := range golden[classificationGolden](t, "classification").Multiclass {
		got, err := MulticlassMetrics(c.Truth, c.Pred, c.Classes, c.Proba)
		require.NoError(t, err, c.Name)
		requireClassification(t, c.Name, c.Classification, got)
		got, err = MulticlassMetrics(c.Truth, c.Pred, nil, nil)
		require.NoError(t, err, c.Name)
		c.LogLoss = nil
		requireClassification(t, c.Name+", labels only", c.Classification, got)
	}
}

func requireClassification(t *testing.T, name string, want, got Classification) {
	t.Helper()
	requireOptional(t, want.Accuracy, got.Accuracy, name+": accuracy")
	requireOptional(t, want.Precision, got.Precision, name+": precision")
	requireOptional(t, want.Recall, got.Recall, name+": recall")
	requireOptional(t, want.F1, got.F1, name+": f1")
	requireOptional(t, want.LogLoss, got.LogLoss, name+": log loss")
	requireOptional(t, want.AUC, got.AUC, name+": auc")
}

func TestClassificationRejects(t *testing.T) {
	t.Parallel()
	one, two := []int64{1}, []int64{1, 0}
	for name, c := range map[string]struct {
		err  func() error
		text string
	}{
		"lengths":        {func() error { _, err := Accuracy(one, two); return err }, "match row by row"},
		"empty":          {func() error { _, err := Accuracy(nil, nil); return err }, "no values"},
		"label 2":        {func() error { _, err := BinaryMetrics(two, []int64{1, 2}, nil); return err }, "row 1"},
		"label -1":       {func() error { _, err := BinaryMetrics([]int64{-1, 1}, two, nil); return err }, "row 0"},
		"probability":    {func() error { _, err := BinaryMetrics(one, one, []float64{1.5}); return err }, "[0, 1]"},
		"NaN":            {func() error { _, err := BinaryMetrics(one, one, []float64{math.NaN()}); return err }, "[0, 1]"},
		"few":            {func() error { _, err := BinaryMetrics(two, two, []float64{1}); return err }, "1 probabilities"},
		"rows":           {func() error { _, err := MulticlassMetrics(two, two, two, [][]float64{{1, 0}}); return err }, "1 rows of"},
		"columns":        {func() error { _, err := MulticlassMetrics(one, one, two, [][]float64{{1}}); return err }, "1 probabilities for 2"},
		"logits":         {func() error { _, err := MulticlassMetrics(one, one, two, [][]float64{{1, 1}}); return err }, "logits"},
		"outside":        {func() error { _, err := MulticlassMetrics(one, one, two, [][]float64{{2, -1}}); return err }, "[0, 1]"},
		"unknown class":  {func() error { _, err := MulticlassMetrics([]int64{5}, one, two, [][]float64{{1, 0}}); return err }, "label 5"},
		"repeated class": {func() error { _, err := MulticlassMetrics(one, one, []int64{1, 1}, [][]float64{{1, 0}}); return err }, "twice"},
		"auc one class":  {func() error { _, err := AUC(one, []float64{1}); return err }, "one class"},
		"auc label":      {func() error { _, err := AUC([]int64{3, 1}, []float64{1, 2}); return err }, "label 3"},
		"auc NaN":        {func() error { _, err := AUC(two, []float64{1, math.NaN()}); return err }, "score NaN"},
		"auc lengths":    {func() error { _, err := AUC(two, []float64{1}); return err }, "row by row"},
	} {
		require.ErrorContains(t, c.err(), c.text, name)
	}
}

func TestRegressionMetricsAgainstScikitLearn(t *testing.T) {
	t.Parallel()
	type model struct {
		Name        string
		Truth, Pred []float64
		Regression
	}
	for _, c := range golden[[]model](t, "regression") {
		got, err := RegressionMetrics(c.Truth, c.Pred)
		require.NoError(t, err, c.Name)
		requireOptional(t, c.MAE, got.MAE, c.Name+": mae")
		requireOptional(t, c.RMSE, got.RMSE, c.Name+": rmse")
		requireOptional(t, c.R2, got.R2, c.Name+": r2")
	}
}

// The mean of three 0.1 is not 0.1; R2 must still see a constant truth, where
// scikit-learn's answer is about -1e31.
func TestR2OfAConstantWithARoundedMean(t *testing.T) {
	t.Parallel()
	got, err := RegressionMetrics([]float64{0.1, 0.1, 0.1}, []float64{0.1, 0.2, 0.1})
	require.NoError(t, err)
	require.Zero(t, *got.R2)
}

func TestRegressionMetricsReject(t *testing.T) {
	t.Parallel()
	_, err := RegressionMetrics(nil, nil)
	require.ErrorIs(t, err, ErrNoData)
	_, err = RegressionMetrics([]float64{1, 2}, []float64{1})
	require.ErrorContains(t, err, "row by row")
	_, err = RegressionMetrics([]float64{1, 2}, []float64{1, math.NaN()})
	require.ErrorContains(t, err, "row 1")
	_, err = RegressionMetrics([]float64{1e200, 2}, []float64{1, 2})
	require.ErrorContains(t, err, "too large")
}
