package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// moments are the weighted mean and standard deviation of x.
func moments(x, w []float64) []float64 {
	var n, sum, squares float64
	for i, v := range x {
		n, sum, squares = n+w[i], sum+w[i]*v, squares+w[i]*v*v
	}
	mean := sum / n
	return []float64{mean, math.Sqrt(max(0, squares/n-mean*mean))}
}

func TestBCaAgainstSciPy(t *testing.T) {
	t.Parallel()
	type sample struct {
		Name, What string
		X          []float64
		Lo, Hi     float64
	}
	for _, c := range qualityGolden[[]sample](t, "bca") {
		at := map[string]int{"mean": 0, "deviation": 1}[c.What]
		b, err := NewBootstrap(len(c.X), 20_000, 1, func(w []float64) []float64 { return moments(c.X, w) })
		require.NoError(t, err)
		lo, hi, err := b.Interval(at, 0.1)
		require.NoError(t, err)
		slack := 0.03 * (c.Hi - c.Lo) // of two sets of draws
		require.InDelta(t, c.Lo, lo, slack, c.Name)
		require.InDelta(t, c.Hi, hi, slack, c.Name)

		// A one-sided test at a bound of the interval has the bound's level.
		p, err := b.AtMost(at, lo)
		require.NoError(t, err)
		require.InDelta(t, 0.05, p, 0.01, c.Name)
		p, err = b.AtLeast(at, hi)
		require.NoError(t, err)
		require.InDelta(t, 0.05, p, 0.01, c.Name)
	}
}

func TestJackknifeOfAMean(t *testing.T) {
	t.Parallel()
	// Leaving one row out in turn gives the standard error of a mean exactly: 1/sqrt(n) standard deviations.
	x := []float64{3, 1, 4, 1, 5, 9, 2, 6}
	j, err := NewJackknife(len(x), len(x), func(w []float64) []float64 { return append(moments(x, w), math.NaN()) })
	require.NoError(t, err)
	lo, hi, err := j.Interval(0, 0.05)
	require.NoError(t, err)
	require.InDelta(t, 3.875-2.364624251592784*0.9716977043151993, lo, 1e-9) // scipy.stats.t.ppf(0.975, 7), sem(x)
	require.InDelta(t, 2*3.875, lo+hi, 1e-12)
	p, err := j.AtMost(0, 2)
	require.NoError(t, err)
	require.InDelta(t, 0.047488246217887636, p, 1e-9) // scipy.stats.ttest_1samp(x, 2, alternative="greater")
	q, err := j.AtLeast(0, 2)
	require.NoError(t, err)
	require.InDelta(t, 1, p+q, 1e-12)
	_, _, err = j.Interval(2, 0.05)
	require.ErrorIs(t, err, ErrUnstable)
	_, err = j.AtMost(2, 0)
	require.ErrorIs(t, err, ErrUnstable)
	_, err = NewJackknife(3, 4, nil)
	require.ErrorContains(t, err, "4 groups of 3 rows")
	same, err := NewJackknife(4, 2, func([]float64) []float64 { return []float64{1} })
	require.NoError(t, err)
	p, err = same.AtMost(0, 1)
	require.NoError(t, err)
	require.InDelta(t, 1, p, 0)
}

func TestBootstrapIsReproducible(t *testing.T) {
	t.Parallel()
	x := []float64{1, 2, 4, 8, 16, 32}
	ends := func(seed uint64) [2]float64 {
		b, err := NewBootstrap(len(x), 300, seed, func(w []float64) []float64 { return moments(x, w) })
		require.NoError(t, err)
		require.InDelta(t, 10.5, b.Estimate(0), 1e-12)
		lo, hi, err := b.Interval(0, 0.05)
		require.NoError(t, err)
		return [2]float64{lo, hi}
	}
	require.Equal(t, ends(1), ends(1))
	require.NotEqual(t, ends(1), ends(2))
}

