package stats

import (
	"math"
	"slices"
	"sort"
	"strconv"
)

// quantileBins cuts the real line at quantiles of a reference sample: bin i
// holds the values v with edges[i-1] < v <= edges[i], the outer bins are open.
type quantileBins struct {
	edges []float64 // strictly increasing, finite
	// atMinimum: edges[0] is the float64 just below the reference's smallest
	// value, edges[1] that value itself.
	atMinimum bool
}

// newQuantileBins cuts at the type 7 quantiles i/count of the reference,
// 0 < i < count, NaN left out, ties merged and infinite edges dropped.
func newQuantileBins(ref []float64, count int) quantileBins {
	sorted := make([]float64, 0, len(ref))
	for _, v := range ref {
		if !math.IsNaN(v) {
			sorted = append(sorted, v+0) // -0 + 0 is 0: one zero, not two edges
		}
	}
	var q quantileBins
	if len(sorted) == 0 {
		return q
	}
	slices.Sort(sorted)
	// With more bins than values some could only be empty.
	count = min(count, len(sorted)+1)
	for i := 1; i < count; i++ {
		// Whole-number ranks: rounding must not move a value across its edge.
		rank := i * (len(sorted) - 1)
		edge := interpolate(sorted, rank/count, float64(rank%count)/float64(count))
		if !finite(edge) || len(q.edges) > 0 && edge <= q.edges[len(q.edges)-1] {
			continue
		}
		q.edges = append(q.edges, edge)
	}
	if len(q.edges) > 0 && q.edges[0] == sorted[0] {
		below := math.Nextafter(sorted[0], math.Inf(-1))
		if finite(below) {
			q.edges = slices.Insert(q.edges, 0, below)
			q.atMinimum = true
		}
	}
	return q
}

// find is the bin of v, which is not NaN.
func (q quantileBins) find(v float64) int {
	return sort.SearchFloat64s(q.edges, v) // the first edge >= v
}

// bins are the empty bins, in ascending order.
func (q quantileBins) bins() []Bin {
	bins := make([]Bin, len(q.edges)+1)
	for i := range bins {
		b := &bins[i]
		left, right := "(-inf", "+inf)"
		if i > 0 {
			b.Lower = &q.edges[i-1]
			left = "(" + formatEdge(*b.Lower)
		}
		if i < len(q.edges) {
			b.Upper = &q.edges[i]
			right = formatEdge(*b.Upper) + "]"
		}
		if q.atMinimum {
			switch i { // show the reference's minimum, not its neighbour
			case 0:
				b.Upper = &q.edges[1]
				right = formatEdge(*b.Upper) + ")"
			case 1:
				b.Lower = b.Upper
				left = "[" + formatEdge(*b.Lower)
			}
		}
		b.Label = left + ", " + right
	}
	return bins
}

func formatEdge(v float64) string {
	return strconv.FormatFloat(v, 'g', -1, 64)
}
