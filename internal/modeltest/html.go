package modeltest

import (
	_ "embed"
	"fmt"
	"html/template"
	"strconv"

	"github.com/slipway-ml/slipway/internal/page"
)

//go:embed report.html
var reportPage string

// HTML is the report as one page that needs nothing else, for a reviewer with
// two minutes: the verdict, what to do, what changed against production, then
// the pictures and every test.
func (r Report) HTML() ([]byte, error) {
	t, err := page.Parse("Model tests", reportPage, template.FuncMap{
		"facts":           r.facts,
		"failed":          func() []Test { return r.with(StatusFailed) },
		"skipped":         func() []Test { return r.with(StatusSkipped) },
		"attention":       r.attention,
		"advice":          advice,
		"metrics":         func() template.HTML { return drawMetrics(r) },
		"confusion":       drawConfusion,
		"reliability":     drawReliability,
		"roc":             drawROC,
		"precisionRecall": drawPrecisionRecall,
		"curveTitle":      r.curveTitle,
		"residuals":       drawResiduals,
		"normality":       drawNormality,
		"curveAreas":      r.curveAreas,
		"slices":          drawSlices,
		"differences":     drawDifferences,
		"histogram":       drawLatencies,
		"histogramOf":     histogram,
		"whole":           func(v float64) string { return strconv.FormatFloat(v, 'f', 0, 64) },
		"confusionRemark": func(c *Confusion) string {
			if len(c.Classes) > mostClasses {
				return fmt.Sprintf("the first %d of %d classes", mostClasses, len(c.Classes))
			}
			return ""
		},
	})
	if err != nil {
		return nil, err
	}
	return page.Render(t, r)
}

// with lists the tests that ended so.
func (r Report) with(s Status) []Test {
	var out []Test
	for _, t := range r.Tests {
		if t.Status == s {
			out = append(out, t)
		}
	}
	return out
}

// curveTitle says which area stands below the curves, with its interval.
func (r Report) curveTitle(metric string) string {
	v, measured := r.Metrics[metric]
	if !measured {
		return ""
	}
	title := " of class " + r.Curves[0].Class
	if r.Confusion != nil && len(r.Confusion.Classes) > 2 {
		title = ", each class against the rest"
	}
	title += fmt.Sprintf(": %s %s", map[string]string{"auc": "AUC", "pr_auc": "average precision"}[metric], page.Number(v))
	if i, ok := r.Intervals[metric]; ok {
		title += fmt.Sprintf(" (%s to %s)", page.Number(i.Low), page.Number(i.High))
	}
	return title
}

// curveAreas are the curves, if a table of them tells more than their titles do.
func (r Report) curveAreas() []Curve {
	if len(r.Curves) < 2 {
		return nil
	}
	return r.Curves
}

// fact is a number that a reviewer looks for first.
type fact struct{ Name, Value, Remark string }

// facts are the few numbers at the top.
func (r Report) facts() []fact {
	var out []fact
	add := func(name, metric, unit string) {
		v, ok := r.Metrics[metric]
		if !ok {
			return
		}
		f := fact{Name: name, Value: page.Number(v) + unit}
		if i, ok := r.Intervals[metric]; ok {
			f.Remark = fmt.Sprintf("%s to %s", page.Number(i.Low), page.Number(i.High))
			if i.Remark != "" {
				f.Remark += ", not reliable"
			}
		}
		out = append(out, f)
	}
	add("accuracy", "accuracy", "")
	add("AUC", "auc", "")
	add("RMSE", "rmse", "")
	add("R²", "r2", "")
	if c := r.Comparison; c != nil {
		out = append(out, fact{Name: "against production", Value: fmt.Sprintf("%+d rows", c.Better-c.Worse), Remark: fmt.Sprintf("%d better, %d worse", c.Better, c.Worse)})
	}
	add("latency p95", "latency_p95_ms", " ms")
	if v, ok := r.Metrics["throughput_32"]; ok {
		out = append(out, fact{Name: "throughput", Value: fmt.Sprintf("%.0f rows/s", v), Remark: "in batches of 32"})
	}
	if v, ok := r.Metrics["parameters"]; ok {
		out = append(out, fact{Name: "parameters", Value: fmt.Sprintf("%.0f", v), Remark: fmt.Sprintf("%.0f bytes", r.Metrics["model_bytes"])})
	}
	return out
}

// ValueText is the value as people read it; empty if there is none.
func (t Test) ValueText() string { return text(t.Value) }

// LimitText is the limit as people read it; empty if there is none.
func (t Test) LimitText() string { return text(t.Limit) }

// text writes a value or limit.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case float64:
		return page.Number(v)
	case int:
		return strconv.Itoa(v)
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return fmt.Sprint(v)
}
