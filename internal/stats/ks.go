package stats

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// maxExactKS is the largest sample for which KS2 computes the exact p-value;
// SciPy's limit for method "auto".
const maxExactKS = 10000

// ErrNoData is returned where a statistic needs at least one value.
var ErrNoData = errors.New("no values")

// KSResult is the outcome of the two-sample Kolmogorov-Smirnov test.
type KSResult struct {
	D     float64 `json:"d"`     // largest distance between the two empirical distributions, 0 to 1
	P     float64 `json:"p"`     // two-sided p-value
	Exact bool    `json:"exact"` // P is the exact null probability, not the asymptotic one
}

// KS2 is the two-sided two-sample Kolmogorov-Smirnov test of x against y.
//
// Up to 10,000 values in the larger sample the p-value is exact, by counting
// lattice paths: J. L. Hodges, "The significance probability of the Smirnov
// two-sample test", Arkiv för Matematik 3 (1958) 469-486. Beyond, it is the
// one-sample Kolmogorov distribution at the effective size nm/(n+m) rounded
// to even, as SciPy's ks_2samp does. Both suppose continuous data: with ties
// the p-value is conservative (too large).
//
// NaN is an error: count missing values apart (PSINumeric has a bin for them).
// Infinite values are ordinary ranks. The inputs are not modified.
func KS2(x, y []float64) (KSResult, error) {
	xs, err := sortedSample("x", x)
	if err != nil {
		return KSResult{}, fmt.Errorf("kolmogorov-smirnov test: %w", err)
	}
	ys, err := sortedSample("y", y)
	if err != nil {
		return KSResult{}, fmt.Errorf("kolmogorov-smirnov test: %w", err)
	}
	n, m := len(xs), len(ys)
	g := gcd(n, m)
	h := ksSteps(xs, ys, n/g, m/g)
	lcm := float64(n/g) * float64(m)
	res := KSResult{D: float64(h) / lcm, Exact: max(n, m) <= maxExactKS}
	switch {
	case h == 0:
		res.P = 1
	case ksVanishes(n, m, res.D):
		res.P = 0
	case !res.Exact:
		effective := float64(n) * float64(m) / float64(n+m)
		res.P = kolmogorovSurvival(math.RoundToEven(effective), res.D)
	case n == m:
		res.P = ksEqualSizes(n, h)
	default:
		res.P = ksOutsidePaths(max(n, m), min(n, m), g, h)
	}
	res.P = min(max(res.P, 0), 1)
	return res, nil
}

// ksSteps is D in whole units of 1/lcm(n,m), from sorted samples of
// xUnits*g and yUnits*g values: whole numbers keep D free of rounding.
func ksSteps(xs, ys []float64, xUnits, yUnits int) int {
	largest, i, j := 0, 0, 0
	for i < len(xs) && j < len(ys) {
		v := min(xs[i], ys[j])
		for i < len(xs) && xs[i] == v {
			i++
		}
		for j < len(ys) && ys[j] == v {
			j++
		}
		largest = max(largest, abs(i*yUnits-j*xUnits))
	}
	return largest
}

// ksVanishes reports that P(D >= d) is below the smallest float64, which saves
// the longest path counts. It is the bound of R. J. Serfling, Annals of
// Statistics 2 (1974) 39-48, for draws without replacement, at each of the n+m
// values and on both sides: 2(n+m) exp(-2 nm/(n+m) d^2 M/(M+1)), M = max(n, m).
func ksVanishes(n, m int, d float64) bool {
	total, larger := float64(n+m), float64(max(n, m))
	effective := float64(n) * float64(m) / total
	return math.Log(2*total)-2*effective*d*d*larger/(larger+1) < -750
}

// ksEqualSizes is P(D >= h/n) for two samples of n values each, the closed
// form of Gnedenko and Korolyuk (1951) as a nested product:
// 2*(A0 - A0*A1 + ...), A_k = binom ratio of reflection k+1 over reflection k.
func ksEqualSizes(n, h int) float64 {
	p := 0.0
	for k := n / h; k >= 0; k-- {
		ratio := 1.0
		for j := range h {
			ratio *= float64(n-k*h-j) / float64(n+k*h+j+1)
		}
		p = ratio * (1 - p)
	}
	return 2 * p
}

// ksOutsidePaths is the share of the lattice paths from (0,0) to (m,n), m >= n
// with greatest common divisor g, that reach |x/m - y/n| >= h/lcm(m,n).
//
// outside[y] is that share for paths to (x,y). A path arrives from the left
// with probability x/(x+y), else from below, so each share is a mean of two
// others: nothing overflows and small probabilities keep their digits.
func ksOutsidePaths(m, n, g, h int) float64 {
	mg, ng := m/g, n/g
	outside := make([]float64, n+1)
	top := min((h+mg-1)/mg, n+1) // rows 0..top-1 of the current column lie inside the band
	for y := top; y <= n; y++ {
		outside[y] = 1
	}
	bottom := 0
	for x := 1; x <= m; x++ {
		for ; bottom <= n && ng*x-mg*bottom >= h; bottom++ {
			outside[bottom] = 1
		}
		top = min((ng*x+h+mg-1)/mg, n+1)
		below := 1.0
		if bottom == 0 {
			below = 0 // row 0 has one path, inside so far; its weight y is 0 anyway
		}
		for y := bottom; y < top; y++ {
			below = (outside[y]*float64(x) + below*float64(y)) / float64(x+y)
			outside[y] = below
		}
	}
	return outside[n]
}

// sortedSample is a sorted copy of values; NaN and emptiness are errors.
func sortedSample(name string, values []float64) ([]float64, error) {
	if len(values) == 0 {
		return nil, fmt.Errorf("sample %s: %w", name, ErrNoData)
	}
	for i, v := range values {
		if math.IsNaN(v) {
			return nil, fmt.Errorf("sample %s: value %d is NaN; remove missing values first", name, i)
		}
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return sorted, nil
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func abs(v int) int {
	return max(v, -v)
}
