package modeltest

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/slipway-ml/slipway/internal/page"
	"github.com/slipway-ml/slipway/internal/stats"
)

// square is a drawing of the unit square with axes.
type square struct{ drawing }

const squareLeft, squareTop, squareSide = 46.0, 8.0, 220.0

func squareX(v float64) float64 { return squareLeft + squareSide*v }
func squareY(v float64) float64 { return squareTop + squareSide*(1-v) }

func newSquare(x, y string) *square {
	s := &square{}
	fmt.Fprintf(s, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="none" stroke="var(--line)"/>`, squareLeft, squareTop, squareSide, squareSide)
	for _, v := range []float64{0, 0.5, 1} {
		s.label(squareLeft-6, squareY(v)+4, "end", page.Number(v))
		s.label(squareX(v), squareTop+squareSide+16, "middle", page.Number(v))
	}
	s.label(squareX(0.5), squareTop+squareSide+32, "middle", x)
	fmt.Fprintf(s, `<text transform="rotate(-90)" x="%.1f" y="12" text-anchor="middle" font-size="12" fill="currentColor">%s</text>`, -squareY(0.5), template.HTMLEscapeString(y))
	return s
}

// guide draws a dashed line to compare with.
func (s *square) guide(x1, y1, x2, y2 float64) {
	fmt.Fprintf(s, `<path d="M%.1f %.1fL%.1f %.1f" stroke="currentColor" stroke-dasharray="4 4" opacity=".5"/>`, squareX(x1), squareY(y1), squareX(x2), squareY(y2))
}

// done has room for so many lines of a legend.
func (s *square) done(legend float64, description string) template.HTML {
	return s.picture(squareLeft+squareSide+14+legend, squareTop+squareSide+38, description)
}

// series is how line number i of a chart is drawn: by colour and by dashes, so
// that it can be told without seeing colours.
func series(i int) string {
	dashes := []string{"none", "6 3"}
	return fmt.Sprintf(`stroke="var(--s%d)" stroke-width="2" stroke-dasharray=%q`, i%5+1, dashes[i/5%len(dashes)])
}

// drawReliability draws how often what was predicted came true.
func drawReliability(c *Calibration) template.HTML {
	d := newSquare("predicted probability", "share that came true")
	d.guide(0, 0, 1, 1)
	for i, b := range c.Bins {
		if i > 0 {
			last := c.Bins[i-1]
			d.rule(squareX(last.Predicted), squareY(last.Observed), squareX(b.Predicted), squareY(b.Observed), "var(--fill)")
		}
	}
	for _, b := range c.Bins {
		fmt.Fprintf(d, `<path d="M%.1f %.1fV%.1f" stroke="var(--fill)" opacity=".6"/>`, squareX(b.Predicted), squareY(b.Low), squareY(b.High))
		fmt.Fprintf(d, `<circle cx="%.1f" cy="%.1f" r="4" fill="var(--fill)"/>`, squareX(b.Predicted), squareY(b.Observed))
	}
	return d.done(0, fmt.Sprintf("reliability curve: expected calibration error %s", page.Number(c.ECE)))
}

// drawROC draws the ROC curves; the diagonal is guessing.
func drawROC(curves []Curve) template.HTML {
	d := newSquare("false positive rate", "true positive rate")
	d.guide(0, 0, 1, 1)
	for i, c := range curves {
		path := &strings.Builder{}
		fmt.Fprintf(path, "M%.1f %.1f", squareX(0), squareY(0))
		for _, p := range c.Points {
			fmt.Fprintf(path, "L%.1f %.1f", squareX(p.FPR), squareY(p.TPR))
		}
		fmt.Fprintf(d, `<path d="%s" fill="none" %s/>`, path, series(i))
	}
	return d.legend(curves, "ROC curves", "AUC", func(c Curve) float64 { return c.AUC })
}

// drawPrecisionRecall draws the precision-recall curves as average precision
// counts them, in steps; of a single one with the precision of calling every row positive.
func drawPrecisionRecall(curves []Curve) template.HTML {
	d := newSquare("recall", "precision")
	if len(curves) == 1 {
		d.guide(0, curves[0].Share, 1, curves[0].Share)
	}
	for i, c := range curves {
		path, last := &strings.Builder{}, stats.CurvePoint{Precision: c.Points[0].Precision}
		fmt.Fprintf(path, "M%.1f %.1f", squareX(0), squareY(last.Precision))
		for _, p := range c.Points {
			if p.TPR > last.TPR {
				fmt.Fprintf(path, "V%.1fH%.1f", squareY(p.Precision), squareX(p.TPR))
			}
			last = p
		}
		fmt.Fprintf(d, `<path d="%s" fill="none" %s/>`, path, series(i))
	}
	return d.legend(curves, "precision-recall curves", "AP", func(c Curve) float64 { return c.AveragePrecision })
}

// legend names the lines beside the square, unless there is one.
func (s *square) legend(curves []Curve, what, metric string, value func(Curve) float64) template.HTML {
	told := make([]string, len(curves))
	for i, c := range curves {
		told[i] = fmt.Sprintf("%s %s", shorten(c.Class), page.Number(value(c)))
		if len(curves) > 1 {
			x, y := squareX(1)+16, squareTop+26+19*float64(i)
			fmt.Fprintf(s, `<path d="M%.1f %.1fh24" %s/>`, x, y, series(i))
			s.label(x+30, y+4, "start", told[i])
		}
	}
	width := 0.0
	if len(curves) > 1 {
		s.label(squareX(1)+16, squareTop+8, "start", "class, "+metric)
		width = 150
	}
	return s.done(width, fmt.Sprintf("%s; class and %s: %s", what, metric, strings.Join(told, ", ")))
}
