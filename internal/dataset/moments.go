package dataset

import (
	"cmp"
	"math"
	"slices"

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

func (m *moments) add(x float64) {
	m.min, m.max = min(m.min, x), max(m.max, x)
	if m.blockN == 0 {
		m.open(x)
	}
	d := x - m.shift
	m.blockS += d
	m.blockQ += d * d
	if m.blockN++; m.blockN == momentBlock {
		m.join()
	}
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

// sample keeps the values of the rows whose numbers hash lowest: all while
// there are at most k, then k of them drawn evenly, however the rows came in batches.
type sample struct {
	k      int
	heap   []ranked // the greatest rank first, once there are k
	bound  uint64   // greatest rank that still gets in
	seen   int64
	sorted []float64
}

type ranked struct {
	rank  uint64
	value float64
}

func newSample(k int) sample { return sample{k: k, bound: math.MaxUint64} }

// rankOf orders rows at random, always alike.
func rankOf(row int64) uint64 { return mix(uint64(row) + 0x9e3779b97f4a7c15) }

// keep takes a value whose rank is below s.bound. The caller counts it in s.seen.
func (s *sample) keep(rank uint64, value float64) {
	if len(s.heap) < s.k {
		s.heap = append(s.heap, ranked{rank, value})
		if len(s.heap) == s.k {
			slices.SortFunc(s.heap, func(a, b ranked) int { return cmp.Compare(b.rank, a.rank) }) // sorted is a heap
			s.bound = s.heap[0].rank
		}
		return
	}
	i := 0
	for { // sift the new value down from the top
		child := 2*i + 1
		if child >= len(s.heap) {
			break
		}
		if child+1 < len(s.heap) && s.heap[child+1].rank > s.heap[child].rank {
			child++
		}
		if s.heap[child].rank <= rank {
			break
		}
		s.heap[i] = s.heap[child]
		i = child
	}
	s.heap[i] = ranked{rank, value}
	s.bound = s.heap[0].rank
}

// values are the values kept, sorted.
func (s *sample) values() []float64 {
	if len(s.sorted) != len(s.heap) {
		s.sorted = make([]float64, len(s.heap))
		for i, r := range s.heap {
			s.sorted[i] = r.value
		}
		slices.Sort(s.sorted)
	}
	return s.sorted
}

func (s *sample) exact() bool { return s.seen <= int64(s.k) }

func (s *sample) method() Method {
	if s.exact() {
		return Exact
	}
	return Method("random sample of " + pluralValues(s.k))
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
