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

// pairing holds what is known of the differences of all metrics that two models share.
type pairing struct {
	names     []string
	of, other []float64
	contrasts []contrast // by name
}

// contrast is what is known of one difference.
type contrast struct {
	interval        func(alpha float64) (lo, hi float64, err error)
	atMost, atLeast func(value float64) (p float64, err error)
	method, remark  string
}

// pair studentizes the differences that are smooth functions of means, and
// draws rows once for both models for all others.
func (s *suite) pair(a, b measured) (*pairing, error) {
	p := &pairing{}
	names, values := paired(a, b)
	p.names, p.contrasts = names, make([]contrast, len(names))
	p.of, p.other = values(nil)
	rows := s.in.Test.Rows()
	if rows < 2 {
		return nil, errors.New("one row is too few to compare models on")
	}
	missing := false
	for i, name := range names {
		found, err := s.contrast(name, a, b)
		if err != nil {
			return nil, err
		}
		if found == nil {
			missing = true
			continue
		}
		p.contrasts[i] = *found
	}
	if !missing {
		return p, nil
	}
	drawn, method, err := s.resample(rows, a.passes()+b.passes(), func(w []float64) []float64 {
		x, y := values(w)
		for i := range x {
			x[i] -= y[i]
		}
		return x
	})
	if err != nil {
		return nil, err
	}
	for i := range names {
		if p.contrasts[i].interval == nil {
			p.contrasts[i] = contrast{
				interval: func(alpha float64) (lo, hi float64, err error) { return drawn.Interval(i, alpha) },
				atMost:   func(value float64) (float64, error) { return drawn.AtMost(i, value) },
				atLeast:  func(value float64) (float64, error) { return drawn.AtLeast(i, value) },
				method:   method,
			}
		}
	}
	return p, nil
}

// contrast is the studentized one; nil where the metric or the rows do not allow it.
func (s *suite) contrast(metric string, a, b measured) (*contrast, error) {
	statistic, err := scaledDifference(metric, a, b)
	if statistic == nil || err != nil {
		return nil, err
	}
	drawn, method, err := s.studentize(statistic)
	if drawn == nil || err != nil {
		return nil, err
	}
	return &contrast{
		interval: drawn.Interval,
		atMost:   func(value float64) (float64, error) { return drawn.AtMost(value), nil },
		atLeast:  func(value float64) (float64, error) { return drawn.AtLeast(value), nil },
		method:   method, remark: doubt(drawn),
	}, nil
}

// above is the one-sided p-value that the first model's metric is not above the second's.
func (p *pairing) above(metric string) (float64, error) {
	return p.contrasts[slices.Index(p.names, metric)].atMost(0)
}

// below is the one-sided p-value that the first model's metric is not below the second's.
func (p *pairing) below(metric string) (float64, error) {
	return p.contrasts[slices.Index(p.names, metric)].atLeast(0)
}

// differences are those that have an interval.
func (s *suite) differences(p *pairing) ([]Difference, error) {
	var out []Difference
	for i, name := range p.names {
		lo, hi, err := p.contrasts[i].interval(1 - s.in.Tests.Intervals.Level)
		if errors.Is(err, stats.ErrUnstable) {
			continue
		}
		if err != nil {
			return nil, err
		}
		around := s.interval(lo, hi, "paired %s", p.contrasts[i].method).remarked(p.contrasts[i].remark)
		if around == nil || !isFinite(p.of[i]) || !isFinite(p.other[i]) {
			continue
		}
		out = append(out, Difference{Metric: name, Candidate: p.of[i], Other: p.other[i], Difference: p.of[i] - p.other[i], Interval: *around})
	}
	return out, nil
}
