package modeltest

import (
	"errors"
	"fmt"
	"math"

	"github.com/slipway-ml/slipway/internal/stats"
)

const (
	// resamplingWork bounds rows x passes over them x resamples: about a second of work.
	resamplingWork = 150_000_000
	// fewestResamples are too few for a bootstrap that is cut short; beyond them
	// rows are so many that the jackknife does as well.
	fewestResamples = 200
	// mostGroups and fewestGroups bound the groups that the jackknife leaves out in turn.
	mostGroups   = 100
	fewestGroups = 20
)

// seed of all that is drawn: the same model, rows and spec give the same report.
const seed = 1

// resampled is what a bootstrap or a jackknife says of several statistics.
type resampled interface {
	Interval(statistic int, alpha float64) (lo, hi float64, err error)
	AtMost(statistic int, value float64) (p float64, err error)
	AtLeast(statistic int, value float64) (p float64, err error)
}

// resample draws as many resamples as the spec asks for, fewer for many rows,
// and takes the jackknife for very many. passes says how often the statistics go over the rows.
func (s *suite) resample(rows, passes int, statistics func(weights []float64) []float64) (resampled, string, error) {
	affordable := resamplingWork / (rows * (passes + 3)) // drawing rows is work, too
	if affordable < fewestResamples {
		groups := min(rows, max(fewestGroups, min(mostGroups, 5*affordable)))
		j, err := stats.NewJackknife(rows, groups, statistics)
		return j, fmt.Sprintf("jackknife, %d groups", groups), err
	}
	count := min(s.in.Tests.Intervals.Resamples, affordable)
	b, err := stats.NewBootstrap(rows, count, seed, statistics)
	return b, fmt.Sprintf("bca bootstrap, %d resamples", count), err
}

// interval makes the finite interval of a metric, or none.
func (s *suite) interval(lo, hi float64, method string, args ...any) *Interval {
	if !isFinite(lo) || !isFinite(hi) {
		return nil
	}
	return &Interval{Low: lo, High: hi, Level: s.in.Tests.Intervals.Level, Method: fmt.Sprintf(method, args...)}
}

// measureAll records metrics with their intervals: analytic where analytic
// knows the metric, else by resampling.
func (s *suite) measureAll(rows int, of measured, analytic func(name string) (*Interval, error)) error {
	names, metrics := of.metricNames(), of.metrics()
	values := metrics(nil)
	s.report.Intervals = map[string]Interval{}
	missing := false
	for i, name := range names {
		s.report.measure(name, values[i])
		if !isFinite(values[i]) {
			continue
		}
		found, err := analytic(name)
		if err != nil {
			return fmt.Errorf("interval of %s: %w", name, err)
		}
		if found != nil {
			s.report.Intervals[name] = *found
		} else {
			missing = true
		}
	}
	if !missing || rows < 2 {
		return nil
	}
	drawn, method, err := s.resample(rows, of.passes(), metrics)
	if err != nil {
		return err
	}
	for i, name := range names {
		if _, have := s.report.Intervals[name]; have {
			continue
		}
		lo, hi, err := drawn.Interval(i, 1-s.in.Tests.Intervals.Level)
		if errors.Is(err, stats.ErrUnstable) {
			continue
		}
		if err != nil {
			return fmt.Errorf("interval of %s: %w", name, err)
		}
		if found := s.interval(lo, hi, "%s", method); found != nil {
			s.report.Intervals[name] = *found
		}
	}
	return nil
}

// analyticInterval knows the shares of rows that are drawn independently, and areas under ROC curves.
func (s *suite) analyticInterval(c *classified) func(name string) (*Interval, error) {
	alpha := 1 - s.in.Tests.Intervals.Level
	wilson := func(right, of float64) (*Interval, error) {
		if of == 0 {
			return nil, nil //nolint:nilnil // there is no interval
		}
		lo, hi, err := stats.Wilson(int64(right), int64(of), alpha)
		return s.interval(lo, hi, "wilson"), err
	}
	m := c.matrix
	return func(name string) (*Interval, error) {
		switch {
		case name == "accuracy":
			return wilson(sum(c.right()), float64(len(c.truth)))
		case name == "precision" && c.binary():
			return wilson(m.At(1, 1), m.At(0, 1)+m.At(1, 1))
		case name == "recall" && c.binary():
			return wilson(m.At(1, 1), m.At(1, 0)+m.At(1, 1))
		case name == "log_loss":
			losses, _ := c.losses()
			return s.studentized(&scaled{stats.LogMean(losses), math.Exp})
		case name == "auc":
			weights := make([]float64, len(c.rankings))
			for i := range weights {
				weights[i] = 1 / float64(len(weights))
			}
			_, lo, hi, err := stats.AUCInterval(c.rankings, weights, alpha)
			return s.interval(lo, hi, "delong"), err
		}
		return nil, nil //nolint:nilnil // for the bootstrap
	}
}

// errorInterval knows the errors of a regression, whose tails may be heavy.
func (s *suite) errorInterval(r *regressed) func(name string) (*Interval, error) {
	return func(name string) (*Interval, error) {
		of, err := r.scaled(name)
		if of == nil || err != nil {
			return nil, err
		}
		return s.studentized(of)
	}
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func sum(x []float64) float64 {
	total := 0.0
	for _, v := range x {
		total += v
	}
	return total
}
