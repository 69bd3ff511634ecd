package stats

import (
	"cmp"
	"fmt"
	"slices"
)

// Holm adjusts p-values for the number of tests, in the order given. Rejecting
// every hypothesis whose adjusted value is at most alpha keeps the chance of
// any false rejection at alpha or below, under any dependence of the tests.
// NaN and values outside [0, 1] are errors; no values give no values.
//
// Source: S. Holm, "A simple sequentially rejective multiple test procedure",
// Scandinavian Journal of Statistics 6 (1979).
func Holm(p []float64) ([]float64, error) {
	order := make([]int, len(p))
	for i, v := range p {
		if !(v >= 0 && v <= 1) {
			return nil, fmt.Errorf("holm correction: p-value %d is %v; it must lie in [0, 1]", i, v)
		}
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	adjusted := make([]float64, len(p))
	largest := 0.0
	for rank, i := range order {
		largest = max(largest, min(1, float64(len(p)-rank)*p[i]))
		adjusted[i] = largest
	}
	return adjusted, nil
}
