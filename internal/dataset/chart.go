package dataset

import (
	"fmt"
	"html/template"
	"strings"
)

// Size of a column's chart in pixels.
const (
	chartWidth  = 128
	chartHeight = 28
)

// chart draws a column as bars: the histogram of numbers and dates, the most
// frequent values of others. Only numbers go into the drawing, so that no value
// can break out of it.
func chart(c ColumnSummary) template.HTML {
	var counts []int64
	if c.Histogram != nil {
		counts = c.Histogram.Counts
	}
	for _, f := range c.Top {
		counts = append(counts, int64(f.Rows))
	}
	most := int64(0)
	for _, n := range counts {
		most = max(most, n)
	}
	if most == 0 {
		return ""
	}
	var out strings.Builder
	fmt.Fprintf(&out, `<svg width="%d" height="%d" role="img" aria-label="distribution"><path fill="currentColor" opacity=".55" d="`, chartWidth, chartHeight)
	width := float64(chartWidth) / float64(max(len(counts), 4))
	for i, n := range counts {
		height := float64(chartHeight) * float64(n) / float64(most)
		if n > 0 {
			height = max(height, 1)
		}
		fmt.Fprintf(&out, "M%.4g %dv-%.3gh%.4gV%dz", float64(i)*width, chartHeight, height, width*0.88, chartHeight)
	}
	out.WriteString(`"/></svg>`)
	return template.HTML(out.String()) //nolint:gosec // numbers only
}
