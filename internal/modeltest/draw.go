package modeltest

import (
	"fmt"
	"html"
	"html/template"
	"strings"

	"github.com/slipway-ml/slipway/internal/page"
)

// drawing collects the elements of an SVG picture. What comes from data goes
// through label, which escapes it.
type drawing struct{ strings.Builder }

func (d *drawing) label(x, y float64, anchor, s string) {
	fmt.Fprintf(d, `<text x="%.1f" y="%.1f" text-anchor="%s" font-size="12" fill="currentColor">%s</text>`, x, y, anchor, html.EscapeString(s))
}

func (d *drawing) picture(width, height float64, description string) template.HTML {
	//nolint:gocritic // an HTML attribute is escaped for HTML, not as a Go string
	return template.HTML(fmt.Sprintf(`<svg viewBox="0 0 %.0f %.0f" style="width:%.0fpx;max-width:100%%;height:auto" role="img" aria-label="%s">%s</svg>`,
		width, height, width, html.EscapeString(description), d.String()))
}

// drawConfusion draws the matrix; of very many classes the first ones.
func drawConfusion(c *Confusion) template.HTML {
	const cell, margin, most = 44.0, 96.0, 20
	n := min(len(c.Classes), most)
	d := &drawing{}
	for i := range n {
		total := int64(0)
		for _, v := range c.Counts[i] {
			total += v
		}
		middle := float64(i)*cell + cell/2
		d.label(margin-8, 24+middle+4, "end", shorten(c.Classes[i]))
		d.label(margin+middle, 16, "middle", shorten(c.Classes[i]))
		for j := range n {
			v := c.Counts[i][j]
			colour := "#b3261e"
			if i == j {
				colour = "#2e7d32"
			}
			fmt.Fprintf(d, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s" fill-opacity="%.3f" stroke="#8884"/>`,
				margin+float64(j)*cell, 24+float64(i)*cell, cell, cell, colour, 0.75*float64(v)/float64(max(1, total)))
			d.label(margin+float64(j)*cell+cell/2, 24+middle+4, "middle", fmt.Sprint(v))
		}
	}
	size := float64(n) * cell
	return d.picture(margin+size+2, 24+size+2, fmt.Sprintf("confusion matrix of %d classes", len(c.Classes)))
}

func shorten(s string) string {
	if runes := []rune(s); len(runes) > 12 {
		return string(runes[:11]) + "…"
	}
	return s
}

// drawLatencies draws a histogram of ascending values in milliseconds.
func drawLatencies(sorted []float64) template.HTML {
	const bins, width, height = 30, 640.0, 140.0
	lo, hi := sorted[0], sorted[len(sorted)-1]
	var counts [bins]int
	highest := 1
	for _, v := range sorted {
		at := 0
		if hi > lo {
			at = min(bins-1, int(float64(bins)*(v-lo)/(hi-lo)))
		}
		counts[at]++
		highest = max(highest, counts[at])
	}
	d := &drawing{}
	const bar = width / bins
	for i, n := range counts {
		tall := height * float64(n) / float64(highest)
		fmt.Fprintf(d, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="#5b8bb5"/>`, float64(i)*bar+1, height-tall, bar-2, tall)
	}
	d.label(0, height+16, "start", page.Number(lo)+" ms")
	d.label(width, height+16, "end", page.Number(hi)+" ms")
	return d.picture(width, height+22, fmt.Sprintf("histogram of %d latencies", len(sorted)))
}
