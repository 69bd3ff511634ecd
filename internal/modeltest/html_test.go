package modeltest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/modeltest"
)

// The page tells a reviewer in this order: verdict, what to do, what changed, pictures, tests.
func TestPage(t *testing.T) {
	t.Parallel()
	in := input(t, "worse")
	in.Production, in.ProductionVersion = model(t, "good"), "0.9.0"
	html, err := run(t, in).HTML()
	require.NoError(t, err)
	text := string(html)
	at := -1
	for _, want := range []string{
		"Not passed</span>: toy 1", "<h2>What to do</h2>", "accuracy_against_production", "Keep what is in production", "Compared with version 0.9.0",
		"candidate less production, with confidence intervals", "confusion matrix of 2 classes", "reliability curve", "histogram of 100 latencies", "<h2>All tests</h2>", "All metrics",
	} {
		found := strings.Index(text[max(at, 0):], want)
		require.GreaterOrEqual(t, found, 0, "%q is missing, or stands too early", want)
		at = max(at, 0) + found
	}
	require.NotContains(t, text, "<script")
	require.NotContains(t, text, "http://")
	require.NotContains(t, text, "https://")
}

// Whatever a model, a file or a column is called, it is text.
func TestPageEscapes(t *testing.T) {
	t.Parallel()
	const evil = `<script>alert("1")</script>`
	r := modeltest.Report{
		Model: evil, Version: evil, Metrics: map[string]float64{evil: 1, "accuracy": 0.5},
		Tests:     []modeltest.Test{{ID: "C1", Name: evil, Status: modeltest.StatusFailed, Error: evil, Detail: evil, Value: evil}},
		Confusion: &modeltest.Confusion{Classes: []string{evil, "b"}, Counts: [][]int64{{1, 2}, {3, 4}}},
		Evidence: modeltest.Evidence{
			Intervals:  map[string]modeltest.Interval{"accuracy": {Low: 0.4, High: 0.6}},
			Slices:     []modeltest.Slice{{Name: evil, Metric: evil, Value: 0.1, Rest: 0.2, Rows: 30, Reason: evil}},
			Comparison: &modeltest.Comparison{Version: evil, Metrics: []modeltest.Difference{{Metric: evil, Difference: 0.1}}},
		},
	}
	html, err := r.HTML()
	require.NoError(t, err)
	require.NotContains(t, string(html), "<script>")
	require.NotContains(t, string(html), "ZgotmplZ")

	html, err = modeltest.Report{}.HTML()
	require.NoError(t, err)
	require.Contains(t, string(html), "Not passed", "an empty report is a page too")
}
