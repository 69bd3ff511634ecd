package modeltest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/internal/page"
)

const (
	// looseECE is an expected calibration error that a reviewer should know of.
	looseECE = 0.1
	// tellingColumn is how much of the label one column may tell before a reviewer should know of it.
	tellingColumn = 0.9
	// fewRows make all intervals wide.
	fewRows = 100
)

// attention lists what no test failed for and a person should look at all the same.
func (r Report) attention() []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if c := r.Comparison; c != nil {
		var worse []string
		for _, m := range c.Metrics {
			if m.worse() {
				worse = append(worse, fmt.Sprintf("%s %s (%s)", m.Metric, page.Number(m.Candidate), page.Number(m.Other)))
			}
		}
		if len(worse) > 0 {
			add("Worse than production (in brackets), beyond chance: %s.", strings.Join(worse, ", "))
		}
		if c.NegativeFlips != nil && *c.NegativeFlips > 0 {
			add("%d of %d answers were right in production and are wrong now; %d the other way.", *c.NegativeFlips, c.Rows, c.Better)
		}
	}
	for _, s := range r.Slices {
		if !s.Given {
			add("The model is weak where %s: %s %s on %d rows, %s on all others.", s.Name, s.Metric, page.Number(s.Value), s.Rows, page.Number(s.Rest))
		}
	}
	var simple []string
	for _, b := range r.Baselines {
		if b.Interval.Low <= 0 && b.Interval.High >= 0 {
			simple = append(simple, fmt.Sprintf("%s with %s", b.Name, page.Number(b.Other)))
		}
	}
	if len(simple) > 0 {
		add("The test rows do not show that the model, with %s %s, is better than a simple one: %s.", r.Baselines[0].Metric, page.Number(r.Baselines[0].Candidate), strings.Join(simple, "; "))
	}
	if c := r.Calibration; c != nil && c.ECE > looseECE {
		add("Probabilities are no frequencies: they are off by %s on average. Do not use them as such without calibration.", page.Number(c.ECE))
	}
	if l := r.Leakage; l != nil {
		if l.Overlap > 0 {
			add("%d test rows have the features of a training row.", l.Overlap)
		}
		for _, c := range l.Columns {
			if c.Score >= tellingColumn {
				add("The column %s alone tells %s %% of the label. Is it known when the model is asked?", c.Column, page.Number(100*c.Score))
			}
		}
		if len(l.IDs) > 0 {
			add("Columns that number or name the rows are inputs: %s.", strings.Join(l.IDs, ", "))
		}
	}
	for _, reason := range r.doubts() {
		add("%s", reason)
	}
	if r.Rows > 0 && r.Rows < fewRows {
		add("%d test rows are few: the intervals are wide.", r.Rows)
	}
	return out
}

// doubts say once why which intervals may not hold.
func (r Report) doubts() []string {
	var reasons []string
	metrics := map[string][]string{}
	note := func(metric, remark string) {
		if remark == "" {
			return
		}
		if metrics[remark] == nil {
			reasons = append(reasons, remark)
		}
		metrics[remark] = append(metrics[remark], metric)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Intervals)) {
		note(name, r.Intervals[name].Remark)
	}
	if r.Comparison != nil {
		for _, d := range r.Comparison.Metrics {
			note("the difference in "+d.Metric, d.Interval.Remark)
		}
	}
	out := make([]string, len(reasons))
	for i, reason := range reasons {
		out[i] = fmt.Sprintf("Interval of %s: %s.", strings.Join(metrics[reason], ", "), reason)
	}
	return out
}

// worse tells that all of the interval lies on the bad side.
func (d Difference) worse() bool {
	if lowerIsBetter(d.Metric) {
		return d.Interval.Low > 0
	}
	return d.Interval.High < 0
}

// lowerIsBetter tells losses and errors from scores.
func lowerIsBetter(metric string) bool {
	switch metric {
	case "log_loss", "brier", "ece", "rmse", "mae", "mape", "median_absolute_error":
		return true
	}
	return false
}
