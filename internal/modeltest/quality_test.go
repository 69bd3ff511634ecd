package modeltest_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/modeltest"
	"github.com/slipway-ml/slipway/internal/spec"
)

// csv reads rows that a test has written.
func csv(t testing.TB, name, text string) *dataset.Table {
	t.Helper()
	out, err := dataset.ReadCSV(strings.NewReader(text), name, dataset.CSVOptions{})
	require.NoError(t, err)
	return out
}

// tested runs whatever tests the spec asks for.
func tested(t testing.TB, in modeltest.Input) modeltest.Report {
	t.Helper()
	report, err := modeltest.Run(t.Context(), start(t), in, nil)
	require.NoError(t, err)
	_, err = json.Marshal(report)
	require.NoError(t, err)
	return report
}

func TestMetricLimits(t *testing.T) {
	t.Parallel()
	number := func(v float64) *float64 { return &v }
	for name, c := range map[string]struct {
		limit  spec.MetricLimit
		reason string // none: passes
	}{
		"holds":               {spec.MetricLimit{Metric: "accuracy", Min: number(0.9)}, ""},
		"broken":              {spec.MetricLimit{Metric: "accuracy", Min: number(0.91)}, "accuracy, 0.9, is below the limit 0.91"},
		"interval too wide":   {spec.MetricLimit{Metric: "accuracy", Min: number(0.9), Confident: true}, "an end of the interval of accuracy, 0.8506, is below the limit 0.9"},
		"interval holds":      {spec.MetricLimit{Metric: "accuracy", Min: number(0.85), Max: number(0.95), Confident: true}, ""},
		"above":               {spec.MetricLimit{Metric: "log_loss", Max: number(0.01)}, "is above the limit 0.01"},
		"not measured":        {spec.MetricLimit{Metric: "rmse", Max: number(1)}, "the spec asks for this, but there is no metric rmse"},
		"without an interval": {spec.MetricLimit{Metric: "ece", Max: number(1), Confident: true}, "ece has no confidence interval"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := input(t, "good")
			in.Tests.Limits = []spec.MetricLimit{c.limit}
			got := named(t, tested(t, in), "limit: "+c.limit.Metric)
			require.Equal(t, c.reason == "", got.Passed, got.Error)
			require.Contains(t, got.Error, c.reason)
		})
	}
}

// Two limits of one metric are two tests.
func TestTwoLimitsOfAMetric(t *testing.T) {
	t.Parallel()
	low, high := 0.5, 0.95
	in := input(t, "good")
	in.Tests.Limits = []spec.MetricLimit{{Metric: "accuracy", Min: &low, Confident: true}, {Metric: "accuracy", Min: &high}}
	r := tested(t, in)
	require.True(t, named(t, r, "limit: accuracy").Passed)
	require.False(t, named(t, r, "limit: accuracy (2)").Passed)
}

func TestIntervalsOfTheReport(t *testing.T) {
	t.Parallel()
	in := input(t, "good")
	in.Tests.Intervals = spec.Intervals{Level: 0.9, Resamples: 300}
	r := tested(t, in)
	require.NotEmpty(t, r.Intervals)
	for name, around := range r.Intervals {
		require.LessOrEqual(t, around.Low, r.Metrics[name], name)
		require.GreaterOrEqual(t, around.High, r.Metrics[name], name)
		require.InDelta(t, 0.9, around.Level, 0)
	}
	require.Equal(t, "wilson", r.Intervals["accuracy"].Method)
	require.Equal(t, "delong", r.Intervals["auc"].Method)
	require.Equal(t, "bca bootstrap, 300 resamples", r.Intervals["f1"].Method)
	again := tested(t, in)
	require.Equal(t, r.Intervals, again.Intervals, "what is drawn has a seed")
}

