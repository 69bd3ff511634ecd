package stats

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

type psiGolden struct {
	Numeric []struct {
		Name               string
		Ref, Cur           []number
		Bins               int
		Reference, Current []int
		PSI, P             float64
	}
	Categorical []struct {
		Name               string
		Ref, Cur           []string
		Reference, Current []int
		PSI, P             float64
	}
}

func TestPSINumericAgainstDefinition(t *testing.T) {
	t.Parallel()
	for _, c := range golden[psiGolden](t, "psi").Numeric {
		got, err := PSINumeric(floats(c.Ref), floats(c.Cur), c.Bins)
		require.NoError(t, err, c.Name)
		requireBins(t, c.Name, got, c.Reference, c.Current)
		requireClose(t, c.PSI, got.PSI, exact, c.Name+": psi")
		requireClose(t, c.P, got.P, exact, c.Name+": p")
	}
}

func TestPSICategoricalAgainstDefinition(t *testing.T) {
	t.Parallel()
	for _, c := range golden[psiGolden](t, "psi").Categorical {
		got, err := PSICategorical(c.Ref, c.Cur)
		require.NoError(t, err, c.Name)
		requireBins(t, c.Name, got, c.Reference, c.Current)
		require.Equal(t, OtherLabel, got.Bins[len(got.Bins)-1].Label, c.Name)
		requireClose(t, c.PSI, got.PSI, exact, c.Name+": psi")
		requireClose(t, c.P, got.P, exact, c.Name+": p")
	}
}

func requireBins(t *testing.T, name string, got PSIResult, reference, current []int) {
	t.Helper()
	var ref, cur []int
	sumRef, sumCur := 0, 0
	for _, b := range got.Bins {
		ref, cur = append(ref, b.Reference), append(cur, b.Current)
		sumRef, sumCur = sumRef+b.Reference, sumCur+b.Current
	}
	require.Equal(t, reference, ref, name)
	require.Equal(t, current, cur, name)
	require.Equal(t, got.Reference, sumRef, name)
	require.Equal(t, got.Current, sumCur, name)
}

func TestPSINumericBins(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	for name, c := range map[string]struct {
		ref    []float64
		bins   int
		labels []string
	}{
		"open ends":      {[]float64{1, 2, 3, 4, 5}, 2, []string{"(-inf, 3]", "(3, +inf)"}},
		"merged ties":    {[]float64{1, 2, 2, 2, 2, 2, 3}, 10, []string{"(-inf, 1.75]", "(1.75, 2]", "(2, 2.25]", "(2.25, +inf)"}},
		"constant":       {[]float64{7, 7, 7}, 10, []string{"(-inf, 7)", "[7, 7]", "(7, +inf)"}},
		"many at bottom": {[]float64{0, 0, 0, 0, 1}, 4, []string{"(-inf, 0)", "[0, 0]", "(0, +inf)"}},
		"negative zero":  {[]float64{math.Copysign(0, -1), 0, 0}, 3, []string{"(-inf, 0)", "[0, 0]", "(0, +inf)"}},
		"missing":        {[]float64{1, 2, 3, nan}, 2, []string{"(-inf, 2]", "(2, +inf)", "missing"}},
		"only missing":   {[]float64{nan}, 2, []string{"(-inf, +inf)", "missing"}},
	} {
		got, err := PSINumeric(c.ref, []float64{1}, c.bins)
		require.NoError(t, err, name)
		var labels []string
		for _, b := range got.Bins {
			labels = append(labels, b.Label)
		}
		require.Equal(t, c.labels, labels, name)
		_, err = json.Marshal(got)
		require.NoError(t, err, name)
	}
	got, err := PSINumeric([]float64{7, 7}, []float64{7}, 10)
	require.NoError(t, err)
	out, err := json.Marshal(got.Bins)
	require.NoError(t, err)
	require.JSONEq(t, `[
		{"label":"(-inf, 7)","upper":7,"reference":0,"current":0},
		{"label":"[7, 7]","lower":7,"upper":7,"reference":2,"current":1},
		{"label":"(7, +inf)","lower":7,"reference":0,"current":0}]`, string(out))
}

func TestPSIRejects(t *testing.T) {
	t.Parallel()
	_, err := PSINumeric([]float64{1}, []float64{1}, 1)
	require.ErrorContains(t, err, "at least 2")
	_, err = PSINumeric(nil, []float64{1}, 10)
	require.ErrorIs(t, err, ErrNoData)
	_, err = PSINumeric([]float64{1}, nil, 10)
	require.ErrorIs(t, err, ErrNoData)
	_, err = PSICategorical(nil, []string{"a"})
	require.ErrorIs(t, err, ErrNoData)
	_, err = PSICategorical([]string{"a"}, nil)
	require.ErrorIs(t, err, ErrNoData)
}

// Without drift P must reject at about its level, over the sizes a monitor
// meets. The fixed rule "PSI >= 0.1" would alarm on a third of (5000, 100).
func TestPSIIsCalibrated(t *testing.T) {
	t.Parallel()
	const runs, level = 1500, 0.05
	slack := 5 * math.Sqrt(level*(1-level)/runs)
	for i, size := range []struct{ n, m int }{{1000, 200}, {5000, 100}, {300, 1000}} {
		rng := rand.New(rand.NewPCG(12, uint64(i)))
		numeric, categorical := 0, 0
		for range runs {
			got, err := PSINumeric(normals(rng, size.n, 0), normals(rng, size.m, 0), 10)
			require.NoError(t, err)
			numeric += int(indicator(got.P <= level))
			got, err = PSICategorical(categories(rng, size.n), categories(rng, size.m))
			require.NoError(t, err)
			categorical += int(indicator(got.P <= level))
		}
		t.Logf("sizes %v: numeric %.4f, categorical %.4f", size, float64(numeric)/runs, float64(categorical)/runs)
		require.InDelta(t, level, float64(numeric)/runs, slack+0.015, "numeric %v", size)
		require.InDelta(t, level, float64(categorical)/runs, slack+0.015, "categorical %v", size)
	}
}

// A shift of half a standard deviation is found in every run.
func TestPSIFindsAShift(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(13, 0))
	for range 50 {
		got, err := PSINumeric(normals(rng, 2000, 0), normals(rng, 500, 0.5), 10)
		require.NoError(t, err)
		require.Less(t, got.P, 1e-6)
		require.Greater(t, got.PSI, 0.1)
	}
}

// categories draws from five categories with probabilities 0.4 to 0.06.
func categories(rng *rand.Rand, n int) []string {
	names := []string{"a", "a", "a", "a", "a", "a", "b", "b", "b", "b", "c", "c", "c", "d", "e"}
	out := make([]string, n)
	for i := range out {
		out[i] = names[rng.IntN(len(names))]
	}
	return out
}
