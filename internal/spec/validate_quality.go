package spec

import (
	"fmt"
	"math"
)

// Bounds of lists in the spec of the quality tests: each entry is a pass over rows.
const (
	maxSlices    = 100
	maxRelations = 50
	maxLimits    = 100
)

// quality checks the parts of the tests that capability C4 reads.
func (c *checker) quality(t Tests, task Task) {
	against := t.AgainstProduction
	c.optional("tests.against_production.max_negative_flip_rate", against.MaxNegativeFlipRate, closed(0, 1))
	c.whole("tests.against_production.max_negative_flips", int64(against.MaxNegativeFlips), atLeast(0))
	c.number("tests.intervals.level", t.Intervals.Level, closed(0.5, 0.999))
	c.whole("tests.intervals.resamples", int64(t.Intervals.Resamples), closed(200, 100_000))
	c.limits(t.Limits)
	c.calibration(t.Calibration, task)
	c.slices(t.Slices, task)
	c.metamorphic(t.Metamorphic, task)
	c.optional("tests.leakage.max_overlap", t.Leakage.MaxOverlap, closed(0, 1))
	c.optional("tests.leakage.max_score", t.Leakage.MaxScore, closed(0, 1))
	c.oneOf("tests.baseline.require", string(t.Baseline.Require), string(DemandNotWorse), string(DemandBetter), string(DemandNone))
	c.number("tests.baseline.alpha", t.Baseline.Alpha, aboveUpTo(0, 0.5))
}

func (c *checker) most(field string, n, limit int) {
	if n > limit {
		c.bad(field, fmt.Sprintf("%d entries are not allowed", n), fmt.Sprintf("up to %d entries", limit))
	}
}

func (c *checker) limits(list []MetricLimit) {
	c.most("tests.limits", len(list), maxLimits)
	for i, l := range list {
		field := fmt.Sprintf("tests.limits[%d]", i)
		c.text(field+".metric", l.Metric, 100)
		if l.Min == nil && l.Max == nil {
			c.bad(field, "there is neither min nor max", "at least one of them")
		}
		anything := interval{lo: -math.MaxFloat64, hi: math.MaxFloat64}
		if l.Min != nil {
			c.number(field+".min", *l.Min, anything)
		}
		if l.Max != nil {
			c.number(field+".max", *l.Max, anything)
		}
		if l.Min != nil && l.Max != nil && *l.Min > *l.Max {
			c.bad(field+".min", number(*l.Min)+" is not allowed", "no more than max, "+number(*l.Max))
		}
	}
}

func (c *checker) calibration(k Calibration, task Task) {
	c.whole("tests.calibration.bins", int64(k.Bins), closed(2, 100))
	if k.MaxECE != nil {
		c.number("tests.calibration.max_ece", *k.MaxECE, closed(0, 1))
	}
	if k.MaxBrier != nil {
		c.number("tests.calibration.max_brier", *k.MaxBrier, closed(0, 2))
	}
	if task == Regression && (k.MaxECE != nil || k.MaxBrier != nil) {
		c.bad("tests.calibration", "a regression gives no probabilities", "limits for a classification only")
	}
}

func (c *checker) slices(s Slices, task Task) {
	c.whole("tests.slices.min_rows", int64(s.MinRows), atLeast(5))
	if s.Search == nil {
		c.bad("tests.slices.search", "", "true or false")
	}
	c.number("tests.slices.alpha", s.Alpha, closed(0.001, 0.5))
	c.oneOf("tests.slices.weak", string(s.Weak), string(FindingReported), string(FindingFails))
	c.most("tests.slices.given", len(s.Given), maxSlices)
	names := map[string]bool{}
	for i, slice := range s.Given {
		field := fmt.Sprintf("tests.slices.given[%d]", i)
		if c.text(field+".name", slice.Name, 100) && names[slice.Name] {
			c.bad(field+".name", quote(slice.Name)+" is given twice", "each slice its own name")
		}
		names[slice.Name] = true
		c.text(field+".where", slice.Where, 4096)
		if slice.MinAccuracy != nil {
			c.number(field+".min_accuracy", *slice.MinAccuracy, closed(0, 1))
			if task == Regression {
				c.bad(field+".min_accuracy", "accuracy of a regression is not measured", "max_rmse instead")
			}
		}
		if slice.MaxRMSE != nil {
			c.number(field+".max_rmse", *slice.MaxRMSE, atLeast(0))
			if task == Classification {
				c.bad(field+".max_rmse", "the error of a classification is not measured", "min_accuracy instead")
			}
		}
	}
}

func (c *checker) metamorphic(list []Metamorphic, task Task) {
	c.most("tests.metamorphic", len(list), maxRelations)
	names := map[string]bool{}
	for i, m := range list {
		field := fmt.Sprintf("tests.metamorphic[%d]", i)
		if c.text(field+".name", m.Name, 100) && names[m.Name] {
			c.bad(field+".name", quote(m.Name)+" is given twice", "each relation its own name")
		}
		names[m.Name] = true
		c.oneOf(field+".kind", m.Kind, Monotone, Indifferent, Stable)
		c.columns(field+".columns", m.Columns, "")
		c.number(field+".noise", m.Noise, closed(0, 1))
		c.number(field+".tolerance", m.Tolerance, atLeast(0))
		c.number(field+".max_violations", m.MaxViolations, closed(0, 1))
		switch {
		case m.Kind == Monotone && len(m.Columns) != 1:
			c.bad(field+".columns", fmt.Sprintf("%d columns are not allowed", len(m.Columns)), "the one column that rises")
		case m.Kind == Indifferent && len(m.Columns) == 0:
			c.bad(field+".columns", "", "the columns that must not matter")
		}
		switch {
		case m.Kind == Monotone:
			c.oneOf(field+".direction", m.Direction, Increasing, Decreasing)
		case m.Direction != "":
			c.bad(field+".direction", "a direction is for monotone only", "no direction")
		}
		if m.Kind != Stable && m.Noise != 0 {
			c.bad(field+".noise", "noise is for stable only", "no noise")
		}
		if task == Regression && m.Class != "" {
			c.bad(field+".class", "a regression has no classes", "no class")
		}
		if task == Regression && m.Kind == Stable && m.Tolerance == 0 {
			c.bad(field+".tolerance", "", "how far the value may move, a number above 0")
		}
	}
}
