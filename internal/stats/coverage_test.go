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

// residuals of a law with what is true of them.
type residuals struct {
	name          string
	draw          func(*rand.Rand) float64
	square, about float64 // expected square and expected absolute value
	mean          float64
}

func residualLaws() []residuals {
	return []residuals{
		{"normal", (*rand.Rand).NormFloat64, 1, math.Sqrt(2 / math.Pi), 0},
		{"lognormal", func(r *rand.Rand) float64 { return math.Exp(r.NormFloat64()) }, math.Exp(2), math.Exp(0.5), math.Exp(0.5)},
		contaminated(0.05, 3), contaminated(0.05, 10), contaminated(0.01, 10),
		student(4), student(3), student(2.5), pareto(3), pareto(2.5),
	}
}

// student draws Student's t; its degrees of freedom times two are a whole number.
func student(freedom float64) residuals {
	draw := func(r *rand.Rand) float64 {
		half, chi := freedom/2, 0.0 // chi is a gamma of shape half, twice
		for ; half >= 1; half-- {
			chi += 2 * r.ExpFloat64()
		}
		switch half {
		case 0.5:
			chi += math.Pow(r.NormFloat64(), 2)
		case 0.25:
			chi += 2 * quarterGamma(r)
		}
		return r.NormFloat64() / math.Sqrt(chi/freedom)
	}
	gamma := func(x float64) float64 { v, _ := math.Lgamma(x); return v }
	about := 2 * math.Sqrt(freedom/math.Pi) * math.Exp(gamma((freedom+1)/2)-gamma(freedom/2)) / (freedom - 1)
	return residuals{fmt.Sprintf("t, %v degrees of freedom", freedom), draw, freedom / (freedom - 2), about, 0}
}

// quarterGamma draws from the gamma law of shape 1/4, by J. H. Ahrens and U. Dieter, Computing 12 (1974).
func quarterGamma(r *rand.Rand) float64 {
	const shape = 0.25
	b := (math.E + shape) / math.E
	for {
		if p := b * r.Float64(); p <= 1 {
			if x := math.Pow(p, 1/shape); r.Float64() <= math.Exp(-x) {
				return x
			}
		} else if x := -math.Log((b - p) / shape); r.Float64() <= math.Pow(x, shape-1) {
			return x
		}
	}
}

// pareto draws values of either sign whose sizes are above 1, with a tail of that index.
func pareto(index float64) residuals {
	return residuals{fmt.Sprintf("Pareto, index %v", index), func(r *rand.Rand) float64 {
		return math.Copysign(math.Pow(1-r.Float64(), -1/index), r.Float64()-0.5)
	}, index / (index - 2), index / (index - 1), 0}
}

// contaminated draws normals of which a share has a larger deviation.
func contaminated(share, deviation float64) residuals {
	return residuals{fmt.Sprintf("normal, %v %% of deviation %v", 100*share, deviation), func(r *rand.Rand) float64 {
		z := r.NormFloat64()
		if r.Float64() < share {
			z *= deviation
		}
		return z
	}, 1 - share + share*deviation*deviation, (1 - share + share*deviation) * math.Sqrt(2/math.Pi), 0}
}

// coverage counts intervals that hold what is true.
type coverage struct {
	tables, below, above   float64 // of those that do not, the truth lies below or above
	doubted, silentlyWrong float64 // those with a remark, and those without one that do not hold it
	lengths, plain         []float64
}

func (c *coverage) count(s *Studentized, lo, hi, truth, alpha float64) {
	c.tables++
	if truth < lo {
		c.below++
	}
	if truth > hi {
		c.above++
	}
	if tail, heavy := s.Tail(); heavy && tail.Meanless > 0.5 {
		c.doubted++
	} else if truth < lo || truth > hi {
		c.silentlyWrong++
	}
	c.lengths, c.plain = append(c.lengths, hi-lo), append(c.plain, s.width*(s.distance(1-alpha/2)-s.distance(alpha/2)))
}

func (c *coverage) rate() float64 { return 1 - (c.below+c.above)/c.tables }

