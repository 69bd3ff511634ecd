package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// residuals of a law with what is true of them.
type residuals struct {
	name          string
	draw          func(*rand.Rand) float64
	square, about float64 // expected square and expected absolute value
}

func residualLaws() []residuals {
	normal := func(r *rand.Rand) float64 { return r.NormFloat64() }
	return []residuals{
		{"normal", normal, 1, math.Sqrt(2 / math.Pi)},
		{"lognormal", func(r *rand.Rand) float64 { return math.Exp(r.NormFloat64()) }, math.Exp(2), math.Exp(0.5)},
		{"t3", func(r *rand.Rand) float64 {
			a, b, c := r.NormFloat64(), r.NormFloat64(), r.NormFloat64()
			return r.NormFloat64() / math.Sqrt((a*a+b*b+c*c)/3)
		}, 3, 2 * math.Sqrt(3) / math.Pi},
	}
}

// Over many tables the intervals of errors hold the true value about as often
// as they say, also where few errors are far larger than all others, of which
// the BCa interval is too short. Seeds are fixed: the outcome is always the same.
func TestStudentizedIntervalsCover(t *testing.T) {
	t.Parallel()
	const tables, rows, resamples, alpha = 250, 200, 199, 0.1
	// The least coverage, of RMSE, MAE and R²: what was measured, less three standard errors of the simulation.
	// The squares of t3 have no variance, so that no method reaches the level.
	least := map[string][3]float64{"normal": {0.86, 0.86, 0.86}, "lognormal": {0.83, 0.84, 0.83}, "t3": {0.78, 0.86, 0.73}}
	for _, law := range residualLaws() {
		t.Run(law.name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(21, 22))
			const spread = 2.0 // of the truth about its mean; the residual adds to it
			variance := spread*spread + law.square
			if law.name == "lognormal" {
				variance -= math.Exp(1) // its square less that of its mean
			}
			want := [3]float64{math.Log(law.square), math.Log(law.about), math.Log(law.square / variance)}
			var covered [3]float64
			bca := 0.0
			for table := range tables {
				squares, distances, truth := make([]float64, rows), make([]float64, rows), make([]float64, rows)
				for i := range rows {
					e := law.draw(random)
					squares[i], distances[i], truth[i] = e*e, math.Abs(e), spread*random.NormFloat64()+e
				}
				for k, interval := range []func() (float64, float64, error){
					func() (float64, float64, error) { return LogMeanInterval(squares, resamples, uint64(table), alpha) },
					func() (float64, float64, error) { return LogMeanInterval(distances, resamples, uint64(table), alpha) },
					func() (float64, float64, error) {
						return StudentizedInterval(rows, resamples, uint64(table), alpha, LogUnexplained(truth, squares))
					},
				} {
					lo, hi, err := interval()
					require.NoError(t, err)
					if lo <= want[k] && want[k] <= hi {
						covered[k]++
					}
				}
				b, err := NewBootstrap(rows, resamples, uint64(table), func(w []float64) []float64 { return moments(squares, w)[:1] })
				require.NoError(t, err)
				lo, hi, err := b.Interval(0, alpha)
				require.NoError(t, err)
				if lo <= law.square && law.square <= hi {
					bca++
				}
			}
			for k, metric := range []string{"rmse", "mae", "r2"} {
				rate := covered[k] / tables
				t.Logf("%s of %s errors: covered in %.1f %% of tables at a level of 90 %%", metric, law.name, 100*rate)
				require.GreaterOrEqual(t, rate, least[law.name][k], metric)
				require.LessOrEqual(t, rate, 0.96, metric)
			}
			t.Logf("rmse by BCa: %.1f %%", 100*bca/tables)
			if law.name != "normal" {
				require.Greater(t, covered[0], bca, "better than BCa")
			}
		})
	}
}

// The tail of a known law is found, about as SciPy's maximum likelihood finds it.
func TestParetoTail(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(31, 32))
	for _, shape := range []float64{-0.2, 0, 0.3, 0.7} {
		x := make([]float64, 20_000)
		for i := range x {
			e := random.ExpFloat64()
			x[i] = 2 * e
			if shape != 0 {
				x[i] = 2 * math.Expm1(shape*e) / shape
			}
		}
		slices.Sort(x)
		k, scale := fitPareto(x)
		require.InDelta(t, shape, k, 0.04)
		require.InDelta(t, 2, scale, 0.08)
	}
	for _, c := range qualityGolden[[]struct {
		Name         string
		X            []float64
		Shape, Scale float64
	}](t, "pareto") {
		k, scale := fitPareto(c.X)
		require.InDelta(t, c.Shape, k, 0.05, c.Name)
		require.InEpsilon(t, c.Scale, scale, 0.05, c.Name)
	}

	values := make([]float64, 400)
	for i := range values {
		values[i] = math.Exp(random.NormFloat64())
	}
	tail, ok := newParetoTail(values)
	require.True(t, ok)
	sum := 0.0
	for range 400_000 {
		sum += tail.draw(random) / 400_000
	}
	require.InEpsilon(t, tail.mean(), sum, 0.03)
	_, ok = newParetoTail(make([]float64, 30))
	require.False(t, ok, "equal values have no tail")
	_, ok = newParetoTail(values[:20])
	require.False(t, ok, "too few")
}

func TestStudentizedInterval(t *testing.T) {
	t.Parallel()
	x := []float64{1, 2, 4, 8, 16, 32, 1, 2, 3, 4}
	lo, hi, err := StudentizedInterval(len(x), 500, 1, 0.1, LogMean(x))
	require.NoError(t, err)
	require.True(t, lo < math.Log(7.3) && math.Log(7.3) < hi)
	again, _, err := StudentizedInterval(len(x), 500, 1, 0.1, LogMean(x))
	require.NoError(t, err)
	require.InDelta(t, lo, again, 0, "what is drawn has a seed")

	same := []float64{2, 2, 2}
	lo, hi, err = StudentizedInterval(3, 100, 1, 0.1, LogMean(same))
	require.NoError(t, err)
	require.InDelta(t, math.Log(2), lo, 0)
	require.InDelta(t, math.Log(2), hi, 0)

	_, _, err = StudentizedInterval(3, 100, 1, 0.1, LogMean([]float64{0, 0, 0}))
	require.ErrorIs(t, err, ErrUnstable, "no logarithm")
	_, _, err = StudentizedInterval(3, 100, 1, 0.1, LogUnexplained(same, x[:3]))
	require.ErrorIs(t, err, ErrUnstable, "nothing to explain")
	_, _, err = StudentizedInterval(1, 100, 1, 0.1, LogMean(x[:1]))
	require.ErrorContains(t, err, "1 rows")
	_, _, err = StudentizedInterval(3, 100, 1, 2, LogMean(x[:3]))
	require.ErrorContains(t, err, "level 2")
}
