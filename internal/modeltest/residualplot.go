package modeltest

import (
	"fmt"
	"html/template"
	"math"

	"github.com/slipway-ml/slipway/internal/page"
)

// box is a drawing of points in a range of numbers with axes.
type box struct {
	drawing
	left, right, low, high float64 // of the range
}

const boxLeft, boxTop, boxWidth, boxHeight = 76.0, 8.0, 300.0, 220.0

func (b *box) x(v float64) float64 { return boxLeft + boxWidth*(v-b.left)/(b.right-b.left) }
func (b *box) y(v float64) float64 { return boxTop + boxHeight*(b.high-v)/(b.high-b.low) }

// newBox has some room around the range.
func newBox(x, y string, left, right, low, high float64) *box {
	widen := func(a, b float64) (float64, float64) {
		margin := 0.04 * (b - a)
		if !(margin > 0) {
			margin = 0.5
		}
		return a - margin, b + margin
	}
	b := &box{}
	b.left, b.right = widen(left, right)
	b.low, b.high = widen(low, high)
	fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="none" stroke="var(--line)"/>`, boxLeft, boxTop, boxWidth, boxHeight)
	for _, v := range []float64{low, (low + high) / 2, high} {
		b.label(boxLeft-6, b.y(v)+4, "end", fmt.Sprintf("%.3g", v))
	}
	for _, v := range []float64{left, (left + right) / 2, right} {
		b.label(b.x(v), boxTop+boxHeight+16, "middle", fmt.Sprintf("%.3g", v))
	}
	b.label(boxLeft+boxWidth/2, boxTop+boxHeight+32, "middle", x)
	fmt.Fprintf(b, `<text transform="rotate(-90)" x="%.1f" y="12" text-anchor="middle" font-size="12" fill="currentColor">%s</text>`, -(boxTop + boxHeight/2), template.HTMLEscapeString(y))
	return b
}

// dot draws a point, hollow where it stands for one beyond the range.
func (b *box) dot(x, y float64) {
	at := min(max(y, b.low), b.high)
	style := `fill="var(--fill)" fill-opacity=".55"`
	if at != y {
		style = `fill="none" stroke="var(--bad)"`
	}
	fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" %s/>`, b.x(x), b.y(at), style)
}

// guide draws a dashed line to compare with, within the range of x.
func (b *box) guide(value func(x float64) float64) {
	from, to := b.left, b.right
	for range 60 { // shortened to where it is in the box
		if v := value(from); v < b.low || v > b.high {
			from += (b.right - b.left) / 60
		}
		if v := value(to); v < b.low || v > b.high {
			to -= (b.right - b.left) / 60
		}
	}
	if from < to {
		fmt.Fprintf(b, `<path d="M%.1f %.1fL%.1f %.1f" stroke="currentColor" stroke-dasharray="4 4" opacity=".6"/>`, b.x(from), b.y(value(from)), b.x(to), b.y(value(to)))
	}
}

func (b *box) done(description string) template.HTML {
	return b.picture(boxLeft+boxWidth+20, boxTop+boxHeight+38, description)
}

// farOff are residuals, in deviations, that are drawn at the edge, so that a
// few do not hide all others.
const farOff = 6

// drawResiduals draws residuals against predictions; at 0, the model is right.
func drawResiduals(r *Residuals) template.HTML {
	left, right := math.Inf(1), math.Inf(-1)
	low, high, beyond := 0.0, 0.0, 0
	for _, p := range r.Points {
		left, right = min(left, p.Predicted), max(right, p.Predicted)
		if math.Abs(p.Residual) > farOff*r.Deviation {
			beyond++
		}
		at := min(max(p.Residual, -farOff*r.Deviation), farOff*r.Deviation)
		low, high = min(low, at), max(high, at)
	}
	b := newBox("prediction", "truth less prediction", left, right, low, high)
	b.guide(func(float64) float64 { return 0 })
	for _, p := range r.Points {
		b.dot(p.Predicted, p.Residual)
	}
	told := fmt.Sprintf("residuals of %d rows against predictions; mean %s, standard deviation %s", len(r.Points), page.Number(r.Mean), page.Number(r.Deviation))
	if beyond > 0 {
		told += fmt.Sprintf("; %d lie beyond %d standard deviations and are drawn hollow, at the edge", beyond, farOff)
	}
	return b.done(told)
}

// drawNormality draws the residuals' quantiles against those of a normal distribution.
func drawNormality(r *Residuals) template.HTML {
	first, last := r.Quantiles[0], r.Quantiles[len(r.Quantiles)-1]
	b := newBox("normal quantile", "residual, in standard deviations", first.Normal, last.Normal, first.Residual, last.Residual)
	b.guide(func(x float64) float64 { return x })
	for _, q := range r.Quantiles {
		b.dot(q.Normal, q.Residual)
	}
	return b.done("quantiles of the residuals against those of a normal distribution")
}
