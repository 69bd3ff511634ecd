package dataset

import (
	"math"
	"sort"
	"strconv"
)

// inferRange bounds the values; a few may lie beyond, for however many are known, others may lie farther out.
func (c *columnState) inferRange(r *Rule) {
	low, high := c.rangeSeen()
	if low == nil {
		return
	}
	share := sureShare(c.moments.n)
	if r.Type == Number && c.signByChance() {
		share = min(share, inferSign)
	}
	r.Checks = append(r.Checks, Expect{Min: low, Max: high, Mostly: &share})
}

// signByChance tells that the values have one sign, which their range keeps, but
// that 0 is no end of what is measured: hardly a value is 0.
func (c *columnState) signByChance() bool {
	values := c.sample.values()
	zeros := sort.SearchFloat64s(values, math.SmallestNonzeroFloat64) - sort.SearchFloat64s(values, 0)
	return 100*zeros < len(values) && (c.moments.min >= 0 && c.moments.max > 1 || c.moments.max <= 0)
}

// rangeSeen widens the range of the values by itself, keeps the sign of values
// that have one, keeps shares within 0 and 1, and rounds outward to two digits.
func (c *columnState) rangeSeen() (lo, hi *float64) {
	if c.moments.n == 0 {
		return nil, nil
	}
	return widened(c.moments.min, c.moments.max)
}

func widened(low, high float64) (lo, hi *float64) {
	span := inferSlack * (high - low)
	if span == 0 {
		span = math.Max(math.Abs(high), 1)
	}
	a, b := low-span, high+span
	if low >= 0 {
		a = math.Max(a, 0)
	}
	if high <= 0 {
		b = math.Min(b, 0)
	}
	if low >= 0 && high <= 1 && high > 0 && low != high {
		a, b = 0, 1
	}
	if math.IsInf(a, 0) || math.IsInf(b, 0) {
		return nil, nil
	}
	a, b = roundOut(a, math.Floor), roundOut(b, math.Ceil)
	return &a, &b
}

// roundOut keeps two digits.
func roundOut(v float64, round func(float64) float64) float64 {
	if v == 0 {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(v)))-1)
	if unit == 0 || math.IsInf(unit, 0) {
		return v
	}
	out, err := strconv.ParseFloat(strconv.FormatFloat(round(v/unit)*unit, 'g', 3, 64), 64)
	if err != nil || math.IsInf(out, 0) {
		return v
	}
	return out
}
