package dataset

import (
	"fmt"
	"math"
	"sort"
)

// binCounts counts values in the bins of a reference profile.
type binCounts struct {
	edges  []float64 // inner edges, rising; bin i is below edges[i], the last from the last edge on
	counts []int64
}

func newBinCounts(edges []float64) *binCounts {
	return &binCounts{edges: edges, counts: make([]int64, len(edges)+1)}
}

func (b *binCounts) add(x float64) {
	i := 0
	for i < len(b.edges) && x >= b.edges[i] { // few edges: faster than a search
		i++
	}
	b.counts[i]++
}

// countSorted counts sorted values.
func (b *binCounts) countSorted(values []float64) {
	from := 0
	for i, e := range b.edges {
		to := sort.SearchFloat64s(values, e)
		b.counts[i] = int64(to - from)
		from = to
	}
	b.counts[len(b.edges)] = int64(len(values) - from)
}

// needsReference tells whether a rule compares the shares of bins, or the mean, with those of a reference.
func (e *Expect) needsReference() bool {
	return e.PSI != nil || e.KL != nil || e.LInf != nil || e.MeanShift != nil || e.JSD != nil || e.Chi2P != nil
}

// distances compiles the limits on the distance from the reference profile.
func (c *columnState) distances(e *Expect, ref *ColumnProfile, add addAggregate) {
	if !e.needsReference() {
		return
	}
	if ref != nil && len(ref.Edges) > 0 && c.bins == nil && !c.m.kind.textual() {
		c.bins = newBinCounts(ref.Edges)
	}
	for _, d := range []struct {
		most *float64
		key  string
		name string
		of   func(ref, cur []int64) float64
	}{
		{e.PSI, "psi", "a population stability index", populationStability},
		{e.KL, "kl", "a Kullback-Leibler divergence", kullbackLeibler},
		{e.LInf, "linf", "a largest difference of shares", largestDifference},
		{e.JSD, "jsd", "a Jensen-Shannon divergence", jensenShannon},
	} {
		if d.most == nil {
			continue
		}
		add(d.key, fmt.Sprintf("%s from the reference of at most %s", d.name, formatNumber(*d.most)), func(c *columnState) verdict {
			expected, found, method, problem := c.shares(ref)
			if problem != "" {
				return verdict{found: problem, method: Exact}
			}
			x := d.of(expected, found)
			return verdict{ok: x <= *d.most, found: fmt.Sprintf("%.4g", x), method: method}
		})
	}
	if e.MeanShift != nil {
		add("mean_shift", "a mean within "+formatNumber(*e.MeanShift)+" standard deviations of the reference's", func(c *columnState) verdict {
			return c.meanShift(ref, *e.MeanShift)
		})
	}
}

func (c *columnState) meanShift(ref *ColumnProfile, most float64) verdict {
	if ref == nil || ref.Numbers == nil || ref.Numbers.N == 0 || c.moments.n == 0 {
		return verdict{found: noReference, method: Exact}
	}
	distance := math.Abs(c.moments.mean - ref.Numbers.Mean)
	shift := 0.0
	switch {
	case ref.Numbers.Std > 0:
		shift = distance / ref.Numbers.Std
	case distance > 0:
		return verdict{found: "another value, where the reference has only one", method: Exact}
	}
	return verdict{ok: shift <= most, found: fmt.Sprintf("%.4g standard deviations away", shift), method: Exact}
}

const noReference = "no reference to compare with; give the profile of an earlier version"

// shares counts the reference and the column in the same bins: those of the
// reference's quantiles, or its values and one bin for all others.
func (c *columnState) shares(ref *ColumnProfile) (expected, found []int64, method Method, problem string) {
	switch {
	case ref == nil || len(ref.Counts) == 0:
		return nil, nil, "", noReference
	case c.values() == 0:
		return nil, nil, "", "no value"
	case c.bins != nil:
		return ref.Counts, c.bins.counts, ref.Method, ""
	case len(ref.Values) == 0:
		return nil, nil, "", "the reference holds another kind of values"
	case c.counter.stop:
		return nil, nil, "", "more than " + pluralValues(c.counter.limit) + ", too many to compare"
	}
	found = make([]int64, len(ref.Values)+1)
	at := make(map[string]int, len(ref.Values))
	for i, w := range ref.Values {
		at[w] = i
	}
	counted := int64(0)
	for id, n := range c.counter.counts {
		i, known := at[shorten(c.word(int32(id)))] // as the profile writes it
		if !known {
			i = len(ref.Values)
		}
		found[i] += n
		counted += n
	}
	found[len(ref.Values)] += max(0, c.values()-counted)
	return ref.Counts, found, c.countMethod(), ""
}

// smoothed turns counts into proportions after adding half a value to each bin
// that either side fills, as stats.PSINumeric does, so that no bin is empty.
func smoothed(ref, cur []int64) (p, q []float64) {
	const half = 0.5
	var n, m, filled float64
	for i := range ref {
		n, m = n+float64(ref[i]), m+float64(cur[i])
		if ref[i]+cur[i] > 0 {
			filled++
		}
	}
	for i := range ref {
		if ref[i]+cur[i] > 0 {
			p = append(p, (float64(ref[i])+half)/(n+half*filled))
			q = append(q, (float64(cur[i])+half)/(m+half*filled))
		}
	}
	return p, q
}

// populationStability is sum (p-q) ln(p/q).
func populationStability(ref, cur []int64) float64 {
	p, q := smoothed(ref, cur)
	sum := 0.0
	for i := range p {
		sum += (p[i] - q[i]) * math.Log(p[i]/q[i])
	}
	return sum
}

// kullbackLeibler is the divergence of the current from the reference, sum q ln(q/p), in nats.
func kullbackLeibler(ref, cur []int64) float64 {
	p, q := smoothed(ref, cur)
	sum := 0.0
	for i := range p {
		sum += q[i] * math.Log(q[i]/p[i])
	}
	return math.Max(0, sum)
}

// largestDifference is the largest difference of plain proportions.
func largestDifference(ref, cur []int64) float64 {
	var n, m, most float64
	for i := range ref {
		n, m = n+float64(ref[i]), m+float64(cur[i])
	}
	for i := range ref {
		most = max(most, math.Abs(float64(ref[i])/max(n, 1)-float64(cur[i])/max(m, 1)))
	}
	return most
}

// column finds the reference of a column.
func (p *Profile) column(name string) *ColumnProfile {
	if p == nil {
		return nil
	}
	for i := range p.Columns {
		if p.Columns[i].Name == name {
			return &p.Columns[i]
		}
	}
	return nil
}
