package stats

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// distances decodes testdata/distance.json, made by distance.py.
func distances(t *testing.T) (d struct {
	Counts map[string]struct {
		Ref, Cur              []int64
		JSD, Chi2, P, Entropy float64
		DF                    int
	}
	Associations map[string]struct {
		Counts [][]int64
		V      float64
	}
	Wasserstein map[string]struct {
		X, Y []float64
		W    float64
	}
	Fits map[string]struct {
		Law        string
		Parameters map[string]float64
		X, CDF     []float64
		D, P       float64
	}
}) {
	t.Helper()
	raw, err := os.ReadFile("testdata/distance.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &d))
	return d
}

func TestDistancesOfCountsAgreeWithSciPy(t *testing.T) {
	t.Parallel()
	for name, want := range distances(t).Counts {
		jsd, err := JensenShannon(want.Ref, want.Cur)
		require.NoError(t, err)
		// SciPy squares a root: a divergence of 1e-9 keeps seven digits there.
		require.InDelta(t, want.JSD, jsd, 1e-12+exact*want.JSD, name)
		chi2, err := ChiSquaredHomogeneity(want.Ref, want.Cur)
		require.NoError(t, err)
		require.Equal(t, want.DF, chi2.DF, name)
		requireClose(t, want.Chi2, chi2.Statistic, exact, name)
		requireClose(t, want.P, chi2.P, exact, name)
		entropy, err := ShannonEntropy(want.Ref)
		require.NoError(t, err)
		requireClose(t, want.Entropy, entropy, exact, name)
	}
}

func TestCramersVAgreesWithSciPy(t *testing.T) {
	t.Parallel()
	for name, want := range distances(t).Associations {
		v, err := CramersV(want.Counts)
		require.NoError(t, err)
		require.InDelta(t, want.V, v, exact, name)
	}
	v, err := CramersV([][]int64{{3, 4, 0}})
	require.NoError(t, err)
	require.Zero(t, v, "a constant is associated with nothing")
}

func TestWassersteinAgreesWithSciPy(t *testing.T) {
	t.Parallel()
	for name, want := range distances(t).Wasserstein {
		w, err := Wasserstein(want.X, want.Y)
		require.NoError(t, err)
		requireClose(t, want.W, w, exact, name)
		again, err := Wasserstein(want.Y, want.X)
		require.NoError(t, err)
		requireClose(t, w, again, exact, name)
	}
	w, err := Wasserstein([]float64{-math.MaxFloat64}, []float64{math.MaxFloat64})
	require.NoError(t, err)
	require.Equal(t, math.MaxFloat64, w)
}

func TestFitsAgreeWithSciPy(t *testing.T) {
	t.Parallel()
	for name, want := range distances(t).Fits {
		cdf, err := Law(want.Law, want.Parameters)
		require.NoError(t, err)
		for i, p := range want.CDF {
			requireClose(t, p, cdf(want.X[i]), exact, name)
		}
		got, err := KS1(want.X, cdf)
		require.NoError(t, err)
		requireClose(t, want.D, got.D, exact, name)
		requireClose(t, want.P, got.P, exact, name)
	}
}

func TestPoolRare(t *testing.T) {
	t.Parallel()
	ref, cur := PoolRare([]int64{100, 3, 50, 1}, []int64{100, 2, 40, 6})
	require.Equal(t, []int64{100, 50, 4}, ref)
	require.Equal(t, []int64{100, 40, 8}, cur)
	ref, cur = PoolRare([]int64{9, 9}, []int64{9, 9})
	require.Equal(t, []int64{9, 9}, ref)
	require.Equal(t, []int64{9, 9}, cur)
}

func TestDistancesRefuse(t *testing.T) {
	t.Parallel()
	_, err := JensenShannon([]int64{1}, []int64{1, 2})
	require.ErrorContains(t, err, "1 bins against 2")
	_, err = ChiSquaredHomogeneity([]int64{1}, []int64{-1})
	require.ErrorContains(t, err, "negative")
	_, err = ChiSquaredHomogeneity([]int64{0}, []int64{1})
	require.ErrorIs(t, err, ErrNoData)
	_, err = ShannonEntropy(nil)
	require.ErrorIs(t, err, ErrNoData)
	_, err = CramersV([][]int64{{1, 2}, {1}})
	require.ErrorContains(t, err, "row 1 has 1 counts")
	_, err = CramersV(nil)
	require.ErrorIs(t, err, ErrNoData)
	_, err = Wasserstein([]float64{1}, []float64{math.Inf(1)})
	require.ErrorContains(t, err, "infinite")
	_, err = Wasserstein(nil, []float64{1})
	require.ErrorIs(t, err, ErrNoData)
	_, err = KS1([]float64{1}, func(float64) float64 { return math.NaN() })
	require.ErrorContains(t, err, "NaN")
	for name, parameters := range map[string]map[string]float64{
		"norm": {}, "normal": {"mean": 1}, "uniform": {"min": 2, "max": 1}, "gamma": {"shape": 0, "scale": 1}, "beta": {"alpha": 1, "beta": math.NaN()},
		"exponential": {"mean": 1, "std": 2},
	} {
		_, err := Law(name, parameters)
		require.ErrorContains(t, err, "distribution", name)
	}
}

func FuzzDistances(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4}, 1.5, -2.0)
	f.Fuzz(func(t *testing.T, b []byte, x, y float64) {
		half := len(b) / 2
		ref, cur := make([]int64, half), make([]int64, half)
		values := []float64{x}
		for i := range half {
			ref[i], cur[i] = int64(b[i]), int64(b[half+i])
			values = append(values, y*float64(b[i]))
		}
		if d, err := JensenShannon(ref, cur); err == nil {
			require.True(t, d >= 0 && d <= 1)
		}
		if r, err := ChiSquaredHomogeneity(ref, cur); err == nil {
			require.True(t, r.P >= 0 && r.P <= 1 && r.Statistic >= 0)
		}
		if v, err := CramersV([][]int64{ref, cur}); err == nil {
			require.True(t, v >= 0 && v <= 1)
		}
		if w, err := Wasserstein(values, []float64{y}); err == nil {
			require.True(t, w >= 0 && w <= math.MaxFloat64)
		}
	})
}
