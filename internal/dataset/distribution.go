package dataset

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/slipway-ml/slipway/internal/stats"
)

// profileSample is how many values of a column of numbers or dates a profile
// keeps for tests on the distribution; tables of more than 512 columns keep fewer.
const profileSample = 2048

// moreDistances compiles the tests against the reference, and the distances that need its values.
func (c *columnState) moreDistances(e *Expect, ref *ColumnProfile, add addAggregate) {
	if e.Chi2P != nil {
		add("chi2_p", "shares as in the reference by the chi-squared test, p at least "+formatNumber(*e.Chi2P), func(c *columnState) verdict {
			return c.chiSquared(ref, *e.Chi2P)
		})
	}
	if e.KSP != nil {
		add("ks_p", "a distribution as in the reference by the Kolmogorov-Smirnov test, p at least "+formatNumber(*e.KSP), func(c *columnState) verdict {
			v, problem := c.againstSample(ref)
			if problem != "" {
				return verdict{found: problem, method: Exact}
			}
			test, err := stats.KS2(ref.Sample, c.sample.values())
			if err != nil {
				return verdict{found: err.Error(), method: Exact}
			}
			v.ok, v.found = test.P >= *e.KSP, fmt.Sprintf("p = %.4g, distance %.4g", test.P, test.D)
			return v
		})
	}
	if e.Wasserstein != nil {
		add("wasserstein", "a Wasserstein distance from the reference of at most "+formatNumber(*e.Wasserstein), func(c *columnState) verdict {
			v, problem := c.againstSample(ref)
			if problem != "" {
				return verdict{found: problem, method: Exact}
			}
			x, err := stats.Wasserstein(ref.Sample, c.sample.values())
			if err != nil {
				return verdict{found: err.Error(), method: Exact}
			}
			v.ok, v.found = x <= *e.Wasserstein, fmt.Sprintf("%.4g", x)
			return v
		})
	}
	if e.NewShare != nil {
		add("new_share", "at most "+formatNumber(100**e.NewShare)+" % of the values unknown to the reference", func(c *columnState) verdict {
			return c.unknown(ref, *e.NewShare)
		})
	}
}

// chiSquared tests the counts of the bins; those that expect fewer than five values are joined.
func (c *columnState) chiSquared(ref *ColumnProfile, least float64) verdict {
	expected, found, method, problem := c.shares(ref)
	if problem != "" {
		return verdict{found: problem, method: Exact}
	}
	test, err := stats.ChiSquaredHomogeneity(stats.PoolRare(expected, found))
	if err != nil {
		return verdict{found: err.Error(), method: Exact}
	}
	return verdict{ok: test.P >= least, found: fmt.Sprintf("p = %.4g, chi-squared %.4g with %d degrees of freedom", test.P, test.Statistic, test.DF), method: method}
}

// againstSample says how exact a comparison with the values that the reference keeps is.
func (c *columnState) againstSample(ref *ColumnProfile) (v verdict, problem string) {
	switch {
	case ref == nil:
		return v, noReference
	case len(ref.Sample) == 0:
		return v, "the reference keeps no values of the column; make its profile anew"
	case c.moments.n == 0:
		return v, "no value"
	}
	total := int64(0)
	for _, n := range ref.Counts {
		total += n
	}
	v.method = Exact
	if !c.sample.exact() || ref.Method != Exact || total != int64(len(ref.Sample)) {
		v.method = Method("random samples of " + pluralValues(len(ref.Sample)) + " and " + pluralValues(len(c.sample.values())))
	}
	return v, ""
}

// unknown judges the share of values that the reference does not have.
func (c *columnState) unknown(ref *ColumnProfile, most float64) verdict {
	expected, found, method, problem := c.shares(ref)
	if problem == "" && (len(ref.Values) == 0 || expected[len(ref.Values)] > 0) {
		problem = fmt.Sprintf("the reference has more than the %d values that it names", len(ref.Values))
	}
	if problem != "" {
		return verdict{found: problem, method: Exact}
	}
	rows := found[len(ref.Values)]
	share := float64(rows) / float64(c.values())
	return verdict{ok: share <= most, found: fmt.Sprintf("%.4g %%", 100*share), rows: rows, method: method}
}

// jensenShannon is the divergence of plain shares in bits; see stats.JensenShannon.
func jensenShannon(ref, cur []int64) float64 {
	d, err := stats.JensenShannon(ref, cur)
	if err != nil { // no value on a side: nothing in common
		return 1
	}
	return d
}

// drawn are the values of the rows whose numbers hash lowest, at most k, sorted: a random sample of the sample.
func (s *sample) drawn(k int) []float64 {
	kept := slices.Clone(s.kept)
	if len(kept) > k {
		slices.SortFunc(kept, func(a, b ranked) int { return cmp.Compare(a.rank, b.rank) })
		kept = kept[:k]
	}
	out := make([]float64, len(kept))
	for i, r := range kept {
		out[i] = r.value
	}
	slices.Sort(out)
	return out
}
