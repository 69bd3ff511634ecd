package governance_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/governance"
	"github.com/slipway-ml/slipway/internal/spec"
)

func ptr(v float64) *float64 { return &v }

func TestEvaluatePolicies(t *testing.T) {
	t.Parallel()
	doc := spec.File{Path: "card.md", Digest: "sha256:ab"}
	performance := spec.Policy{Name: "service", Type: spec.PolicyPerformance}
	quality := spec.Policy{Name: "quality", Type: spec.PolicyDataQuality}
	documents := spec.Policy{Name: "documents", Type: spec.PolicyDocumentation}
	good := map[string]float64{"accuracy": 0.8, "latency_mean_ms": 100}
	clean := map[string]float64{"completeness": 1, "uniqueness": 0.95, "validity": 0.99}
	blocking := func(p spec.Policy) spec.Policy { p.Blocking = true; return p }

	for _, tc := range []struct {
		name             string
		policies         []spec.Policy
		metrics, quality map[string]float64
		documents        map[string]spec.File
		score            float64
		compliant        bool
		summary          string
	}{
		{name: "none", score: 1, compliant: true, summary: "no policy is declared"},
		{name: "limits belong to what is allowed", policies: []spec.Policy{performance}, metrics: good, score: 1, compliant: true,
			summary: "1 of 1 policies passed, score 1.00 (required 0.80)"},
		{name: "own limits", policies: []spec.Policy{{Name: "s", Type: spec.PolicyPerformance, MinAccuracy: ptr(0.81), MaxLatencyMS: ptr(100)}}, metrics: good, score: 0.5,
			summary: `0 of 1 policies passed, score 0.50 (required 0.80); failed: "s": accuracy is 0.8, required at least 0.81`},
		{name: "zero is a limit of its own", policies: []spec.Policy{{Name: "s", Type: spec.PolicyPerformance, MinAccuracy: ptr(0)}},
			metrics: map[string]float64{"accuracy": 0.1, "latency_mean_ms": 1}, score: 1, compliant: true, summary: "1 of 1 policies passed, score 1.00 (required 0.80)"},
		{name: "not measured", policies: []spec.Policy{performance}, score: 0,
			summary: `0 of 1 policies passed, score 0.00 (required 0.80); failed: "service": accuracy is not measured, required at least 0.8, latency_mean_ms is not measured, required at most 100`},
		{name: "not finite", policies: []spec.Policy{performance}, metrics: map[string]float64{"accuracy": math.NaN(), "latency_mean_ms": math.Inf(-1)}, score: 0,
			summary: `0 of 1 policies passed, score 0.00 (required 0.80); failed: "service": accuracy is not a finite number, required at least 0.8, latency_mean_ms is not a finite number, required at most 100`},
		{name: "quality", policies: []spec.Policy{quality}, quality: clean, score: 1, compliant: true, summary: "1 of 1 policies passed, score 1.00 (required 0.80)"},
		{name: "quality, own checks", policies: []spec.Policy{{Name: "q", Type: spec.PolicyDataQuality, Required: []string{"timeliness", "validity"}, MinScore: ptr(0.9)}}, quality: clean, score: 0.5,
			summary: `0 of 1 policies passed, score 0.50 (required 0.80); failed: "q": timeliness is not measured, required at least 0.9`},
		{name: "documents", policies: []spec.Policy{documents}, documents: map[string]spec.File{"model_card": doc, "training_data": doc, "evaluation_report": {}}, score: 2.0 / 3,
			summary: `0 of 1 policies passed, score 0.67 (required 0.80); failed: "documents": evaluation_report is missing, required present`},
		{name: "four of five is enough", policies: []spec.Policy{performance, quality, performance, quality, documents}, metrics: good, quality: clean, score: 0.8, compliant: true,
			summary: `4 of 5 policies passed, score 0.80 (required 0.80); failed: "documents": model_card is missing, required present, training_data is missing, required present, evaluation_report is missing, required present`},
		{name: "mean is rounded for nobody", policies: []spec.Policy{performance, quality, performance, documents}, metrics: good, quality: clean, documents: map[string]spec.File{}, score: 0.75,
			summary: `3 of 4 policies passed, score 0.75 (required 0.80); failed: "documents": model_card is missing, required present, training_data is missing, required present, evaluation_report is missing, required present`},
		{name: "blocking", policies: []spec.Policy{performance, quality, performance, quality, blocking(documents)}, metrics: good, quality: clean,
			documents: map[string]spec.File{"model_card": doc, "training_data": doc}, score: (4 + 2.0/3) / 5,
			summary: `4 of 5 policies passed, score 0.93 (required 0.80); blocking policy "documents" failed: evaluation_report is missing, required present`},
		{name: "unknown type", policies: []spec.Policy{{Name: "x", Type: "vibes"}}, score: 0,
			summary: `0 of 1 policies passed, score 0.00 (required 0.80); failed: "x": type is "vibes", required a known policy type`},
		{name: "nothing required", policies: []spec.Policy{{Name: "x", Type: spec.PolicyDocumentation, Required: []string{}}}, score: 0,
			summary: `0 of 1 policies passed, score 0.00 (required 0.80); failed: "x": it checks nothing`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			e := governance.Evaluate(tc.policies, tc.metrics, tc.quality, tc.documents)
			require.InDelta(t, tc.score, e.Score, 1e-12)
			require.Equal(t, tc.compliant, e.Compliant)
			require.Equal(t, tc.summary, e.Summary)
			require.Len(t, e.Policies, len(tc.policies))
		})
	}
}

