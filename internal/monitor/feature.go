package monitor

import (
	"fmt"
	"slices"

	"github.com/slipway-ml/slipway/internal/spec"
	"github.com/slipway-ml/slipway/internal/stats"
)

// Feature compares one column of the window with the reference.
type Feature struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
	// Score and P are those of the leading test: Kolmogorov-Smirnov for a
	// numeric feature, the stability index for a categorical one. P is corrected.
	Score   float64 `json:"score"`
	P       float64 `json:"p"`
	Drifted bool    `json:"drifted"`
	// KS is nil for a categorical feature.
	KS  *Test `json:"ks,omitempty"`
	PSI Test  `json:"psi"`
	// Baseline and Current describe numeric values; nil for a categorical feature.
	Baseline *stats.Summary `json:"baseline,omitempty"`
	Current  *stats.Summary `json:"current,omitempty"`
	// Bins hold the counts of both samples: what the index was computed from.
	Bins []stats.Bin `json:"bins"`
}

// Test is one comparison of one feature.
type Test struct {
	Score    float64 `json:"score"` // KS: distance D, 0 to 1; PSI: the index in nats
	P        float64 `json:"p"`     // probability of a score this large without drift
	Adjusted float64 `json:"p_adjusted"`
	Drifted  bool    `json:"drifted"`
}

// rareLabel pools the reference's categories that are too rare for the index's p-value.
const rareLabel = "(rare)"

func compare(name string, ref, cur Column, cfg spec.Monitor) (Feature, error) {
	if ref.Kind() == Categorical {
		return compareCategories(name, ref.Strings, cur.Texts())
	}
	return compareNumbers(name, ref.Numbers, cur.Values(), bins(cfg))
}

func compareNumbers(name string, ref, cur []float64, bins int) (Feature, error) {
	psi, err := stats.PSINumeric(ref, cur, bins)
	if err != nil {
		return Feature{}, fmt.Errorf("stability index: %w", err)
	}
	before, now := stats.Describe(ref), stats.Describe(cur)
	f := Feature{
		Name: name, Kind: Numeric, Bins: psi.Bins,
		PSI: Test{Score: psi.PSI, P: psi.P}, KS: &Test{P: 1},
		Baseline: &before, Current: &now,
	}
	// Missing values are no ranks. They count in the index, which has a bin for them.
	r, c := present(ref), present(cur)
	if len(r) == 0 || len(c) == 0 {
		return f, nil
	}
	ks, err := stats.KS2(r, c)
	if err != nil {
		return Feature{}, fmt.Errorf("kolmogorov-smirnov test: %w", err)
	}
	f.KS.Score, f.KS.P = ks.D, ks.P
	return f, nil
}

func compareCategories(name string, ref, cur []string) (Feature, error) {
	ref, cur = poolRare(ref, cur)
	psi, err := stats.PSICategorical(ref, cur)
	if err != nil {
		return Feature{}, fmt.Errorf("stability index: %w", err)
	}
	return Feature{Name: name, Kind: Categorical, Bins: psi.Bins, PSI: Test{Score: psi.PSI, P: psi.P}}, nil
}

// poolRare merges the reference's categories of which the smaller sample
// expects fewer than five values: below that the index's chi-squared law does
// not hold. Categories that the reference does not know stay as they are.
func poolRare(ref, cur []string) (r, c []string) {
	const least = 5
	count := map[string]int{}
	for _, s := range ref {
		count[s]++
	}
	n := float64(min(len(ref), len(cur)))
	rare := func(s string) bool {
		k, known := count[s]
		return known && float64(k)/float64(len(ref))*n < least
	}
	pool := func(in []string) []string {
		out := slices.Clone(in)
		for i, s := range out {
			if rare(s) {
				out[i] = rareLabel
			}
		}
		return out
	}
	return pool(ref), pool(cur)
}
