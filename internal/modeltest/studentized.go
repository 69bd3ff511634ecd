package modeltest

import (
	"errors"
	"fmt"
	"math"

	"github.com/slipway-ml/slipway/internal/stats"
)

const (
	// fewestStudentized are rows of which a standard error says something.
	fewestStudentized = 10
	// likelyMeanless is the probability from which on an interval gets a remark.
	likelyMeanless = 0.5
)

// scaled is a metric that is a smooth function of means, on the scale on
// which its standard error hardly depends on it.
type scaled struct {
	statistic *stats.Smooth
	back      func(float64) float64 // to the metric
}

// scaled is nil for what is no smooth function of means.
func (r *regressed) scaled(metric string) (*scaled, error) {
	switch metric {
	case "rmse":
		return &scaled{stats.LogMean(r.squares()), func(v float64) float64 { return math.Exp(v / 2) }}, nil
	case "mae":
		return &scaled{stats.LogMean(r.distances()), math.Exp}, nil
	case "mape":
		return &scaled{stats.LogMean(r.shares()), math.Exp}, nil
	case "r2":
		statistic, err := stats.LogUnexplained(r.truth, r.squares())
		return &scaled{statistic, func(v float64) float64 { return 1 - math.Exp(v) }}, err
	}
	return nil, nil //nolint:nilnil // for the bootstrap
}

// scaledDifference is that of a metric of two models, nil for what is no smooth function of means.
func scaledDifference(metric string, a, b measured) (*stats.Smooth, error) {
	switch a := whole(a).(type) {
	case *regressed:
		b, ok := whole(b).(*regressed)
		if !ok {
			return nil, nil //nolint:nilnil // for the bootstrap
		}
		switch metric {
		case "rmse":
			return stats.RootMeanDifference(a.squares(), b.squares())
		case "mae":
			return stats.MeanDifference(a.distances(), b.distances())
		case "mape":
			return stats.MeanDifference(a.shares(), b.shares())
		case "r2":
			return stats.ExplainedDifference(a.truth, a.squares(), b.squares())
		}
	case *classified:
		b, ok := whole(b).(*classified)
		if !ok {
			return nil, nil //nolint:nilnil // for the bootstrap
		}
		losses, squares := a.losses()
		otherLosses, otherSquares := b.losses()
		switch metric {
		case "log_loss":
			return stats.MeanDifference(losses, otherLosses)
		case "brier":
			return stats.MeanDifference(squares, otherSquares)
		}
	}
	return nil, nil //nolint:nilnil // for the bootstrap
}

// studentize draws as many resamples as the spec asks for, fewer for many
// rows, and none for very many. Nil is for what these rows do not allow.
func (s *suite) studentize(statistic *stats.Smooth) (*stats.Studentized, string, error) {
	const passes = 6 // over the rows, half of them in a random order
	rows := statistic.Rows()
	if rows < fewestStudentized {
		return nil, "", nil
	}
	count, method := 0, "delta method"
	if affordable := resamplingWork / (rows * (passes + 3)); affordable >= fewestResamples {
		count = min(s.in.Tests.Intervals.Resamples, affordable)
		method = fmt.Sprintf("studentized bootstrap, %d resamples", count)
	}
	drawn, err := stats.Studentize(statistic, count, seed)
	if errors.Is(err, stats.ErrUnstable) {
		return nil, "", nil
	}
	if err == nil {
		if _, heavy := drawn.Tail(); heavy {
			method += ", Pareto tail"
		}
	}
	return drawn, method, err
}

// studentized is the interval of a metric; nil where the rows do not allow it.
func (s *suite) studentized(of *scaled) (*Interval, error) {
	drawn, method, err := s.studentize(of.statistic)
	if drawn == nil || err != nil {
		return nil, err
	}
	lo, hi, err := drawn.Interval(1 - s.in.Tests.Intervals.Level)
	if err != nil {
		return nil, err
	}
	lo, hi = of.back(lo), of.back(hi)
	out := s.interval(min(lo, hi), max(lo, hi), "%s", method)
	return out.remarked(doubt(drawn)), nil
}

// remarked adds a remark, if there is one, to an interval, if there is one.
func (i *Interval) remarked(remark string) *Interval {
	if i != nil {
		i.Remark = remark
	}
	return i
}

// doubt says why an interval may not hold at its level; "" where nothing speaks against it.
func doubt(drawn *stats.Studentized) string {
	tail, heavy := drawn.Tail()
	switch {
	case drawn.Rows < stats.FewestTailed:
		return fmt.Sprintf("not reliable if there are rare large errors: %d rows do not show how heavy their tail is, at least %d are needed", drawn.Rows, stats.FewestTailed)
	case heavy && tail.Meanless > likelyMeanless:
		return fmt.Sprintf("not reliable: the tail is so heavy (estimated tail index %.2f) that there is probably no mean to estimate (none exists from 1 down)", 1/tail.Shape)
	}
	return ""
}