func TestBootstrapOfTheUndefined(t *testing.T) {
	t.Parallel()
	b, err := NewBootstrap(10, 100, 1, func([]float64) []float64 { return []float64{math.NaN(), 3} })
	require.NoError(t, err)
	_, _, err = b.Interval(0, 0.05)
	require.ErrorIs(t, err, ErrUnstable)
	_, err = b.AtMost(0, 1)
	require.ErrorIs(t, err, ErrUnstable)
	lo, hi, err := b.Interval(1, 0.05)
	require.NoError(t, err)
	require.Equal(t, [2]float64{3, 3}, [2]float64{lo, hi})
	for _, c := range []struct{ value, atMost, atLeast float64 }{{2, 1. / 101, 1}, {3, 1, 1}, {4, 1, 1. / 101}} {
		p, err := b.AtMost(1, c.value)
		require.NoError(t, err)
		require.InDelta(t, c.atMost, p, 1e-12, "at most %v", c.value)
		p, err = b.AtLeast(1, c.value)
		require.NoError(t, err)
		require.InDelta(t, c.atLeast, p, 1e-12, "at least %v", c.value)
	}
	_, _, err = b.Interval(1, 0)
	require.ErrorContains(t, err, "level 0")
}

// simulated is a binary classifier whose true metrics are known from a very large draw.
func simulated(random *rand.Rand, rows int) (truth, pred []int64, proba []float64) {
	for range rows {
		x := random.NormFloat64()
		p := 1 / (1 + math.Exp(-1.5*x+0.8))
		said := 1 / (1 + math.Exp(-1.2*x+0.3)) // somewhat miscalibrated
		y, called := int64(0), int64(0)
		if random.Float64() < p {
			y = 1
		}
		if said >= 0.5 {
			called = 1
		}
		truth, pred, proba = append(truth, y), append(pred, called), append(proba, said)
	}
	return truth, pred, proba
}

// quality computes the metrics that the bootstrap is asked for.
func quality(t *testing.T, truth, pred []int64, proba []float64) func(w []float64) []float64 {
	t.Helper()
	m, err := ConfusionOf(truth, pred, 2)
	require.NoError(t, err)
	r, err := NewRanking(truth, proba)
	require.NoError(t, err)
	losses, squares := make([]float64, len(truth)), make([]float64, len(truth))
	for i, p := range proba {
		y := float64(truth[i])
		losses[i], squares[i] = -(y*math.Log(p) + (1-y)*math.Log(1-p)), (p-y)*(p-y)
	}
	return func(w []float64) []float64 {
		if err := m.Count(truth, pred, w); err != nil {
			return nil
		}
		var n, loss, brier float64
		for i, v := range w {
			n, loss, brier = n+v, loss+v*losses[i], brier+v*squares[i]
		}
		return []float64{m.Class(1).F1, m.MCC(), m.BalancedAccuracy(), r.AveragePrecision(w), loss / n, brier / n}
	}
}

// Over many tables the intervals hold the true value about as often as they
// say. Seeds are fixed, so the outcome is always the same; the bound is four
// standard errors of the simulation, and two points for what BCa lacks at this size.
func TestIntervalsCoverAtTheirLevel(t *testing.T) {
	t.Parallel()
	const tables, rows, resamples, alpha = 300, 200, 299, 0.1
	names := []string{"f1", "mcc", "balanced accuracy", "average precision", "log loss", "brier", "auc", "accuracy"}
	random := rand.New(rand.NewPCG(11, 12))
	truth, pred, proba := simulated(random, 200_000)
	ones := make([]float64, len(truth))
	for i := range ones {
		ones[i] = 1
	}
	want := quality(t, truth, pred, proba)(ones)
	large, err := NewRanking(truth, proba)
	require.NoError(t, err)
	hits, err := ConfusionOf(truth, pred, 2)
	require.NoError(t, err)
	want = append(want, large.AUC(nil), hits.Accuracy())

	covered := make([]float64, len(names))
	for table := range tables {
		truth, pred, proba := simulated(random, rows)
		b, err := NewBootstrap(rows, resamples, uint64(table), quality(t, truth, pred, proba))
		require.NoError(t, err)
		for j := range names {
			var lo, hi float64
			switch names[j] {
			case "auc":
				r, err := NewRanking(truth, proba)
				require.NoError(t, err)
				_, lo, hi, err = AUCInterval([]*Ranking{r}, []float64{1}, alpha)
				require.NoError(t, err)
			case "accuracy":
				m, err := ConfusionOf(truth, pred, 2)
				require.NoError(t, err)
				lo, hi, err = Wilson(int64(m.At(0, 0)+m.At(1, 1)), rows, alpha)
				require.NoError(t, err)
			default:
				lo, hi, err = b.Interval(j, alpha)
				require.NoError(t, err)
			}
			if lo <= want[j] && want[j] <= hi {
				covered[j]++
			}
		}
	}
	slack := 4*math.Sqrt(alpha*(1-alpha)/tables) + 0.02
	for j, name := range names {
		rate := covered[j] / tables
		t.Logf("%s: true value %.4f, covered in %.1f %% of tables at a level of 90 %%", name, want[j], 100*rate)
		require.InDelta(t, 1-alpha, rate, slack, name)
	}
}