// silent is the rate among the intervals without a remark.
func (c *coverage) silent() float64 { return 1 - c.silentlyWrong/(c.tables-c.doubted) }

// longer is how much longer the median interval is than by the studentized bootstrap alone.
func (c *coverage) longer() float64 {
	with, _ := Quantile(c.lengths, 0.5)
	without, _ := Quantile(c.plain, 0.5)
	return with / without
}

// coverOf simulates tables: rmse, mae and r2, on their scales.
func coverOf(t *testing.T, law residuals, rows, tables, resamples int, alpha float64) (found [3]coverage) {
	t.Helper()
	random := rand.New(rand.NewPCG(41, uint64(rows)))
	const spread = 2.0 // of the truth about its mean; the residual adds to it
	variance := spread*spread + law.square - law.mean*law.mean
	truths := [3]float64{math.Log(law.square), math.Log(law.about), math.Log(law.square / variance)}
	for table := range tables {
		squares, distances, truth := make([]float64, rows), make([]float64, rows), make([]float64, rows)
		for i := range rows {
			e := law.draw(random)
			squares[i], distances[i], truth[i] = e*e, math.Abs(e), spread*random.NormFloat64()+e
		}
		unexplained, err := LogUnexplained(truth, squares)
		require.NoError(t, err)
		for k, statistic := range []*Smooth{LogMean(squares), LogMean(distances), unexplained} {
			s, err := Studentize(statistic, resamples, uint64(table))
			require.NoError(t, err)
			lo, hi, err := s.Interval(alpha)
			require.NoError(t, err)
			found[k].count(s, lo, hi, truths[k], alpha)
		}
	}
	return found
}

// Over many tables the intervals of errors hold the true value about as often
// as they say, also where few errors are far larger than all others and squares have no variance.
// Seeds are fixed: the outcome is always the same. The band is that of docs/model-tests.md, widened by two
// standard errors of the simulation. SLIPWAY_COVERAGE_TABLES=1000 makes the table of the docs, a quarter as many of the large ones.
func TestStudentizedIntervalsCover(t *testing.T) {
	t.Parallel()
	const alpha = 0.1
	laws := residualLaws()
	tables, sizes, resamples := 100, []int{200}, 99
	if n, err := strconv.Atoi(os.Getenv("SLIPWAY_COVERAGE_TABLES")); err == nil {
		tables, sizes, resamples = n, []int{200, 500, 2000, 10_000}, 399
	} else {
		laws = []residuals{laws[0], laws[1], student(3), student(2.5)}
	}
	for _, law := range laws {
		for _, rows := range sizes {
			t.Run(fmt.Sprintf("%s, %d rows", law.name, rows), func(t *testing.T) {
				t.Parallel()
				tables := tables
				if rows > 1000 {
					tables /= 4
				}
				found := coverOf(t, law, rows, tables, resamples, alpha)
				for k, metric := range []string{"rmse", "mae", "r2"} {
					c := &found[k]
					t.Logf("| %s | %d | %s | %.1f %% | %.1f %% below, %.1f %% above | %.2f | %.1f %% | %.1f %% |", law.name, rows, metric, 100*c.rate(), 100*c.below/c.tables, 100*c.above/c.tables,
						c.longer(), 100*c.doubted/c.tables, 100*c.silent())
					if law.name == contaminated(0.01, 10).name {
						continue // 2 to 5 rows of 200 to 500 make nearly all of the error: nobody can know how many more there might be
					}
					slack := 2 * math.Sqrt(alpha*(1-alpha)/c.tables)
					require.GreaterOrEqual(t, c.rate(), 0.87-slack, metric)
					if law.name == "normal" {
						require.LessOrEqual(t, c.rate(), 0.93+slack, metric)
						require.Less(t, c.longer(), 1.05, metric)
					}
					if silent := c.tables - c.doubted; silent > c.tables/2 {
						require.GreaterOrEqual(t, c.silent(), 0.87-2*math.Sqrt(alpha*(1-alpha)/silent), "%s without a remark", metric)
					}
				}
			})
		}
	}
}
