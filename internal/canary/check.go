package canary

import (
	"fmt"
	"math"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/spec"
	"github.com/slipway-ml/slipway/internal/stats"
)

// errorsCheck is Fisher's exact one-sided test: does the candidate fail more
// often than production?
func errorsCheck(cand, base ArmStats, level float64) contract.Check {
	c := contract.Check{Name: CheckErrors, Value: cand.rate(), Limit: base.rate(), P: 1}
	p, err := stats.FisherGreater(cand.Errors, cand.Requests, base.Errors, base.Requests)
	if err != nil {
		c.Detail = "the errors can't be compared: " + err.Error()
		return c
	}
	c.P = p
	c.Failed = level > 0 && p <= level
	c.Detail = fmt.Sprintf("errors: %s of the candidate (%d of %d) against %s of production (%d of %d), p = %.2g, alarm at %.2g",
		percent(cand.rate()), cand.Errors, cand.Requests, percent(base.rate()), base.Errors, base.Requests, p, level)
	return c
}

// errorRateCheck fails when the candidate's error rate is above the limit for
// sure: the exact lower confidence bound of Clopper and Pearson exceeds it.
func errorRateCheck(cand ArmStats, limit, level float64) contract.Check {
	c := contract.Check{Name: CheckErrorRate, Value: cand.rate(), Limit: limit}
	if cand.Requests == 0 || level <= 0 {
		c.Detail = "error rate: no answers yet"
		return c
	}
	lower, err := stats.BinomialLower(cand.Errors, cand.Requests, level)
	if err != nil {
		c.Detail = "the error rate can't be bounded: " + err.Error()
		return c
	}
	c.Failed = lower > limit
	c.Detail = fmt.Sprintf("error rate: %s (%d of %d answers), surely above %s, allowed %s",
		percent(cand.rate()), cand.Errors, cand.Requests, percent(lower), percent(limit))
	return c
}

// latencyCheck fails when the candidate's latency quantile is for sure above
// ratio times production's and above the floor.
//
// Both bounds are order statistics, so no distribution is supposed: the
// candidate's quantile lies below its lower bound, and production's above its
// upper bound, with probability at most level/2 each. The sketch's relative
// error is taken off the one and put onto the other.
func latencyCheck(cand, base ArmStats, limits spec.Analysis, level float64) contract.Check {
	q := limits.LatencyQuantile
	c := contract.Check{Name: CheckLatency, Value: cand.quantile(q), Limit: limits.MaxLatencyRatio * base.quantile(q)}
	lower, ok := lowerBound(cand, q, level/2)
	upper, ok2 := upperBound(base, q, level/2)
	if !ok || !ok2 {
		c.Detail = fmt.Sprintf("latency: too few answers to bound the %g quantile (%d of the candidate, %d of production)", q, cand.timed(), base.timed())
		return c
	}
	c.Limit = limits.MaxLatencyRatio * upper
	c.Failed = lower > c.Limit && lower > limits.LatencyFloorMS
	c.Detail = fmt.Sprintf("latency: the %g quantile of the candidate is %s ms, surely above %s; of production %s ms, surely below %s; allowed is %g times as much, and never less than %g ms counts",
		q, ms(c.Value), ms(lower), ms(base.quantile(q)), ms(upper), limits.MaxLatencyRatio, limits.LatencyFloorMS)
	return c
}

func lowerBound(a ArmStats, q, level float64) (float64, bool) {
	n := a.timed()
	lo, _, err := stats.QuantileRanks(n, q, level)
	if err != nil {
		return 0, false
	}
	v, ok := atRank(a.Latency, lo, n)
	return v / (1 + LatencyAccuracy), ok
}

func upperBound(a ArmStats, q, level float64) (float64, bool) {
	n := a.timed()
	_, hi, err := stats.QuantileRanks(n, q, level)
	if err != nil {
		return 0, false
	}
	v, ok := atRank(a.Latency, hi, n)
	return v / (1 - LatencyAccuracy), ok
}

// finite keeps a check printable as JSON when a limit of the spec is no number.
func finite(c *contract.Check) {
	for _, v := range []*float64{&c.Value, &c.Limit, &c.P} {
		if math.IsNaN(*v) || math.IsInf(*v, 0) {
			*v = 0
		}
	}
}

func percent(share float64) string { return fmt.Sprintf("%.3g %%", 100*share) }

func ms(v float64) string { return fmt.Sprintf("%.3g", v) }
