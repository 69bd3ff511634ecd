package modeltest

import (
	"fmt"
	"html/template"
	"maps"
	"math"
	"slices"

	"github.com/slipway-ml/slipway/internal/page"
)

// whisker is a row of a chart: a value, its interval where there is one, and
// another value to compare with.
type whisker struct {
	label     string
	value     float64
	low, high float64 // equal where there is no interval
	other     float64 // NaN for none
	bad       bool
	remark    string
}

// drawWhiskers draws rows on one axis, which ends at most there. zero adds a line at 0.
func drawWhiskers(rows []whisker, zero bool, most float64, description string) template.HTML {
	const left, width, right, line = 190.0, 330.0, 120.0, 22.0
	if len(rows) == 0 {
		return ""
	}
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, r := range rows {
		for _, v := range []float64{r.value, r.low, r.high, r.other} {
			if !math.IsNaN(v) {
				lo, hi = min(lo, v), max(hi, v)
			}
		}
	}
	if zero {
		lo, hi = min(lo, 0), max(hi, 0)
	}
	if margin := (hi - lo) * 0.05; margin > 0 {
		lo, hi = lo-margin, min(hi+margin, max(hi, most))
	} else {
		lo, hi = lo-0.5, hi+0.5
	}
	x := func(v float64) float64 { return left + width*(v-lo)/(hi-lo) }
	d := &drawing{}
	bottom := line*float64(len(rows)) + 4
	d.rule(left, bottom, left+width, bottom, "var(--line)")
	d.label(left, bottom+15, "start", page.Number(lo))
	d.label(left+width, bottom+15, "end", page.Number(hi))
	if zero {
		d.rule(x(0), 0, x(0), bottom, "currentColor")
	}
	for i, r := range rows {
		y := line*float64(i) + line/2
		colour := "var(--fill)"
		if r.bad {
			colour = "var(--bad)"
		}
		d.label(left-8, y+4, "end", shortenTo(r.label, 26))
		if !math.IsNaN(r.other) {
			fmt.Fprintf(d, `<path d="M%.1f %.1fv12" stroke="currentColor" stroke-width="2"/>`, x(r.other), y-6)
		}
		if r.low < r.high {
			d.rule(x(r.low), y, x(r.high), y, colour)
		}
		fmt.Fprintf(d, `<circle cx="%.1f" cy="%.1f" r="4.5" fill="%s"/>`, x(r.value), y, colour)
		d.label(left+width+8, y+4, "start", r.remark)
	}
	return d.picture(left+width+right, bottom+20, description)
}

// drawMetrics draws the metrics that have intervals and lie in the unit interval.
func drawMetrics(r Report) template.HTML {
	var rows []whisker
	for _, name := range slices.Sorted(maps.Keys(r.Intervals)) {
		v, i := r.Metrics[name], r.Intervals[name]
		if i.Low < -1 || i.High > 1 {
			continue // a loss or an error has a scale of its own; the table has it
		}
		rows = append(rows, whisker{label: name, value: v, low: i.Low, high: i.High, other: math.NaN(), remark: page.Number(v)})
	}
	return drawWhiskers(rows, false, 1, "metrics with their confidence intervals")
}

// drawDifferences draws what changed against production.
func drawDifferences(c *Comparison) template.HTML {
	var rows []whisker
	for _, m := range c.Metrics {
		if math.Abs(m.Interval.Low) > 1 || math.Abs(m.Interval.High) > 1 {
			continue
		}
		rows = append(rows, whisker{label: m.Metric, value: m.Difference, low: m.Interval.Low, high: m.Interval.High, other: math.NaN(), bad: m.worse(), remark: fmt.Sprintf("%+.3f", m.Difference)})
	}
	return drawWhiskers(rows, true, math.Inf(1), "candidate less production, with confidence intervals")
}

// drawSlices draws how the model does on slices; the tick is all other rows.
func drawSlices(all []Slice) template.HTML {
	var rows []whisker
	for _, s := range all {
		w := whisker{label: s.Name, value: s.Value, low: s.Value, high: s.Value, other: s.Rest, bad: !s.Passed || !s.Given, remark: fmt.Sprintf("%s, %d rows", page.Number(s.Value), s.Rows)}
		if s.Interval != nil {
			w.low, w.high = s.Interval.Low, s.Interval.High
		}
		rows = append(rows, w)
	}
	return drawWhiskers(rows, false, math.Inf(1), "slices, each with all other rows")
}
