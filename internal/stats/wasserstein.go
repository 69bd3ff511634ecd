package stats

import (
	"fmt"
	"math"
)

// Wasserstein is the first Wasserstein distance (earth mover's distance) between
// two samples, in their unit: the area between the empirical distributions.
// Source: S. S. Vallender, "Calculation of the Wasserstein distance between
// probability distributions on the line" (1974); SciPy's wasserstein_distance.
//
// NaN is an error, and so is an infinite value: it lies infinitely far away. A
// distance beyond the largest float64 is that. The inputs are not modified.
func Wasserstein(x, y []float64) (float64, error) {
	xs, err := finiteSample("x", x)
	if err != nil {
		return 0, fmt.Errorf("wasserstein distance: %w", err)
	}
	ys, err := finiteSample("y", y)
	if err != nil {
		return 0, fmt.Errorf("wasserstein distance: %w", err)
	}
	n, m := float64(len(xs)), float64(len(ys))
	area, at := 0.0, min(xs[0], ys[0])
	for i, j := 0, 0; i < len(xs) || j < len(ys); {
		next := math.Inf(1)
		if i < len(xs) {
			next = xs[i]
		}
		if j < len(ys) {
			next = min(next, ys[j])
		}
		// Halves, so that the difference of two large values does not overflow.
		area += 2 * (next/2 - at/2) * math.Abs(float64(i)/n-float64(j)/m)
		at = next
		for i < len(xs) && xs[i] == at {
			i++
		}
		for j < len(ys) && ys[j] == at {
			j++
		}
	}
	return min(area, math.MaxFloat64), nil
}

// finiteSample is a sorted copy of finite values.
func finiteSample(name string, values []float64) ([]float64, error) {
	sorted, err := sortedSample(name, values)
	if err != nil {
		return nil, err
	}
	if math.IsInf(sorted[0], 0) || math.IsInf(sorted[len(sorted)-1], 0) {
		return nil, fmt.Errorf("sample %s: a value is infinite", name)
	}
	return sorted, nil
}
