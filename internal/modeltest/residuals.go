package modeltest

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Bounds of what a report tells of residuals.
const (
	mostResiduals   = 300 // spread evenly over the predictions
	largestOff      = 20  // and those that are furthest off
	mostQuantiles   = 100
	residualSteps   = 500 // to which points are rounded, of the range of all
	fewestResiduals = 3
)

// Residuals are what a regression leaves unexplained: the truth less the
// prediction. They show a model that is wrong on average somewhere, errors that grow, and heavy tails.
type Residuals struct {
	// Mean and Deviation are of all rows, in the unit of the label.
	Mean      float64 `json:"mean"`
	Deviation float64 `json:"deviation"`
	// Points are some rows, by ascending prediction, rounded to a 500th of the range of all.
	Points []ResidualPoint `json:"points"`
	// Quantiles are some residuals, ascending, less Mean and over Deviation,
	// each with what a normal distribution would have in its place.
	Quantiles []ResidualQuantile `json:"quantiles"`
}

// ResidualPoint is a row.
type ResidualPoint struct {
	Predicted float64 `json:"predicted"`
	Residual  float64 `json:"residual"`
}

// ResidualQuantile is a point of the normal quantile-quantile plot.
type ResidualQuantile struct {
	Normal   float64 `json:"normal"`
	Residual float64 `json:"residual"`
}

// residuals are nil for a label that is personal, as prediction and residual
// add up to it, and where there is nothing to see.
func (s *suite) residuals(r *regressed) *Residuals {
	if s.personal(s.in.Data.Label) {
		return nil
	}
	return residualsOf(r.truth, r.pred)
}

func residualsOf(truth, pred []float64) *Residuals {
	n := len(truth)
	off := make([]float64, n)
	for i := range off {
		off[i] = truth[i] - pred[i]
	}
	out := &Residuals{Mean: mean(off, nil)}
	squares := 0.0
	for _, v := range off {
		squares += (v - out.Mean) * (v - out.Mean)
	}
	out.Deviation = math.Sqrt(squares / float64(n-1))
	if n < fewestResiduals || !(out.Deviation > 0) || !isFinite(out.Deviation) {
		return nil
	}
	out.Points = residualPoints(pred, off)
	out.Quantiles = residualQuantiles(off, out.Mean, out.Deviation)
	return out
}

// residualPoints picks rows.
func residualPoints(pred, off []float64) []ResidualPoint {
	n := len(pred)
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	slices.SortStableFunc(rows, func(a, b int) int { return cmp.Compare(math.Abs(off[b]), math.Abs(off[a])) })
	picked := make([]bool, n)
	for _, row := range rows[:min(n, largestOff)] {
		picked[row] = true
	}
	slices.SortStableFunc(rows, func(a, b int) int { return cmp.Compare(pred[a], pred[b]) })
	for i := range min(n, mostResiduals) {
		picked[rows[i*n/min(n, mostResiduals)]] = true
	}
	x, y := (slices.Max(pred)-slices.Min(pred))/residualSteps, (slices.Max(off)-slices.Min(off))/residualSteps
	var out []ResidualPoint
	for _, row := range rows {
		if picked[row] {
			out = append(out, ResidualPoint{Predicted: roundTo(pred[row], x), Residual: roundTo(off[row], y)})
		}
	}
	return out
}

// roundTo rounds to a multiple of step.
func roundTo(v, step float64) float64 {
	if rounded := math.Round(v/step) * step; isFinite(rounded) {
		v = rounded
	}
	return digits(v)
}

// residualQuantiles picks ranks whose normal quantiles are evenly apart. The
// plotting position of rank i of n is (i-1/2)/n.
//
// Source: M. B. Wilk and R. Gnanadesikan, Biometrika 55 (1968).
func residualQuantiles(off []float64, mean, deviation float64) []ResidualQuantile {
	sorted := slices.Sorted(slices.Values(off))
	n := float64(len(sorted))
	last := distuv.UnitNormal.Quantile(1 - 0.5/n)
	var out []ResidualQuantile
	count, before := min(len(sorted), mostQuantiles), -1
	for i := range count {
		rank := i
		if count < len(sorted) {
			at := last * (2*float64(i)/float64(count-1) - 1)
			rank = min(len(sorted)-1, max(0, int(math.Round(n*distuv.UnitNormal.CDF(at)-0.5))))
		}
		if rank == before {
			continue
		}
		before = rank
		out = append(out, ResidualQuantile{
			Normal:   digits(distuv.UnitNormal.Quantile((float64(rank) + 0.5) / n)),
			Residual: digits((sorted[rank] - mean) / deviation),
		})
	}
	return out
}
