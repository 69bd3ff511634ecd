package modeltest

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"strconv"

	"github.com/slipway-ml/slipway/internal/stats"
)

// Bounds of what a report tells of curves.
const (
	mostCurves      = 10
	mostCurvePoints = 100
)

// Curve is how well the probability of a class tells its rows from all others:
// the ROC curve and the precision-recall curve.
type Curve struct {
	Class string `json:"class"`
	// Share of the test rows that are of the class: the precision of calling every row so.
	Share float64 `json:"share"`
	// AUC is the area under the ROC curve, with DeLong's interval; nil where it cannot be had.
	AUC         float64   `json:"auc"`
	AUCInterval *Interval `json:"auc_interval,omitempty"`
	// AveragePrecision sums up the precision-recall curve, with its interval by resampling; nil where it cannot be had.
	AveragePrecision         float64   `json:"average_precision"`
	AveragePrecisionInterval *Interval `json:"average_precision_interval,omitempty"`
	// Points are some of both curves, by descending threshold; rounded to six digits.
	Points []stats.CurvePoint `json:"points"`
}

// curves records those of the second of two classes, or of each class against
// the rest; of very many classes, of those that are told apart worst.
func (s *suite) curves(c *classified) error {
	first := len(c.classes) - len(c.rankings)
	var out []Curve
	ranked := map[string]*stats.Ranking{}
	for i, r := range c.rankings {
		_, scores := c.positive(first + i)
		auc, average := r.Areas(nil)
		curve := Curve{Class: c.classes[first+i], Share: r.Base(), AUC: auc, AveragePrecision: average}
		if !isFinite(auc) || !isFinite(average) {
			continue
		}
		_, lo, hi, err := stats.AUCInterval([]*stats.Ranking{r}, []float64{1}, 1-s.in.Tests.Intervals.Level)
		if err != nil {
			return err
		}
		curve.AUCInterval = s.interval(lo, hi, "delong")
		for _, p := range stats.ThinCurve(r.Curve(scores), mostCurvePoints) {
			curve.Points = append(curve.Points, stats.CurvePoint{Threshold: digits(p.Threshold), FPR: digits(p.FPR), TPR: digits(p.TPR), Precision: digits(p.Precision)})
		}
		out, ranked[curve.Class] = append(out, curve), r
	}
	if len(out) > mostCurves {
		worst := slices.Clone(out)
		slices.SortStableFunc(worst, func(a, b Curve) int { return cmp.Compare(a.AUC, b.AUC) })
		bound := worst[mostCurves-1].AUC
		out = slices.DeleteFunc(out, func(c Curve) bool { return c.AUC > bound })
		out = out[:min(len(out), mostCurves)]
	}
	s.report.Curves = out
	return s.averagePrecisions(out, ranked)
}

// averagePrecisions adds their intervals: that of pr_auc if there is one
// curve, else by drawing rows once for all curves told.
func (s *suite) averagePrecisions(curves []Curve, ranked map[string]*stats.Ranking) error {
	if around, ok := s.report.Intervals["pr_auc"]; ok && len(ranked) == 1 && len(curves) == 1 {
		curves[0].AveragePrecisionInterval = &around
		return nil
	}
	if len(curves) == 0 || s.in.Test.Rows() < 2 {
		return nil
	}
	drawn, method, err := s.resample(s.in.Test.Rows(), 3*len(curves), func(weights []float64) []float64 {
		out := make([]float64, len(curves))
		for i, c := range curves {
			out[i] = ranked[c.Class].AveragePrecision(weights)
		}
		return out
	})
	if err != nil {
		return err
	}
	for i := range curves {
		lo, hi, err := drawn.Interval(i, 1-s.in.Tests.Intervals.Level)
		if errors.Is(err, stats.ErrUnstable) {
			continue
		}
		if err != nil {
			return err
		}
		curves[i].AveragePrecisionInterval = s.interval(max(0, lo), min(1, hi), "%s", method)
	}
	return nil
}

// digits rounds to six significant digits.
func digits(v float64) float64 {
	out, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 6, 64), 64)
	if err != nil || math.IsInf(out, 0) {
		return v
	}
	return out
}
