package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTailMeanAgainstSciPy(t *testing.T) {
	t.Parallel()
	for _, c := range qualityGolden[[]struct {
		Name                 string
		X                    []float64
		Rows                 int
		Shape, Any, Meanless float64
		Quantiles            [3]float64
	}](t, "tails") {
		tail, ok := fitTail(slices.Sorted(slices.Values(c.X)), c.Rows)
		require.True(t, ok, c.Name)
		requireClose(t, c.Shape, tail.shape, 1e-6, c.Name)
		requireClose(t, c.Any, tail.any, 1e-6, c.Name)
		require.InDelta(t, c.Meanless, tail.meanless, 1e-8, c.Name)
		for i, p := range []float64{0.05, 0.5, 0.95} {
			requireClose(t, c.Quantiles[i], tail.quantile(p), 1e-6, c.Name)
			require.InDelta(t, p, tail.above(c.Quantiles[i]), 1e-6, c.Name)
		}
	}
}

// What is known of a tail is found where there are many values.
func TestShapeOfATail(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(35, 36))
	for _, shape := range []float64{-0.2, 0.01, 0.3, 0.7, 1.2} {
		x := make([]float64, 40_000)
		for i := range x {
			x[i] = math.Expm1(shape*random.ExpFloat64()) / shape
		}
		tail, ok := newTailMean(x)
		require.True(t, ok)
		require.InDelta(t, shape, tail.any, 0.15)
		if shape < 0.9 {
			require.Less(t, tail.meanless, 0.1)
			lo, hi := tail.quantile(0.999), tail.quantile(0.001)
			require.True(t, lo < 1/(1-shape) && 1/(1-shape) < hi, "mean of shape %v: %v to %v", shape, lo, hi)
		} else {
			require.Greater(t, tail.meanless, 0.9)
		}
	}
}

// Values of which some are far larger, but have no heavy tail of their own, are not taken for a Pareto tail.
func TestTailThatGetsLighter(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(33, 34))
	law := contaminated(0.05, 10)
	x := make([]float64, 2000)
	for i := range x {
		x[i] = math.Pow(law.draw(random), 2)
	}
	whole, ok := fitTail(slices.Sorted(slices.Values(x)), 134)
	require.True(t, ok)
	require.Greater(t, whole.shape, 0.8)
	tail, ok := newTailMean(x)
	require.True(t, ok)
	require.Less(t, tail.shape, 0.4)
}

func TestNoTail(t *testing.T) {
	t.Parallel()
	few := make([]float64, FewestTailed-1)
	for i := range few {
		few[i] = float64(i)
	}
	_, ok := newTailMean(few)
	require.False(t, ok, "too few")
	_, ok = newTailMean(make([]float64, 100))
	require.False(t, ok, "equal values")
	one := make([]float64, 100)
	one[0] = 1
	_, ok = newTailMean(one)
	require.False(t, ok, "all but one are equal")
}

func FuzzTailMean(f *testing.F) {
	f.Add(encodeFloats(1, 2, 3))
	f.Add(encodeFloats(0, 1e300, -1e300, 5e-324))
	f.Fuzz(func(t *testing.T, raw []byte) {
		x := make([]float64, FewestTailed)
		for i, v := range decodeFloats(raw) {
			if i < len(x) && finite(v) {
				x[i] = v
			}
		}
		tail, ok := newTailMean(x)
		if !ok {
			return
		}
		if !(tail.meanless >= 0 && tail.meanless <= 1) || !finite(tail.shape) || len(tail.parts) == 0 {
			t.Fatalf("%v: %+v", x, tail)
		}
		if p := tail.above(x[0]); !(p >= 0 && p <= 1) {
			t.Fatalf("%v: above %v is %v", x, x[0], p)
		}
	})
}
