package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

type ksGolden struct {
	Pairs []struct {
		Name string
		X, Y []number
		D, P float64
	}
	Grids []struct {
		N, M        int
		Power, D, P float64
	}
	KSTwo []struct{ N, D, P float64 }
}

func TestKS2AgainstSciPy(t *testing.T) {
	t.Parallel()
	for _, c := range golden[ksGolden](t, "ks").Pairs {
		x, y := floats(c.X), floats(c.Y)
		got, err := KS2(x, y)
		require.NoError(t, err, c.Name)
		require.True(t, got.Exact, c.Name)
		requireClose(t, c.D, got.D, 1e-14, c.Name+": D")
		requireClose(t, c.P, got.P, exact, c.Name+": p")
		swapped, err := KS2(y, x)
		require.NoError(t, err, c.Name)
		require.Equal(t, got, swapped, c.Name)
	}
}

func TestKS2LargeAgainstSciPy(t *testing.T) {
	t.Parallel()
	grid := func(n int, power float64) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = math.Pow((float64(i)+0.5)/float64(n), power)
		}
		return out
	}
	for _, c := range golden[ksGolden](t, "ks").Grids {
		name := fmt.Sprintf("%d against %d to the %v", c.N, c.M, c.Power)
		got, err := KS2(grid(c.N, 1), grid(c.M, c.Power))
		require.NoError(t, err, name)
		require.Equal(t, max(c.N, c.M) <= 10000, got.Exact, name)
		requireClose(t, c.D, got.D, 1e-12, name+": D")
		requireClose(t, c.P, got.P, exact, name+": p")
	}
}

func TestKolmogorovSurvivalAgainstSciPy(t *testing.T) {
	t.Parallel()
	for _, c := range golden[ksGolden](t, "ks").KSTwo {
		requireClose(t, c.P, kolmogorovSurvival(c.N, c.D), exact, fmt.Sprintf("n=%v d=%v", c.N, c.D))
	}
}

// Where the bound says that the p-value vanishes, counting the paths agrees, up
// to the rounding of subnormal numbers; further inside the count is positive.
func TestKS2ShortcutAgreesWithTheCount(t *testing.T) {
	t.Parallel()
	for _, size := range []struct{ n, m int }{{1200, 1100}, {3001, 900}, {9000, 400}} {
		g := gcd(size.n, size.m)
		lcm := size.n / g * size.m
		h := 1
		for ; h < lcm && !ksVanishes(size.n, size.m, float64(h)/float64(lcm)); h++ {
		}
		require.Less(t, h, lcm, "%v: the bound is never reached", size)
		require.Less(t, ksOutsidePaths(size.n, size.m, g, h), 1e-307, "%v", size)
		require.Positive(t, ksOutsidePaths(size.n, size.m, g, h*9/10), "%v", size)
	}
}

func TestKS2LeavesInputsAlone(t *testing.T) {
	t.Parallel()
	x, y := []float64{3, 1, 2}, []float64{9, 7, 8, 1}
	xs, ys := slices.Clone(x), slices.Clone(y)
	_, err := KS2(x, y)
	require.NoError(t, err)
	require.Equal(t, xs, x)
	require.Equal(t, ys, y)
}

func TestKS2RejectsWhatItCannotRank(t *testing.T) {
	t.Parallel()
	_, err := KS2(nil, []float64{1})
	require.ErrorIs(t, err, ErrNoData)
	_, err = KS2([]float64{1}, []float64{})
	require.ErrorIs(t, err, ErrNoData)
	_, err = KS2([]float64{1}, []float64{2, math.NaN()})
	require.ErrorContains(t, err, "sample y: value 1 is NaN")
}

// Without drift the p-value is uniform up to the steps of D: P(p <= a) <= a
// exactly, and not far below. The bounds are five standard errors wide.
func TestKS2IsCalibrated(t *testing.T) {
	t.Parallel()
	const runs = 4000
	for _, size := range []struct{ n, m int }{{80, 80}, {150, 61}} {
		rng := rand.New(rand.NewPCG(11, uint64(size.m)))
		below := map[float64]int{0.01: 0, 0.05: 0, 0.2: 0, 0.5: 0}
		for range runs {
			got, err := KS2(normals(rng, size.n, 0), normals(rng, size.m, 0))
			require.NoError(t, err)
			for level := range below {
				if got.P <= level {
					below[level]++
				}
			}
		}
		for level, count := range below {
			rate, slack := float64(count)/runs, 5*math.Sqrt(level*(1-level)/runs)
			require.LessOrEqual(t, rate, level+slack, "sizes %v at level %v", size, level)
			require.GreaterOrEqual(t, rate, 0.6*level-slack, "sizes %v at level %v", size, level)
		}
	}
}

func normals(rng *rand.Rand, n int, mean float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = mean + rng.NormFloat64()
	}
	return out
}
