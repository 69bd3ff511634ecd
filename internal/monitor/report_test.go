package monitor

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReportPage(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 3))
	result, err := Check(
		map[string]Column{"aaa": normal(r, 500, 0, 1), "zzz<script>": normal(r, 500, 0, 1), "gone": normal(r, 500, 0, 1)},
		map[string]Column{"aaa": normal(r, 500, 0, 1), "zzz<script>": normal(r, 500, 3, 1)}, config())
	require.NoError(t, err)
	service, err := Serve([]float64{1, 2, 3, 4, math.NaN()}, 1)
	require.NoError(t, err)
	require.Equal(t, 5, service.Predictions)
	require.InDelta(t, 0.2, service.ErrorRate, 1e-12)
	require.InDelta(t, 3.85, service.P95, 1e-9)

	report := Report{Model: "credit-risk", Version: "1.1.0", From: time.Unix(0, 0), To: time.Unix(600, 0), Result: result, Service: service}
	page, err := report.HTML()
	require.NoError(t, err)
	html := string(page)
	require.Contains(t, html, `<h1 class="drift">Drift</h1>`)
	require.Contains(t, html, result.Summary[:10])
	require.NotContains(t, html, "<script>")
	require.NotContains(t, html, "http://")
	require.NotContains(t, html, "https://")
	require.Equal(t, 2, strings.Count(html, "<svg "))
	require.Less(t, strings.Index(html, "zzz&lt;script&gt;</td>")+strings.Index(html, "zzz&lt;script&gt;<br>"), strings.Index(html, "<td>aaa<br>"), "drifted features come first")
	require.Contains(t, html, "<td>gone</td><td>not logged</td>")

	b, err := report.JSON()
	require.NoError(t, err)
	var back Report
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, report.Result, back.Result)
}

func TestReportWithoutSamples(t *testing.T) {
	t.Parallel()
	result, err := Check(map[string]Column{"a": {Numbers: []float64{1}}}, nil, config())
	require.NoError(t, err)
	service, err := Serve(nil, 0)
	require.NoError(t, err)
	page, err := Report{Result: result, Service: service}.HTML()
	require.NoError(t, err)
	require.Contains(t, string(page), "Too few samples")
	require.Contains(t, string(page), "0 of at least 100 predictions")
}
