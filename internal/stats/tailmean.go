package stats

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// FewestTailed are rows of which the largest fifth says something of the tail.
const FewestTailed = 50

const (
	// leastHalved are values that a tail taken from further out keeps.
	leastHalved = 25
	// Shapes looked at. A mean exists below 1: what is above tells how sure that is.
	lightestShape, meanlessShape, heaviestShape, shapeStep = -0.4, 0.98, 2.0, 0.02
	// scaleSteps are scales looked at for each shape.
	scaleSteps = 21
	// normalEnd are deviations beyond which a normal has nothing.
	normalEnd = 9
)

// tailMean is what a sample says of the mean of what it was drawn from, where
// the largest values follow a generalised Pareto distribution: the posterior
// of that mean, a mixture of normals over the shapes and scales of the tail.
// All else is as the sample has it. Beyond the largest value a heavy tail holds
// much of the mean, which no resampling of the rows shows.
//
// Sources: the mean as body and tail: J. Johansson, Extremes 6 (2003), with the
// length of the tail of A. Vehtari, D. Simpson, A. Gelman, Y. Yao and J. Gabry,
// Journal of Machine Learning Research 25 (2024); Jeffreys' prior of the tail: M. E.
// Castellanos and S. Cabras, Journal of Statistical Planning and Inference 137 (2007).
type tailMean struct {
	shape float64 // posterior mean, of shapes that have a mean
	any   float64 // posterior mean of any shape
	// meanless is the posterior probability that the shape is so large that there is no mean.
	meanless float64
	parts    []meanPart
}

// meanPart is a component of the mixture.
type meanPart struct{ weight, mean, deviation float64 }

// newTailMean looks at the largest values; false where they are too few or
// too alike to have a tail. A tail that gets lighter further out, more than
// chance explains, is no Pareto tail from where it was taken to begin, and is
// taken from further out: Hausman's test at 1 %, as the longer one has the smaller variance.
//
// Sources: J. A. Hausman, Econometrica 46 (1978); the variance of the shape,
// (1+shape)²/n: R. L. Smith, Annals of Statistics 15 (1987).
func newTailMean(values []float64) (*tailMean, bool) {
	n := len(values)
	if n < FewestTailed {
		return nil, false
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	long := min(n/5, int(3*math.Sqrt(float64(n))))
	tail, ok := fitTail(sorted, long)
	for short := long / 2; ok && short >= leastHalved; short /= 2 {
		outer, fits := fitTail(sorted, short)
		deviation := (1 + tail.any) * math.Sqrt(1/float64(short)-1/float64(long))
		if fits && tail.any-outer.any > distuv.UnitNormal.Quantile(0.99)*deviation {
			tail, long = outer, short
		}
	}
	return tail, ok
}

// fitTail integrates over shapes and logarithms of scales, on a grid about
// what the median of the tail says of them.
func fitTail(sorted []float64, long int) (*tailMean, bool) {
	n := len(sorted)
	body, from := sorted[:n-long], sorted[n-long-1]
	beyond := make([]float64, long)
	for i := range beyond {
		beyond[i] = sorted[n-long+i] - from
	}
	median := beyond[long/2]
	if !(median > 0) || !finite(beyond[long-1]) {
		return nil, false
	}
	center, spread := bodyMoments(body)
	share, tailed, rows := float64(long)/float64(n), float64(long), float64(n)
	var steps [scaleSteps]float64 // of the logarithm of the scale
	for j := range steps {
		steps[j] = 7 / math.Sqrt(tailed) * (2*(float64(j)+0.5)/scaleSteps - 1)
	}
	t := &tailMean{}
	var likelihoods, shapes []float64
	for s := range int(math.Round((heaviestShape - lightestShape) / shapeStep)) {
		shape := lightestShape + shapeStep*(float64(s)+0.5)
		middle := median * shape / math.Expm1(shape*math.Ln2)
		prior := -math.Log1p(shape) - math.Log1p(2*shape)/2
		for _, step := range steps {
			scale := middle * math.Exp(step)
			if 1+shape/scale*beyond[long-1] <= 0 {
				continue // of a tail that ends before the largest value
			}
			likelihoods = append(likelihoods, prior-tailed*(math.Log(middle)+step)-(1+1/shape)*logProduct(beyond, shape/scale))
			shapes = append(shapes, shape)
			mean := from + scale/(1-shape) - center // of the tail, as seen from the body
			t.parts = append(t.parts, meanPart{
				mean:      center + share*mean,
				deviation: math.Sqrt((1-share)*spread/rows + share*(1-share)*mean*mean/rows),
			})
		}
	}
	ok := t.weigh(likelihoods, shapes)
	return t, ok
}

// bodyMoments are the mean and the variance.
func bodyMoments(x []float64) (mean, variance float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		variance += (v - mean) * (v - mean) / float64(len(x))
	}
	return mean, variance
}

// logProduct is the sum of log(1 + factor x), with few logarithms.
func logProduct(x []float64, factor float64) float64 {
	sum, product := 0.0, 1.0
	for _, v := range x {
		product *= 1 + factor*v
		if product > 1e150 || product < 1e-150 {
			sum, product = sum+math.Log(product), 1
		}
	}
	return sum + math.Log(product)
}

// weigh makes likelihoods the weights of the parts that have a mean, and drops the others.
func (t *tailMean) weigh(likelihoods, shapes []float64) bool {
	top, topKept := slices.Max(likelihoods), math.Inf(-1)
	for i, l := range likelihoods {
		if shapes[i] < meanlessShape {
			topKept = max(topKept, l)
		}
	}
	if !finite(top) || !finite(topKept) {
		return false
	}
	var all, kept float64
	parts := t.parts[:0]
	for i, l := range likelihoods {
		w := math.Exp(l - top)
		all, t.any = all+w, t.any+w*shapes[i]
		if shapes[i] >= meanlessShape {
			t.meanless += w
			continue
		}
		w = math.Exp(l - topKept)
		kept, t.shape = kept+w, t.shape+w*shapes[i]
		if w > 1e-9 {
			t.parts[i].weight = w
			parts = append(parts, t.parts[i])
		}
	}
	t.parts, t.shape, t.any, t.meanless = parts, t.shape/kept, t.any/all, t.meanless/all
	for i := range parts {
		parts[i].weight /= kept
	}
	return true
}

// above is the posterior probability that the mean is above v.
func (t *tailMean) above(v float64) float64 {
	p := 0.0
	for _, c := range t.parts {
		switch off := c.mean - v; {
		case off > normalEnd*c.deviation:
			p += c.weight
		case off > -normalEnd*c.deviation:
			p += c.weight * distuv.UnitNormal.CDF(off/c.deviation)
		}
	}
	return min(1, p)
}

// quantile is what the mean lies above with probability p.
func (t *tailMean) quantile(p float64) float64 {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, c := range t.parts {
		lo, hi = min(lo, c.mean-normalEnd*c.deviation), max(hi, c.mean+normalEnd*c.deviation)
	}
	for range 50 {
		if middle := lo + (hi-lo)/2; t.above(middle) > p {
			lo = middle
		} else {
			hi = middle
		}
	}
	return hi
}
