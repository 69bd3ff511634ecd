package stats

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStudentizedStatisticsAgainstNumPy(t *testing.T) {
	t.Parallel()
	c := qualityGolden[struct {
		Truth, A, B []float64
		Cases       []struct {
			Name            string
			Estimate, Error float64
		}
	}](t, "smooth")
	unexplained, err := LogUnexplained(c.Truth, c.A)
	require.NoError(t, err)
	mean, err := MeanDifference(c.A, c.B)
	require.NoError(t, err)
	root, err := RootMeanDifference(c.A, c.B)
	require.NoError(t, err)
	explained, err := ExplainedDifference(c.Truth, c.A, c.B)
	require.NoError(t, err)
	found := map[string]*Smooth{"log mean": LogMean(c.A), "mean difference": mean, "root mean difference": root, "log unexplained": unexplained, "explained difference": explained}
	require.Len(t, c.Cases, len(found))
	for _, want := range c.Cases {
		s, err := Studentize(found[want.Name], 0, 1)
		require.NoError(t, err)
		requireClose(t, want.Estimate, s.Estimate(), 1e-9, want.Name)
		requireClose(t, want.Error, s.width, 1e-6, want.Name) // NumPy's derivatives are differences

		// Without resamples and without a heavy tail, the interval is the normal one.
		s.upper, s.lower = nil, nil
		lo, hi, err := s.Interval(0.1)
		require.NoError(t, err)
		requireClose(t, want.Estimate-1.6448536269514722*want.Error, lo, 1e-6, want.Name)
		requireClose(t, want.Estimate+1.6448536269514722*want.Error, hi, 1e-6, want.Name)
		require.InDelta(t, 0.05, s.AtMost(lo), 1e-9, want.Name)
		require.InDelta(t, 0.05, s.AtLeast(hi), 1e-9, want.Name)
	}
}

// A one-sided test at an end of the interval has the level of that end, with resamples and with a tail.
func TestStudentizedTestsAgreeWithIntervals(t *testing.T) {
	t.Parallel()
	c := qualityGolden[[]struct {
		Name string
		X    []float64
	}](t, "tails")
	for _, c := range c {
		other := make([]float64, len(c.X))
		for i, v := range c.X {
			other[i] = c.X[(i*7+3)%len(c.X)] + v/4
		}
		root, err := RootMeanDifference(c.X, other)
		require.NoError(t, err)
		for _, statistic := range []*Smooth{LogMean(c.X), root} {
			s, err := Studentize(statistic, 1999, 3)
			require.NoError(t, err)
			lo, hi, err := s.Interval(0.1)
			require.NoError(t, err)
			require.InDelta(t, 0.05, s.AtMost(lo), 0.002, c.Name)
			require.InDelta(t, 0.05, s.AtLeast(hi), 0.002, c.Name)
			require.Less(t, s.AtMost(lo-s.width), 0.05, c.Name)
			require.Greater(t, s.AtMost(s.Estimate()), 0.2, c.Name)
			require.Greater(t, s.AtLeast(s.Estimate()), 0.2, c.Name)
		}
	}
}

func TestStudentized(t *testing.T) {
	t.Parallel()
	x := []float64{1, 2, 4, 8, 16, 32, 1, 2, 3, 4}
	interval := func() (lo, hi float64) {
		s, err := Studentize(LogMean(x), 500, 1)
		require.NoError(t, err)
		lo, hi, err = s.Interval(0.1)
		require.NoError(t, err)
		_, _, err = s.Interval(2)
		require.ErrorContains(t, err, "level 2")
		_, heavy := s.Tail()
		require.False(t, heavy, "ten rows have no tail")
		return lo, hi
	}
	lo, hi := interval()
	require.True(t, lo < math.Log(7.3) && math.Log(7.3) < hi)
	again, _ := interval()
	require.InDelta(t, lo, again, 0, "what is drawn has a seed")

	same := []float64{2, 2, 2}
	s, err := Studentize(LogMean(same), 99, 1)
	require.NoError(t, err)
	lo, hi, err = s.Interval(0.1)
	require.NoError(t, err)
	require.InDelta(t, math.Log(2), lo, 0)
	require.InDelta(t, math.Log(2), hi, 0)
	require.InDelta(t, 1, s.AtMost(math.Log(2)), 0)
	require.InDelta(t, 1, s.AtLeast(math.Log(2)), 0)
	require.InDelta(t, 1, s.AtMost(0), 0, "one value tells nothing of chance")
	require.Less(t, s.AtLeast(1), 1.01)

	_, err = Studentize(LogMean([]float64{0, 0, 0}), 100, 1)
	require.ErrorIs(t, err, ErrUnstable, "no logarithm")
	nothing, err := LogUnexplained(same, x[:3])
	require.NoError(t, err)
	_, err = Studentize(nothing, 100, 1)
	require.ErrorIs(t, err, ErrUnstable, "nothing to explain")
	_, err = Studentize(LogMean(x[:1]), 100, 1)
	require.ErrorContains(t, err, "1 rows")
	for name, err := range map[string]error{
		"unexplained": second(LogUnexplained(x, same)), "mean": second(MeanDifference(x, same)), "root": second(RootMeanDifference(same, x)),
		"explained": second(ExplainedDifference(x, x, same)), "none": second(MeanDifference(nil, nil)),
	} {
		require.Error(t, err, name)
	}
}

func second(_ *Smooth, err error) error { return err }
