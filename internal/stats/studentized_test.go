package stats

import (
	"math"
	"math/rand/v2"
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
	const tables, rows, resamples, alpha = 600, 200, 399, 0.1
	// The least coverage, of RMSE, MAE and R²: the level of 90 % less what the method lacks
	// in large simulations, less three standard errors of this one.
	least := map[string][3]float64{"normal": {0.86, 0.86, 0.86}, "lognormal": {0.80, 0.84, 0.80}, "t3": {0.72, 0.80, 0.72}}
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
				for k, of := range []Studentized{LogMean(squares), LogMean(distances), LogUnexplained(truth, squares)} {
					lo, hi, err := StudentizedInterval(rows, resamples, uint64(table), alpha, of)
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