func TestCalibration(t *testing.T) {
	t.Parallel()
	in := input(t, "good")
	ece := 0.01
	in.Tests.Calibration.MaxECE = &ece
	r := tested(t, in)
	c := r.Calibration
	require.Equal(t, "class 1", c.Of)
	require.Len(t, c.Bins, 10)
	require.InDelta(t, r.Metrics["brier"], c.Reliability-c.Resolution+c.Uncertainty+c.Within, 1e-12)
	require.InDelta(t, r.Metrics["brier"], c.Brier, 1e-12)
	rows := 0
	for _, b := range c.Bins {
		rows += b.Rows
		require.True(t, b.Low <= b.Observed && b.Observed <= b.High)
	}
	require.Equal(t, 200, rows)
	require.Contains(t, named(t, r, "calibration").Error, "is above the limit 0.01")

	in = input(t, "labels_only")
	in.Tests.Calibration.MaxECE = &ece
	require.Contains(t, named(t, tested(t, in), "calibration").Error, "the model gives no probabilities")
}

// regressionRows are rows whose label is what the model "regression" answers,
// a + 2b - d + 0.5, but for noise that is larger where the first column says so.
func regressionRows(rows int, noise func(a float64) float64) string {
	random := rand.New(rand.NewPCG(3, 4))
	var out strings.Builder
	out.WriteString("a,b,c,d,label\n")
	for range rows {
		a, b, c, d := random.NormFloat64(), random.NormFloat64(), random.NormFloat64(), random.NormFloat64()
		fmt.Fprintf(&out, "%.6f,%.6f,%.6f,%.6f,%.6f\n", a, b, c, d, a+2*b-d+0.5+noise(a)*random.NormFloat64())
	}
	return out.String()
}

func regression(t testing.TB, csvText string) modeltest.Input {
	t.Helper()
	in := input(t, "regression")
	in.Spec.Task, in.Tests.MinAccuracy = spec.Regression, 0
	in.Test = csv(t, "test.csv", csvText)
	return in
}

// What the model knows nothing of is found: errors are larger where a is.
func TestWeakSlicesAreFound(t *testing.T) {
	t.Parallel()
	in := regression(t, regressionRows(600, func(a float64) float64 {
		if a > 0.9 {
			return 3
		}
		return 0.3
	}))
	in.Tests.Slices.Weak = spec.FindingFails
	r := tested(t, in)
	got := named(t, r, "weak_slices")
	require.Equal(t, modeltest.StatusFailed, got.Status)
	require.NotEmpty(t, r.Slices)
	require.True(t, strings.HasPrefix(r.Slices[0].Name, "a > 0."), r.Slices[0].Name)
	require.Equal(t, "mae", r.Slices[0].Metric)
	require.Greater(t, r.Slices[0].Value, 3*r.Slices[0].Rest)
	require.LessOrEqual(t, *r.Slices[0].P, 0.05)
	require.True(t, r.SliceSearch.Pairs)

	in.Data.Sensitive = []string{"a"}
	r = tested(t, in)
	require.Equal(t, "a in part 5 of 5, ascending", r.Slices[0].Name)

	in.Tests.Slices.Weak = spec.FindingReported
	require.True(t, named(t, tested(t, in), "weak_slices").Passed, "found, and only told")

	in = regression(t, regressionRows(600, func(float64) float64 { return 0.3 }))
	require.Empty(t, tested(t, in).Slices)
}

