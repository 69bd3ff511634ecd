package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// heavyShape is the least shape of a tail at which resampling the rows no
// longer shows how far the mean may lie beyond them; the variance is infinite from 0.5 on.
const heavyShape = 0.25

// Studentized holds what a smooth function of means may be: by the studentized
// bootstrap (bootstrap-t), how far resamples lie from the table, each in its own
// standard errors, tells how far the table lies from the truth. It sees that
// tables without a large value underrate both the function and its error, which the BCa interval does not.
//
// Where the largest influences of rows have a heavy tail, an interval reaches
// on that side at least as far as the posterior of their mean by a generalised Pareto tail:
// the studentized mean is then no longer normal, and its bootstrap not consistent.
//
// Sources: B. Efron, "Nonparametric standard errors and confidence intervals",
// Canadian Journal of Statistics 9 (1981); P. Hall, Annals of Statistics 16 (1988);
// that it fails for infinite variance: K. B. Athreya, Annals of Statistics 15 (1987); for the tail see tailMean.
type Studentized struct {
	Rows, Resamples int
	estimate, width float64
	distances       []float64 // ascending, in standard errors
	upper, lower    *tailMean // of the influences, and of the influences with the other sign; nil where they are not heavy
	logarithm       bool
}

// Studentize draws resamples with a seed: the same seed gives the same outcome.
// None, for very many rows, takes distances in standard errors as normal. The error is ErrUnstable where
// the function or its standard error is undefined, of the table or of half the resamples.
func Studentize(statistic *Smooth, resamples int, seed uint64) (*Studentized, error) {
	rows := statistic.rows
	if rows < 2 || rows > math.MaxInt32 || resamples < 0 {
		return nil, fmt.Errorf("studentized bootstrap: %d rows and %d resamples; want at least 2 and 0", rows, resamples)
	}
	drawn := make([]int32, rows)
	for i := range drawn {
		drawn[i] = int32(i)
	}
	s := &Studentized{Rows: rows, Resamples: resamples, logarithm: statistic.logarithm}
	s.estimate, s.width = statistic.at(drawn)
	if !finite(s.estimate) || !finite(s.width) {
		return nil, fmt.Errorf("studentized bootstrap: %w", ErrUnstable)
	}
	if s.width == 0 {
		return s, nil
	}
	s.tails(statistic.influences())
	random := rand.New(rand.NewPCG(seed, uint64(rows))) //nolint:gosec // statistics, not secrets
	for range resamples {
		for i := range drawn {
			drawn[i] = int32(random.IntN(rows))
		}
		v, e := statistic.at(drawn)
		if d := (v - s.estimate) / e; finite(d) {
			s.distances = append(s.distances, d)
		}
	}
	if 2*len(s.distances) < resamples {
		return nil, fmt.Errorf("studentized bootstrap: %w", ErrUnstable)
	}
	slices.Sort(s.distances)
	return s, nil
}

func (s *Studentized) tails(influences []float64) {
	heavy := func() *tailMean {
		if tail, ok := newTailMean(influences); ok && tail.shape > heavyShape {
			return tail
		}
		return nil
	}
	s.upper = heavy()
	for i := range influences {
		influences[i] = -influences[i]
	}
	s.lower = heavy()
}

// Estimate is the function of the table.
func (s *Studentized) Estimate() float64 { return s.estimate }

// Interval is the two-sided confidence interval at 1-alpha.
func (s *Studentized) Interval(alpha float64) (lo, hi float64, err error) {
	if err := checkAlpha(alpha); err != nil {
		return 0, 0, fmt.Errorf("studentized interval: %w", err)
	}
	if s.width == 0 {
		return s.estimate, s.estimate, nil
	}
	lo, hi = s.estimate-s.width*s.distance(1-alpha/2), s.estimate-s.width*s.distance(alpha/2)
	if s.lower != nil {
		lo = min(lo, s.estimate-s.reach(s.lower.quantile(alpha/2)))
	}
	if s.upper != nil {
		hi = max(hi, s.estimate+s.reach(s.upper.quantile(alpha/2)))
	}
	return lo, hi, nil
}

// distance is a quantile of the distances, at rank (n+1)q of n, so that an
// interval and a test of one level say the same.
//
// Source: A. C. Davison and D. V. Hinkley, "Bootstrap Methods and their Application" (1997), section 5.2.
func (s *Studentized) distance(q float64) float64 {
	n := float64(len(s.distances))
	switch n {
	case 0:
		return distuv.UnitNormal.Quantile(q)
	case 1:
		return s.distances[0]
	}
	return quantileSorted(s.distances, min(1, max(0, ((n+1)*q-1)/(n-1))))
}

// reach is how far a mean influence moves the function. A logarithm has
// relative influences.
func (s *Studentized) reach(influence float64) float64 {
	if s.logarithm {
		return math.Log1p(max(0, influence))
	}
	return influence
}

// influence undoes reach.
func (s *Studentized) influence(reach float64) float64 {
	if s.logarithm {
		return math.Expm1(reach)
	}
	return reach
}

// AtMost is the one-sided p-value of "the function is at most value": the alpha
// at which the lower bound passes value, never below 1/(resamples+1).
func (s *Studentized) AtMost(value float64) float64 {
	p := s.share(s.estimate-value, -1)
	if s.lower != nil && s.estimate > value {
		p = max(p, s.lower.above(s.influence(s.estimate-value)))
	}
	return p
}

// AtLeast is the one-sided p-value of "the function is at least value".
func (s *Studentized) AtLeast(value float64) float64 {
	p := s.share(value-s.estimate, 1)
	if s.upper != nil && s.estimate < value {
		p = max(p, s.upper.above(s.influence(value-s.estimate)))
	}
	return p
}

// share of resamples that lie at least so far off on the side that sign makes negative.
func (s *Studentized) share(off, sign float64) float64 {
	least := 1 / float64(len(s.distances)+1)
	switch {
	case s.width == 0 && off > 0:
		return least
	case s.width == 0:
		return 1
	case s.Resamples == 0:
		return distuv.UnitNormal.CDF(-off / s.width)
	}
	beyond := 1.0
	for _, d := range s.distances {
		if sign*d <= -off/s.width {
			beyond++
		}
	}
	return beyond * least
}

// Tail is what the influences of rows say of a heavy tail.
type Tail struct {
	// Shape of the generalised Pareto tail, the inverse of the tail index: no
	// variance from 0.5 on, no mean from 1 on.
	Shape float64
	// Meanless is the probability, given the rows, that there is no mean.
	Meanless float64
}

// Tail is the heavier one of the two; false where neither is heavy.
func (s *Studentized) Tail() (Tail, bool) {
	out, found := Tail{}, false
	for _, t := range []*tailMean{s.lower, s.upper} {
		if t != nil && (!found || t.meanless > out.Meanless) {
			out, found = Tail{Shape: t.any, Meanless: t.meanless}, true
		}
	}
	return out, found
}
