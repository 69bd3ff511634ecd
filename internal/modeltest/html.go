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

// HTML is the report as one page that needs nothing else: the verdict first,
// then what failed and what to do, then every test, the confusion matrix and
// the latencies.
func (r Report) HTML() ([]byte, error) {
	t, err := page.Parse("Model tests", reportPage, template.FuncMap{
		"text":      text,
		"failed":    r.failed,
		"confusion": drawConfusion,
		"histogram": drawLatencies,
	})
	if err != nil {
		return nil, err
	}
	return page.Render(t, r)
}

// failed lists the tests that failed.
func (r Report) failed() []Test {
	var out []Test
	for _, t := range r.Tests {
		if t.Status == StatusFailed {
			out = append(out, t)
		}
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
