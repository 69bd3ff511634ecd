package stats

import (
	"fmt"
	"math"
)

// KS1 is the two-sided one-sample Kolmogorov-Smirnov test of x against a
// distribution, given as its cumulative distribution function, none of whose
// parameters may have been estimated from x. The p-value is exact for a
// continuous distribution, as that of SciPy's ks_1samp; where the distribution
// has steps it is conservative (too large).
//
// NaN in x or from cdf is an error. x is not modified.
func KS1(x []float64, cdf func(float64) float64) (KSResult, error) {
	xs, err := sortedSample("x", x)
	if err != nil {
		return KSResult{}, fmt.Errorf("kolmogorov-smirnov test: %w", err)
	}
	n := float64(len(xs))
	d := 0.0
	for i, v := range xs {
		f := cdf(v)
		if math.IsNaN(f) {
			return KSResult{}, fmt.Errorf("kolmogorov-smirnov test: the distribution says NaN of %v", v)
		}
		d = max(d, f-float64(i)/n, float64(i+1)/n-f)
	}
	d = min(d, 1)
	return KSResult{D: d, P: min(max(kolmogorovSurvival(n, d), 0), 1), Exact: true}, nil
}