// Every check shows what is required, what was found and whether it passed (G2).
func TestEvaluateShowsEveryCheck(t *testing.T) {
	t.Parallel()
	e := governance.Evaluate([]spec.Policy{
		{Name: "p", Type: spec.PolicyPerformance, Blocking: true},
		{Name: "d", Type: spec.PolicyDocumentation, Required: []string{"model_card", "dpia"}},
	}, map[string]float64{"accuracy": 0.9, "latency_mean_ms": 120}, nil, map[string]spec.File{"model_card": {Path: "c", Digest: "sha256:cd"}})
	require.Equal(t, []governance.PolicyResult{
		{Name: "p", Type: "performance_threshold", Blocking: true, Score: 0.5, Checks: []governance.CheckResult{
			{Name: "accuracy", Required: "at least 0.8", Actual: "0.9", Passed: true},
			{Name: "latency_mean_ms", Required: "at most 100", Actual: "120"},
		}},
		{Name: "d", Type: "model_documentation", Score: 0.5, Checks: []governance.CheckResult{
			{Name: "model_card", Required: "present", Actual: "sha256:cd", Passed: true},
			{Name: "dpia", Required: "present", Actual: "missing"},
		}},
	}, e.Policies)
}

// A mean of exactly 0.8 complies whatever the order in which it is summed up.
func TestEvaluateScoreAtTheLimit(t *testing.T) {
	t.Parallel()
	half := spec.Policy{Name: "h", Type: spec.PolicyDataQuality, Required: []string{"validity", "timeliness"}}         // 1/2
	third := spec.Policy{Name: "t", Type: spec.PolicyDataQuality, Required: []string{"validity", "a", "b"}}            // 1/3
	twoThirds := spec.Policy{Name: "u", Type: spec.PolicyDataQuality, Required: []string{"validity", "validity", "b"}} // 2/3
	full := spec.Policy{Name: "f", Type: spec.PolicyDataQuality, Required: []string{"validity"}}                       // 1
	measured := map[string]float64{"validity": 1}
	for _, policies := range [][]spec.Policy{
		{third, twoThirds, full, full, full},
		{twoThirds, full, third, full, full},
		{full, full, full, third, twoThirds},
		{half, half, full, full, full},
	} {
		require.True(t, governance.Evaluate(policies, nil, measured, nil).Compliant)
	}
	require.False(t, governance.Evaluate([]spec.Policy{third, half, full, full, full}, nil, measured, nil).Compliant)
}
