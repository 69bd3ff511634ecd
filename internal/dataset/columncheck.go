package dataset

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/slipway-ml/slipway/internal/stats"
)

// moreAggregates compiles the expectations on nulls, spread and spelling, on
// outliers and on the law that values follow.
func (c *columnState) moreAggregates(e *Expect, add addAggregate) {
	if e.NullShare != nil {
		add("null_share", e.NullShare.say("the share of rows without a value"), func(c *columnState) verdict {
			return e.NullShare.judge(float64(c.nulls)/float64(max(c.rows, 1)), Exact, c)
		})
	}
	if e.Entropy != nil {
		add("entropy", e.Entropy.say("an entropy in nats"), func(c *columnState) verdict { return c.entropy(e.Entropy) })
	}
	if e.OneSpelling {
		add("one_spelling", "no values that differ only in case, spaces or punctuation", (*columnState).spellings)
	}
	if e.ZScore != nil {
		if c.extremes == nil {
			c.extremes = newExtremes()
		}
		add("z_score", "values within "+formatNumber(*e.ZScore)+" standard deviations of the mean"+mostlyOf(e.Mostly), func(c *columnState) verdict {
			return c.outliers(*e.ZScore, e.Mostly)
		})
	}
	if e.Follows != nil {
		add("follows", e.Follows.say(), func(c *columnState) verdict { return c.follows(e.Follows) })
	}
}

func (c *columnState) entropy(b *Bounds) verdict {
	switch {
	case c.counter.full:
		return verdict{found: "more than " + pluralValues(c.counter.limit) + ", too many for an entropy", method: "approximate"}
	case len(c.counter.counts) == 0:
		return verdict{found: "no value", method: Exact}
	}
	x, err := stats.ShannonEntropy(c.counter.counts)
	if err != nil {
		return verdict{found: err.Error(), method: Exact}
	}
	return b.judge(x, Exact, c)
}

// spellings finds values that are one word but for case, spaces and punctuation.
// The rows that fail are those that hold a spelling other than the most common.
func (c *columnState) spellings() verdict {
	if c.counter.stop {
		return verdict{found: "more than " + pluralValues(c.counter.limit) + ", too many to compare", method: "approximate"}
	}
	groups := map[string][]int32{}
	var order []string
	for id, w := range c.counter.words {
		key := bareWord(string(w))
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], int32(id))
	}
	v := verdict{ok: true, found: "none", method: c.countMethod()}
	var examples []string
	for _, key := range order {
		ids := groups[key]
		if len(ids) < 2 {
			continue
		}
		v.ok = false
		most := slices.MaxFunc(ids, func(a, b int32) int { return int(c.counter.counts[a] - c.counter.counts[b]) })
		var words []string
		for _, id := range ids {
			words = append(words, fmt.Sprintf("%q", c.shown(c.word(id))))
			if id != most {
				v.rows += c.counter.counts[id]
			}
		}
		if len(examples) < 3 {
			examples = append(examples, strings.Join(words, ", "))
		}
	}
	if !v.ok {
		v.found = strings.Join(examples, "; ")
		if c.personal {
			v.found = "values that are masked"
		}
	}
	return v
}

// bareWord is a word in lower case without spaces and punctuation; a word of nothing else stays as it is.
func bareWord(w string) string {
	bare := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, w)
	if bare == "" {
		return w
	}
	return bare
}

// outliers judges how far values lie from the mean, in standard deviations of the column (divisor n-1).
func (c *columnState) outliers(most float64, mostly *float64) verdict {
	std := c.moments.std()
	if std == 0 || math.IsInf(std, 0) || math.IsNaN(std) {
		return verdict{ok: true, found: "no spread", method: Exact}
	}
	far := func(x float64) bool { return math.Abs(x-c.moments.mean)/std > most }
	rows, exact := c.extremes.beyond(far)
	v := verdict{rows: int64(len(rows)), method: Exact}
	if !exact {
		beyond := 0
		values := c.sample.values()
		for _, x := range values {
			if far(x) {
				beyond++
			}
		}
		v.rows = max(v.rows, int64(float64(beyond)/float64(len(values))*float64(c.moments.n)))
		v.method = c.sample.method()
	}
	v.ok = enough(v.rows, c.moments.n, mostly)
	for _, r := range rows[:min(len(rows), c.most)] {
		v.sample = append(v.sample, Sample{Row: r.row + 1, Line: r.line, Value: c.shown(c.format(r.value))})
	}
	v.found = found(v.rows, int(c.rows), v.sample)
	return v
}

// say puts the law into words.
func (f *Fit) say() string {
	var parts []string
	for _, name := range sortedKeys(f.Parameters) {
		parts = append(parts, name+" "+formatNumber(f.Parameters[name]))
	}
	return fmt.Sprintf("a %s distribution (%s) with p at least %s", f.Distribution, strings.Join(parts, ", "), formatNumber(f.P))
}

// follows tests whether the values are drawn from a law.
func (c *columnState) follows(f *Fit) verdict {
	cdf, err := stats.Law(f.Distribution, f.Parameters)
	if err == nil && c.moments.n == 0 {
		return verdict{found: "no value", method: Exact}
	}
	var test stats.KSResult
	if err == nil {
		test, err = stats.KS1(c.sample.values(), cdf)
	}
	if err != nil {
		return verdict{found: err.Error(), method: Exact}
	}
	return verdict{ok: test.P >= f.P, found: fmt.Sprintf("p = %.4g, distance %.4g", test.P, test.D), method: c.sample.method()}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
