package dataset

import (
	"math"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/DataDog/sketches-go/ddsketch/mapping"
	"github.com/DataDog/sketches-go/ddsketch/store"
)

// momentBlock is how many values are summed before they join the rest.
const momentBlock = 1024

// moments gathers count, mean, variance, sum, least and greatest of a column.
// Values are summed in blocks of fixed size around the mean so far, and blocks
// are joined as Chan, Golub and LeVeque do ("Updating formulae and a pairwise
// algorithm for computing sample variances", 1979): the result is stable and
// does not depend on how the values came in batches.
type moments struct {
	n        int64
	mean, m2 float64
	min, max float64
	sum      float64 // of whole blocks, and what rounding lost of it
	lost     float64

	blockN         int
	shift          float64 // of the block
	blockS, blockQ float64
}

func newMoments() moments { return moments{min: math.Inf(1), max: math.Inf(-1)} }

// add takes values that are no NaN, and gives their bounds: +Inf and -Inf where there are none.
func (m *moments) add(values []float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for len(values) > 0 {
		if m.blockN == 0 {
			m.open(values[0])
		}
		n := min(len(values), momentBlock-m.blockN)
		shift, sum, squares := m.shift, m.blockS, m.blockQ
		for _, x := range values[:n] {
			d := x - shift
			sum += d
			squares += d * d
			if x < low {
				low = x
			}
			if x > high {
				high = x
			}
		}
		m.blockS, m.blockQ = sum, squares
		if m.blockN += n; m.blockN == momentBlock {
			m.join()
		}
		values = values[n:]
	}
	low, high = low+0, high+0 // -0 + 0 is 0
	m.min, m.max = min(m.min, low), max(m.max, high)
	return low, high
}

// open starts a block, whose first value is x.
func (m *moments) open(x float64) {
	if m.shift = m.mean; m.n == 0 {
		m.shift = x
	}
}

// join adds the block to the whole.
func (m *moments) join() {
	if m.blockN == 0 {
		return
	}
	k := float64(m.blockN)
	mean := m.blockS / k // around shift
	m2 := math.Max(0, m.blockQ-m.blockS*mean)
	delta := m.shift + mean - m.mean
	if m.n == 0 {
		m.mean, m.m2 = m.shift+mean, m2
	} else {
		n := float64(m.n)
		m.m2 += m2 + delta*delta*n*k/(n+k)
		m.mean += delta * k / (n + k)
	}
	m.n += int64(m.blockN)
	// Neumaier's sum keeps what rounding loses.
	part := m.shift*k + m.blockS
	t := m.sum + part
	if math.Abs(m.sum) >= math.Abs(part) {
		m.lost += m.sum - t + part
	} else {
		m.lost += part - t + m.sum
	}
	m.sum = t
	m.blockN, m.blockS, m.blockQ = 0, 0, 0
}

// std is the sample standard deviation, divisor n-1; 0 for fewer than two values.
func (m *moments) std() float64 {
	if m.n < 2 {
		return 0
	}
	return math.Sqrt(m.m2 / float64(m.n-1))
}

// quantileAccuracy is the relative error of a quantile from the sketch.
const quantileAccuracy = 0.001

// newQuantileSketch is a DDSketch (Masson, Rim and Lee, 2019) of bounded memory.
func newQuantileSketch() (*ddsketch.DDSketch, error) {
	m, err := mapping.NewCubicallyInterpolatedMapping(quantileAccuracy)
	if err != nil {
		return nil, err
	}
	return ddsketch.NewDDSketch(m, store.NewCollapsingLowestDenseStore(16384), store.NewCollapsingLowestDenseStore(16384)), nil
}

// quantileOf is quantile q of sorted values by linear interpolation (type 7, as NumPy's default).
func quantileOf(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := float64(len(sorted)-1) * q
	i := int(rank)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	t := rank - float64(i)
	a, b := sorted[i], sorted[i+1]
	return min(max((1-t)*a+t*b, a), b)
}
