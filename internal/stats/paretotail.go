package stats

import (
	"math"
	"math/rand/v2"
	"slices"
)

// heaviestShape bounds the shape of a fitted tail, whose mean is infinite from 1 on.
const heaviestShape = 0.9

// paretoTail is a sample whose largest values are smoothed by a generalised
// Pareto distribution: it can give values beyond the sample's.
type paretoTail struct {
	body         []float64 // ascending: the values below the tail
	rows         int       // of the sample; the others are the tail's
	from         float64   // where the tail begins
	shape, scale float64
}

// newParetoTail smooths the tail of at least 25 values; false where its values
// do not differ enough. The tail is as long as in Pareto smoothed importance
// sampling: A. Vehtari, D. Simpson, A. Gelman, Y. Yao and J. Gabry, Journal of Machine Learning Research 25 (2024).
func newParetoTail(values []float64) (*paretoTail, bool) {
	n := len(values)
	if n < 25 {
		return nil, false
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	long := min(n/5, int(3*math.Sqrt(float64(n))))
	t := &paretoTail{body: sorted[:n-long], rows: n, from: sorted[n-long-1]}
	beyond := sorted[n-long:]
	for i := range beyond {
		beyond[i] -= t.from
	}
	t.shape, t.scale = fitPareto(beyond)
	t.shape = min(t.shape, heaviestShape)
	return t, finite(t.shape) && finite(t.scale) && t.scale > 0
}

// fitPareto estimates the shape and the scale of a generalised Pareto
// distribution from ascending values, of which the first quarter is above 0. The shape
// leans to 0.5 by the weight of ten values.
//
// Source: J. Zhang and M. A. Stephens, Technometrics 51 (2009); the weight as Vehtari et al. 2024.
func fitPareto(x []float64) (shape, scale float64) {
	n := float64(len(x))
	quartile := x[int(n/4+0.5)-1]
	if quartile <= 0 {
		return math.NaN(), math.NaN()
	}
	grid := 30 + int(math.Sqrt(n))
	likelihoods, b := make([]float64, grid), make([]float64, grid)
	shapeAt := func(b float64) (sum float64) {
		for _, v := range x {
			sum += math.Log1p(-b * v)
		}
		return sum / n
	}
	for i := range grid {
		b[i] = 1/x[len(x)-1] + (1-math.Sqrt(float64(grid)/(float64(i)+0.5)))/(3*quartile)
		k := shapeAt(b[i])
		likelihoods[i] = n * (math.Log(-b[i]/k) - k - 1)
	}
	top, sum, mean := slices.Max(likelihoods), 0.0, 0.0
	for i, l := range likelihoods {
		w := math.Exp(l - top)
		sum, mean = sum+w, mean+w*b[i]
	}
	mean /= sum
	shape = shapeAt(mean)
	scale = -shape / mean
	return (shape*n + 0.5*10) / (n + 10), scale
}

// mean of the smoothed sample.
func (t *paretoTail) mean() float64 {
	sum := 0.0
	for _, v := range t.body {
		sum += v
	}
	return (sum + float64(t.rows-len(t.body))*(t.from+t.scale/(1-t.shape))) / float64(t.rows)
}

// draw gives one value.
func (t *paretoTail) draw(random *rand.Rand) float64 {
	if i := random.IntN(t.rows); i < len(t.body) {
		return t.body[i]
	}
	e := random.ExpFloat64()
	if math.Abs(t.shape) < 1e-9 {
		return t.from + t.scale*e
	}
	return t.from + t.scale*math.Expm1(t.shape*e)/t.shape
}
