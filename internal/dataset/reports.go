package dataset

import (
	_ "embed"
	"fmt"
	"html/template"
	"strings"

	"github.com/slipway-ml/slipway/internal/page"
)

// Reports is the verdict on all tables of a data version.
type Reports []Report

// Passed tells that every table passed.
func (rs Reports) Passed() bool {
	for _, r := range rs {
		if !r.Passed {
			return false
		}
	}
	return true
}

// Summary says in a line what failed, or that all is well.
func (rs Reports) Summary() string {
	var failed []string
	rows := 0
	for _, r := range rs {
		rows += r.Rows
		if !r.Passed {
			failed = append(failed, r.Table+": "+r.Summary())
		}
	}
	if len(failed) > 0 {
		return strings.Join(failed, "; ")
	}
	return fmt.Sprintf("%s in %d tables as the schema wants", pluralRows(rows), len(rs))
}

// Quality is the worst of the tables for each quality check: a release is as good as its weakest table.
func (rs Reports) Quality() map[string]float64 {
	worst := map[string]float64{}
	for _, r := range rs {
		for name, v := range r.Quality {
			if have, ok := worst[name]; !ok || v < have {
				worst[name] = v
			}
		}
	}
	return worst
}

//go:embed reports.html
var reportsPage string

// HTML draws the verdict as one page: what failed first, then the columns.
func (rs Reports) HTML() ([]byte, error) {
	t, err := page.Parse("Data validation", reportsPage, template.FuncMap{
		"passed": rs.Passed, "summary": rs.Summary, "quality": rs.Quality, "chart": chart,
	})
	if err != nil {
		return nil, err
	}
	return page.Render(t, rs)
}
