package modeltest

import (
	"errors"
	"slices"

	"github.com/slipway-ml/slipway/internal/stats"
)

// measured is a model's answers to all test rows, of which metrics can be computed.
type measured interface {
	metricNames() []string
	// metrics computes them, in that order, of weighted rows; nil weighs each by 1.
	metrics() func(weights []float64) []float64
	// passes is about how often metrics goes over the rows.
	passes() int
}

// paired is what two models have in common: names of metrics, and their
// differences, the first model's less the second's.
func paired(a, b measured) (names []string, values func(w []float64) (of, other []float64)) {
	inA, inB := a.metricNames(), b.metricNames()
	var placesA, placesB []int
	for i, name := range inA {
		if j := slices.Index(inB, name); j >= 0 {
			names, placesA, placesB = append(names, name), append(placesA, i), append(placesB, j)
		}
	}
	metricsA, metricsB := a.metrics(), b.metrics()
	return names, func(w []float64) (of, other []float64) {
		x, y := metricsA(w), metricsB(w)
		for i := range names {
			of, other = append(of, x[placesA[i]]), append(other, y[placesB[i]])
		}
		return of, other
	}
}

// pairing holds the bootstrapped differences of all metrics that two models share.
type pairing struct {
	names     []string
	of, other []float64
	drawn     resampled
	method    string
}

// pair draws rows once for both models.
func (s *suite) pair(a, b measured) (*pairing, error) {
	p := &pairing{}
	names, values := paired(a, b)
	p.names = names
	p.of, p.other = values(nil)
	rows := s.in.Test.Rows()
	if rows < 2 {
		return nil, errors.New("one row is too few to compare models on")
	}
	var err error
	p.drawn, p.method, err = s.resample(rows, a.passes()+b.passes(), func(w []float64) []float64 {
		x, y := values(w)
		for i := range x {
			x[i] -= y[i]
		}
		return x
	})
	return p, err
}

// above is the one-sided p-value that the first model's metric is not above the second's.
func (p *pairing) above(metric string) (float64, error) {
	return p.drawn.AtMost(slices.Index(p.names, metric), 0)
}

// differences are those that the bootstrap gives an interval.
func (s *suite) differences(p *pairing) ([]Difference, error) {
	var out []Difference
	for i, name := range p.names {
		lo, hi, err := p.drawn.Interval(i, 1-s.in.Tests.Intervals.Level)
		if errors.Is(err, stats.ErrUnstable) {
			continue
		}
		if err != nil {
			return nil, err
		}
		around := s.interval(lo, hi, "paired %s", p.method)
		if around == nil || !isFinite(p.of[i]) || !isFinite(p.other[i]) {
			continue
		}
		out = append(out, Difference{Metric: name, Candidate: p.of[i], Other: p.other[i], Difference: p.of[i] - p.other[i], Interval: *around})
	}
	return out, nil
}
