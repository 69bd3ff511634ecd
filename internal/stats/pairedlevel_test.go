package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// rejections count one-sided tests at 5 % that reject a true hypothesis.
type rejections struct{ tests, above, below float64 }

func (r *rejections) rate() float64 { return (r.above + r.below) / (2 * r.tests) }

// pairedLevels simulates two models that are equally good: rmse, mae and r2.
// draw gives both residuals of a row, of the same expected square and size.
func pairedLevels(t *testing.T, rows, tables, resamples int, draw func(*rand.Rand) (a, b float64)) (found [3]rejections) {
	t.Helper()
	random := rand.New(rand.NewPCG(31, uint64(rows)))
	for table := range tables {
		var columns [5][]float64
		for range rows {
			a, b := draw(random)
			for k, v := range []float64{a * a, b * b, math.Abs(a), math.Abs(b), 2*random.NormFloat64() + a} {
				columns[k] = append(columns[k], v)
			}
		}
		rmse, err := RootMeanDifference(columns[0], columns[1])
		require.NoError(t, err)
		mae, err := MeanDifference(columns[2], columns[3])
		require.NoError(t, err)
		r2, err := ExplainedDifference(columns[4], columns[0], columns[1])
		require.NoError(t, err)
		for k, statistic := range []*Smooth{rmse, mae, r2} {
			s, err := Studentize(statistic, resamples, uint64(table))
			require.NoError(t, err)
			found[k].tests++
			if s.AtMost(0) <= 0.05 {
				found[k].above++
			}
			if s.AtLeast(0) <= 0.05 {
				found[k].below++
			}
		}
	}
	return found
}

// Of two models that are equally good, the paired test calls one worse at most
// at its level, whether their residuals have nothing to do with each other or
// nearly all is the row's own. SLIPWAY_COVERAGE_TABLES=1000 makes the table of docs/model-tests.md.
func TestPairedTestsKeepTheirLevel(t *testing.T) {
	t.Parallel()
	tables, sizes, resamples := 80, []int{200}, 99
	if n, err := strconv.Atoi(os.Getenv("SLIPWAY_COVERAGE_TABLES")); err == nil {
		tables, sizes, resamples = n, []int{200, 1000}, 399
	}
	for _, law := range []residuals{residualLaws()[0], residualLaws()[1], student(3)} {
		for _, correlated := range []bool{false, true} {
			for _, rows := range sizes {
				t.Run(fmt.Sprintf("%s, correlated %v, %d rows", law.name, correlated, rows), func(t *testing.T) {
					t.Parallel()
					found := pairedLevels(t, rows, tables, resamples, func(r *rand.Rand) (a, b float64) {
						if !correlated {
							return law.draw(r), law.draw(r)
						}
						e, spread := law.draw(r), 0.3*math.Sqrt(law.square)
						return e + spread*r.NormFloat64(), e + spread*r.NormFloat64()
					})
					for k, metric := range []string{"rmse", "mae", "r2"} {
						f := found[k]
						t.Logf("| %s | %v | %d | %s | %.1f %% | %.1f %% |", law.name, correlated, rows, metric, 100*f.above/f.tests, 100*f.below/f.tests)
						// Either side is a test of its own; they exclude each other.
						require.LessOrEqual(t, f.rate(), 0.06+2*math.Sqrt(0.05*0.45/f.tests), metric)
						if law.name == "normal" {
							require.GreaterOrEqual(t, f.rate(), 0.04-2*math.Sqrt(0.05*0.45/f.tests), metric)
						}
					}
				})
			}
		}
	}
}
