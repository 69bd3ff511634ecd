package dataset

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// aggregate is one expectation on a whole column, judged after the last batch.
type aggregate struct {
	key    string // names the expectation in reports, as the schema does
	want   string
	expect *Expect
	judge  func(c *columnState) verdict
}

// verdict is what an aggregate says.
type verdict struct {
	ok     bool
	found  string
	method Method
	rows   int64 // that fail, where single rows do
	sample []Sample
}

// addAggregate notes an expectation on a column: its key in the schema, what is wanted, and how it is judged.
type addAggregate func(key, want string, judge func(c *columnState) verdict)

// aggregateChecks compiles the expectations on the column as a whole.
func (c *columnState) aggregateChecks(r *Rule, ref *ColumnProfile, now time.Time) error {
	for _, e := range append([]*Expect{&r.Expect}, pointers(r.Checks)...) {
		add := func(key, want string, judge func(c *columnState) verdict) {
			c.aggregates = append(c.aggregates, &aggregate{key: key, want: want, expect: e, judge: judge})
		}
		c.boundedNumbers(e, add)
		if e.Median != nil || len(e.Quantile) > 0 {
			if err := c.needSketch(); err != nil {
				return err
			}
		}
		if e.Distinct != nil {
			add("distinct", e.Distinct.say("the number of different values"), func(c *columnState) verdict {
				n, method := c.counter.distinct()
				return e.Distinct.judge(float64(n), method, c)
			})
		}
		if e.DistinctShare != nil {
			add("distinct_share", e.DistinctShare.say("the share of different values"), func(c *columnState) verdict {
				n, method := c.counter.distinct()
				return e.DistinctShare.judge(min(1, float64(n)/float64(max(c.values(), 1))), method, c)
			})
		}
		if len(e.MostCommon) > 0 {
			add("most_common", "the most common value is one of "+shorten(strings.Join(e.MostCommon, ", ")), func(c *columnState) verdict { return c.mostCommon(e.MostCommon) })
		}
		if len(e.Contains) > 0 {
			add("contains", "each of "+shorten(strings.Join(e.Contains, ", "))+" stands in the column", func(c *columnState) verdict { return c.containsAll(e.Contains) })
		}
		if e.MaxAge != "" {
			add("max_age", "the latest date at most "+e.MaxAge+" old", func(c *columnState) verdict { return c.fresh(e.maxAge, now) })
		}
		c.distances(e, ref, add)
		c.moreDistances(e, ref, add)
		c.moreAggregates(e, add)
	}
	return nil
}

func (c *columnState) needSketch() (err error) {
	if c.sketch == nil {
		c.sketch, err = newQuantileSketch()
	}
	return err
}

// boundedNumbers compiles the bounds on statistics of a numeric column.
func (c *columnState) boundedNumbers(e *Expect, add addAggregate) {
	for _, b := range []struct {
		bounds *Bounds
		key    string
		name   string
		value  func(c *columnState) (float64, Method)
	}{
		{e.Mean, "mean", "the mean", func(c *columnState) (float64, Method) { return c.moments.mean, Exact }},
		{e.Median, "median", "the median", func(c *columnState) (float64, Method) { return c.quantile(0.5) }},
		{e.Std, "std", "the standard deviation", func(c *columnState) (float64, Method) { return c.moments.std(), Exact }},
		{e.Sum, "sum", "the sum", func(c *columnState) (float64, Method) { return c.moments.sum + c.moments.lost, Exact }},
		{e.Smallest, "smallest", "the smallest value", func(c *columnState) (float64, Method) { return c.moments.min, Exact }},
		{e.Largest, "largest", "the largest value", func(c *columnState) (float64, Method) { return c.moments.max, Exact }},
	} {
		if b.bounds != nil {
			add(b.key, b.bounds.say(b.name), judgeNumber(b.bounds, b.value))
		}
	}
	for i := range e.Quantile {
		q := &e.Quantile[i]
		add("quantiles", q.say("quantile "+formatNumber(q.Q)), judgeNumber(&q.Bounds, func(c *columnState) (float64, Method) { return c.quantile(q.Q) }))
	}
}