// The one-sided bootstrap test rejects a true hypothesis about as often as its level says.
func TestBootstrapTestKeepsItsLevel(t *testing.T) {
	t.Parallel()
	const tables, rows, alpha = 600, 60, 0.05
	random := rand.New(rand.NewPCG(21, 22))
	rejected := 0.0
	for table := range tables {
		x := make([]float64, rows)
		for i := range x {
			x[i] = random.ExpFloat64() - random.ExpFloat64() // the difference of two alike losses
		}
		b, err := NewBootstrap(rows, 399, uint64(table), func(w []float64) []float64 { return moments(x, w) })
		require.NoError(t, err)
		p, err := b.AtMost(0, 0)
		require.NoError(t, err)
		if p <= alpha {
			rejected++
		}
	}
	rate := rejected / tables
	t.Logf("rejected in %.1f %% of tables at a level of 5 %%", 100*rate)
	require.InDelta(t, alpha, rate, 4*math.Sqrt(alpha*(1-alpha)/tables))
}

// As TestIntervalsCoverAtTheirLevel, for the mean area of three classes against
// the rest, and for the errors of a regression.
func TestFurtherIntervalsCoverAtTheirLevel(t *testing.T) {
	t.Parallel()
	const tables, rows, alpha = 250, 120, 0.1
	random := rand.New(rand.NewPCG(61, 62))
	draw := func(n int) (rankings []*Ranking, squares []float64) {
		truth, scores := make([]int64, n), make([][3]float64, n)
		for i := range n {
			truth[i] = int64(min(2, random.IntN(4))) // the third class twice as often
			for k := range 3 {
				scores[i][k] = random.NormFloat64()
			}
			scores[i][truth[i]] += 1.2
			e := random.NormFloat64()
			squares = append(squares, e*e)
		}
		for k := range int64(3) {
			of, score := make([]int64, n), make([]float64, n)
			for i := range n {
				if score[i] = scores[i][k]; truth[i] == k {
					of[i] = 1
				}
			}
			r, err := NewRanking(of, score)
			require.NoError(t, err)
			rankings = append(rankings, r)
		}
		return rankings, squares
	}
	third := []float64{1. / 3, 1. / 3, 1. / 3}
	large, _ := draw(60_000)
	want, _, _, err := AUCInterval(large, third, alpha)
	require.NoError(t, err)
	const rmse = 1.
	areas, errors := 0.0, 0.0
	for table := range tables {
		rankings, squares := draw(rows)
		_, lo, hi, err := AUCInterval(rankings, third, alpha)
		require.NoError(t, err)
		if lo <= want && want <= hi {
			areas++
		}
		b, err := NewBootstrap(rows, 299, uint64(table), func(w []float64) []float64 { return []float64{math.Sqrt(moments(squares, w)[0])} })
		require.NoError(t, err)
		lo, hi, err = b.Interval(0, alpha)
		require.NoError(t, err)
		if lo <= rmse && rmse <= hi {
			errors++
		}
	}
	t.Logf("auc %.1f %%, rmse %.1f %% covered at a level of 90 %%", 100*areas/tables, 100*errors/tables)
	require.InDelta(t, 1-alpha, areas/tables, 4*math.Sqrt(alpha*(1-alpha)/tables))
	require.InDelta(t, 1-alpha, errors/tables, 4*math.Sqrt(alpha*(1-alpha)/tables))
}