func TestGivenSlices(t *testing.T) {
	t.Parallel()
	low, high := 0.5, 0.999
	in := input(t, "good")
	in.Tests.Slices.Given = []spec.Slice{
		{Name: "left", Where: "a < 0 and b < 1", MinAccuracy: &low},
		{Name: "right", Where: "a >= 0", MinAccuracy: &high},
		{Name: "few", Where: "a > 2.2"},
		{Name: "unknown", Where: "height > 1"},
		{Name: "no sense", Where: "a <"},
		{Name: "everything", Where: "a > -100"},
	}
	r := tested(t, in)
	require.True(t, named(t, r, "slice: left").Passed)
	require.Contains(t, named(t, r, "slice: right").Error, "on the slice is below the limit 0.999")
	require.Contains(t, named(t, r, "slice: few").Error, "tests.slices.min_rows wants 30")
	require.Contains(t, named(t, r, "slice: unknown").Error, "no such column")
	require.Contains(t, named(t, r, "slice: no sense").Error, "condition")
	require.InDelta(t, 0.9, named(t, r, "slice: everything").Value, 1e-12)
	require.Equal(t, "left", r.Slices[0].Name)
	require.True(t, r.Slices[0].Given && r.Slices[0].Interval.Method == "wilson")

	rmse := 0.4
	in = regression(t, regressionRows(300, func(a float64) float64 { return 1 + a*a }))
	in.Tests.Slices.Given = []spec.Slice{{Name: "outer", Where: "abs(a) > 1", MaxRMSE: &rmse}}
	r = tested(t, in)
	require.Contains(t, named(t, r, "slice: outer").Error, "is above the limit 0.4")
	require.Contains(t, r.Slices[0].Interval.Method, "studentized bootstrap")
	require.Greater(t, r.Slices[0].Value, r.Slices[0].Rest)
}

func TestComparisonWithProduction(t *testing.T) {
	t.Parallel()
	none := 0.0
	in := input(t, "slightly_worse")
	in.Production, in.ProductionVersion = model(t, "good"), "7"
	in.Tests.AgainstProduction.MaxNegativeFlipRate = &none
	r := tested(t, in)
	c := r.Comparison
	require.Equal(t, "7", c.Version)
	require.Equal(t, c.Worse, *c.NegativeFlips)
	require.InDelta(t, float64(c.Worse)/200, *c.NegativeFlipRate, 1e-12)
	require.Positive(t, c.Worse)
	require.Less(t, c.MidP, c.P)
	require.InDelta(t, r.Metrics["accuracy"]-0.9, c.Metrics[0].Difference, 1e-12)
	require.Equal(t, "accuracy", c.Metrics[0].Metric)
	require.Contains(t, c.Metrics[0].Interval.Method, "paired bca bootstrap")
	require.Contains(t, named(t, r, "negative_flips").Error, "the limit is 0")

	in.Tests.AgainstProduction.MaxNegativeFlipRate = nil
	in.Tests.AgainstProduction.MaxNegativeFlips = int(c.Worse)
	require.True(t, named(t, tested(t, in), "negative_flips").Passed)
	in.Tests.AgainstProduction.MaxNegativeFlips--
	require.Contains(t, named(t, tested(t, in), "negative_flips").Error, "rows are right in version 7 and wrong now")
	in.Production = nil
	require.Equal(t, modeltest.StatusSkipped, named(t, tested(t, in), "negative_flips").Status)
}

func TestRegressionAgainstProduction(t *testing.T) {
	t.Parallel()
	in := regression(t, regressionRows(200, func(float64) float64 { return 0.5 }))
	in.Production, in.ProductionVersion = in.Model, "1"
	in.Model = model(t, "linear_regression") // of something else
	r := tested(t, in)
	got := named(t, r, "error_against_production")
	require.Equal(t, modeltest.StatusFailed, got.Status)
	require.Contains(t, got.Error, "the difference is no chance")
	require.Greater(t, r.Comparison.Worse, r.Comparison.Better)
	require.Nil(t, r.Comparison.NegativeFlips)
	for _, d := range r.Comparison.Metrics {
		require.Contains(t, d.Interval.Method, "paired studentized bootstrap", d.Metric)
	}

	in.Model, in.Production = in.Production, in.Model
	r = tested(t, in)
	require.True(t, named(t, r, "error_against_production").Passed)
	rmse := r.Comparison.Metrics[slices.IndexFunc(r.Comparison.Metrics, func(d modeltest.Difference) bool { return d.Metric == "rmse" })]
	require.Negative(t, rmse.Interval.High)
}