func judgeNumber(b *Bounds, value func(c *columnState) (float64, Method)) func(c *columnState) verdict {
	return func(c *columnState) verdict {
		if c.moments.n == 0 {
			return verdict{found: "no value", method: Exact}
		}
		x, method := value(c)
		return b.judge(x, method, c)
	}
}

// say puts bounds into words.
func (b *Bounds) say(what string) string {
	switch {
	case b.Max == nil:
		return what + " at least " + formatNumber(*b.Min)
	case b.Min == nil:
		return what + " at most " + formatNumber(*b.Max)
	}
	return what + " from " + formatNumber(*b.Min) + " to " + formatNumber(*b.Max)
}

// judge holds a number of a column against bounds; the number of a personal column is not told.
func (b *Bounds) judge(x float64, method Method, c *columnState) verdict {
	v := verdict{ok: (b.Min == nil || x >= *b.Min) && (b.Max == nil || x <= *b.Max), found: formatNumber(x), method: method}
	if c.personal {
		v.found = Masked
	}
	return v
}

func (c *columnState) mostCommon(allowed []string) verdict {
	top := c.top(1)
	if c.counter.stop {
		return verdict{found: "more than " + pluralValues(c.counter.limit) + " and none that is common", method: Method("approximate")}
	}
	if len(top) == 0 {
		return verdict{found: "no value", method: Exact}
	}
	// Several values may be equally common; one of them is enough.
	for id, n := range c.counter.counts {
		if n == int64(top[0].Rows) && slices.ContainsFunc(allowed, func(w string) bool { return c.same(int32(id), w) }) {
			return verdict{ok: true, found: c.shown(c.word(int32(id))), method: c.countMethod()}
		}
	}
	return verdict{found: fmt.Sprintf("%s in %s", c.shown(top[0].Value), pluralRows(top[0].Rows)), method: c.countMethod()}
}

// countMethod says how exact the counts of values are.
func (c *columnState) countMethod() Method {
	if c.counter.missed {
		return Method("counts of " + pluralValues(c.counter.limit) + ", each at least")
	}
	if c.counter.full {
		return Method("counts of the first " + pluralValues(c.counter.limit))
	}
	return Exact
}

// same tells whether a counted value is w, which is written as in the file.
func (c *columnState) same(id int32, w string) bool {
	if c.m.kind.textual() {
		return string(c.counter.words[id]) == w
	}
	return c.counter.nums[id] == c.numberOf(w)
}

func (c *columnState) containsAll(want []string) verdict {
	if c.counter.stop {
		return verdict{found: "more than " + pluralValues(c.counter.limit) + ", too many to look each up", method: "approximate"}
	}
	var missing []string
	for _, w := range want {
		found := false
		for id := range c.counter.counts {
			if found = c.same(int32(id), w); found {
				break
			}
		}
		if !found {
			missing = append(missing, w)
		}
	}
	if len(missing) > 0 {
		return verdict{found: "no " + shorten(strings.Join(missing, ", ")), method: c.countMethod()}
	}
	return verdict{ok: true, found: "all", method: c.countMethod()}
}

// fresh judges how old the latest date is.
func (c *columnState) fresh(most time.Duration, now time.Time) verdict {
	if c.moments.n == 0 {
		return verdict{found: "no date", method: Exact}
	}
	latest := time.UnixMicro(int64(c.moments.max)).UTC()
	v := verdict{ok: now.Sub(latest) <= most, method: Exact}
	v.found = "the latest is " + formatMicros(int64(c.moments.max)) + ", " + now.Sub(latest).Round(time.Second).String() + " ago"
	if c.personal {
		v.found = Masked
	}
	return v
}

// timeliness is 1 while the latest date is within the age allowed, and falls as it grows older.
func (c *columnState) timeliness(most time.Duration, now time.Time) float64 {
	if c.moments.n == 0 {
		return 0
	}
	age := now.Sub(time.UnixMicro(int64(c.moments.max)))
	if age <= most {
		return 1
	}
	return float64(most) / float64(age)
}
