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

func (d *drawing) rule(x1, y1, x2, y2 float64, colour string) {
	fmt.Fprintf(d, `<path d="M%.1f %.1fL%.1f %.1f" stroke="%s" stroke-width="2"/>`, x1, y1, x2, y2, colour)
}

func (d *drawing) picture(width, height float64, description string) template.HTML {
	//nolint:gocritic // an HTML attribute is escaped for HTML, not as a Go string
	return template.HTML(fmt.Sprintf(`<svg viewBox="0 0 %.0f %.0f" style="width:%.0fpx;max-width:max(100%%,30rem);height:auto" role="img" aria-label="%s">%s</svg>`,
		width, height, width, html.EscapeString(description), d.String()))
}

// mostClasses bounds a confusion matrix that is drawn.
const mostClasses = 20

// drawConfusion draws the matrix; of very many classes the first ones.
func drawConfusion(c *Confusion) template.HTML {
	const margin = 96.0
	n, cell := min(len(c.Classes), mostClasses), 44.0
	if n > 5 {
		cell = 30
	}
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
			colour := "var(--bad)"
			if i == j {
				colour = "var(--good)"
			}
			fmt.Fprintf(d, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s" fill-opacity="%.3f" stroke="#8884"/>`,
				margin+float64(j)*cell, 24+float64(i)*cell, cell, cell, colour, 0.75*float64(v)/float64(max(1, total)))
			d.label(margin+float64(j)*cell+cell/2, 24+middle+4, "middle", fmt.Sprint(v))
		}
	}
	size := float64(n) * cell
	return d.picture(margin+size+2, 24+size+2, fmt.Sprintf("confusion matrix of %d classes", len(c.Classes)))
}

func shorten(s string) string { return shortenTo(s, 12) }

func shortenTo(s string, most int) string {
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return s
}

// drawLatencies draws a histogram of ascending values in milliseconds. What is
// far beyond the 95th percentile falls into the last bar, so that one slow run
// does not hide the others.
func drawLatencies(sorted []float64) template.HTML {
	const bins, width, height = 30, 560.0, 120.0
	at := func(q float64) float64 { return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))] }
	lo, hi := sorted[0], sorted[len(sorted)-1]
	last := page.Number(hi) + " ms"
	if bound := 3 * at(0.95); bound < hi {
		hi, last = bound, page.Number(bound)+" ms and more"
	}
	place := func(v float64) float64 {
		if hi <= lo {
			return 0
		}
		return min(1, (v-lo)/(hi-lo))
	}
	var counts [bins]int
	highest := 1
	for _, v := range sorted {
		bin := min(bins-1, int(bins*place(v)))
		counts[bin]++
		highest = max(highest, counts[bin])
	}
	d := &drawing{}
	const bar = width / bins
	for i, n := range counts {
		tall := height * float64(n) / float64(highest)
		fmt.Fprintf(d, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="var(--fill)"/>`, float64(i)*bar+1, 16+height-tall, bar-2, tall)
	}
	for _, mark := range []struct {
		name string
		at   float64
	}{{"p50", 0.5}, {"p95", 0.95}} {
		x := width * place(at(mark.at))
		d.rule(x, 14, x, 16+height, "currentColor")
		d.label(min(max(x, 14), width-14), 11, "middle", mark.name)
	}
	d.label(0, height+32, "start", page.Number(lo)+" ms")
	d.label(width, height+32, "end", last)
	return d.picture(width, height+38, fmt.Sprintf("histogram of %d latencies", len(sorted)))
}
