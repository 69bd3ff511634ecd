package stats

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// psiSmoothing is added to every count before proportions are taken: the
// Jeffreys prior of a multinomial. It keeps the index finite when a bin is
// empty on one side, and moves well-filled bins hardly at all.
const psiSmoothing = 0.5

const (
	// OtherLabel names the bin of categories unseen in the reference; it is the last one.
	OtherLabel = "other"
	// MissingLabel names the bin of NaN; it is the last one, if there is any NaN.
	MissingLabel = "missing"
)

// Bin is one cell of a population stability index: where it lies and how many
// values of each sample fall into it.
type Bin struct {
	Label     string   `json:"label"`
	Lower     *float64 `json:"lower,omitempty"` // nil: unbounded, or not numeric; the label says which ends belong to the bin
	Upper     *float64 `json:"upper,omitempty"` // nil: unbounded, or not numeric
	Reference int      `json:"reference"`
	Current   int      `json:"current"`
}

// PSIResult is a population stability index with the evidence behind it.
type PSIResult struct {
	PSI       float64 `json:"psi"`       // in nats, >= 0; the common reading: < 0.1 stable, > 0.2 shifted
	P         float64 `json:"p"`         // probability of a PSI this large without any drift
	Bins      []Bin   `json:"bins"`      // fixed by the reference, apart from the missing bin
	Reference int     `json:"reference"` // size of the reference sample
	Current   int     `json:"current"`   // size of the current sample
}

// PSINumeric is the population stability index of a numeric feature, with up
// to the given number of bins (10 is usual) cut at the reference's quantiles.
//
// Bins are (lower, upper], the outer ones open-ended; equal edges are merged.
// If the reference's smallest value fills a bin of its own, what lies below it
// is a bin of its own too, so that a constant reference still sees a change
// either way. NaN goes to a missing bin, which exists when either sample has
// any; infinities go to the outer bins.
//
// The index and its p-value are those of populationStability.
func PSINumeric(ref, cur []float64, bins int) (PSIResult, error) {
	if bins < 2 {
		return PSIResult{}, fmt.Errorf("population stability index: %d bins; want at least 2", bins)
	}
	if err := checkSamples(len(ref), len(cur)); err != nil {
		return PSIResult{}, err
	}
	cuts := newQuantileBins(ref, bins)
	cells := cuts.bins()
	missing := Bin{Label: MissingLabel}
	for _, v := range ref {
		if math.IsNaN(v) {
			missing.Reference++
		} else {
			cells[cuts.find(v)].Reference++
		}
	}
	for _, v := range cur {
		if math.IsNaN(v) {
			missing.Current++
		} else {
			cells[cuts.find(v)].Current++
		}
	}
	if missing.Reference+missing.Current > 0 {
		cells = append(cells, missing)
	}
	return populationStability(cells, len(ref), len(cur)), nil
}

// PSICategorical is the population stability index of a categorical feature.
// The bins are the reference's categories, sorted, and one for all others;
// an empty string is a category like any. The index and its p-value are those
// of populationStability. Where many categories expect fewer than about five
// current values the p-value is too large and real drift may go unseen (never
// the reverse): group rare categories beforehand.
func PSICategorical(ref, cur []string) (PSIResult, error) {
	if err := checkSamples(len(ref), len(cur)); err != nil {
		return PSIResult{}, err
	}
	counts := make(map[string]int)
	for _, c := range ref {
		counts[c]++
	}
	cells := make([]Bin, 0, len(counts)+1)
	index := make(map[string]int, len(counts))
	for _, c := range slices.Sorted(maps.Keys(counts)) {
		index[c] = len(cells)
		cells = append(cells, Bin{Label: c, Reference: counts[c]})
	}
	other := len(cells)
	cells = append(cells, Bin{Label: OtherLabel})
	for _, c := range cur {
		i, known := index[c]
		if !known {
			i = other
		}
		cells[i].Current++
	}
	return populationStability(cells, len(ref), len(cur)), nil
}

// populationStability is sum (p-q) ln(p/q) over the bins that hold a value of
// either sample, p and q the proportions after adding 0.5 to every count.
//
// Without drift PSI is about (1/n + 1/m) times a chi-squared variable with
// one degree of freedom less than there are bins, n and m the sample sizes; P
// is the upper tail of that law. Source: B. Yurdakul, "Statistical properties
// of population stability index", Western Michigan University, 2018.
func populationStability(bins []Bin, n, m int) PSIResult {
	res := PSIResult{P: 1, Bins: bins, Reference: n, Current: m}
	filled := 0
	for _, b := range bins {
		if b.Reference+b.Current > 0 {
			filled++
		}
	}
	if filled < 2 {
		return res
	}
	refTotal := float64(n) + psiSmoothing*float64(filled)
	curTotal := float64(m) + psiSmoothing*float64(filled)
	for _, b := range bins {
		if b.Reference+b.Current == 0 {
			continue
		}
		p := (float64(b.Reference) + psiSmoothing) / refTotal
		q := (float64(b.Current) + psiSmoothing) / curTotal
		res.PSI += (p - q) * math.Log(p/q)
	}
	law := distuv.ChiSquared{K: float64(filled - 1)}
	res.P = law.Survival(res.PSI / (1/float64(n) + 1/float64(m)))
	return res
}

func checkSamples(ref, cur int) error {
	switch {
	case ref == 0:
		return fmt.Errorf("population stability index: reference sample: %w", ErrNoData)
	case cur == 0:
		return fmt.Errorf("population stability index: current sample: %w", ErrNoData)
	}
	return nil
}
