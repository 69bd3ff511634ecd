package modeltest_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// noisyRows have normal errors, or such over another normal: Cauchy's law, which has no mean square.
func noisyRows(rows int, cauchy bool) string {
	random := rand.New(rand.NewPCG(13, 14))
	var out strings.Builder
	out.WriteString("a,b,c,d,label\n")
	for range rows {
		a, b, c, d, noise := random.NormFloat64(), random.NormFloat64(), random.NormFloat64(), random.NormFloat64(), random.NormFloat64()
		if cauchy {
			noise /= random.NormFloat64()
		}
		fmt.Fprintf(&out, "%.6f,%.6f,%.6f,%.6f,%.6f\n", a, b, c, d, a+2*b-d+0.5+noise)
	}
	return out.String()
}

// An interval that cannot hold at its level is not told as if it did.
func TestIntervalsThatAreNotReliable(t *testing.T) {
	t.Parallel()
	r := tested(t, regression(t, noisyRows(400, true)))
	around := r.Intervals["rmse"]
	require.Contains(t, around.Method, "Pareto tail")
	require.Contains(t, around.Remark, "not reliable: the tail is so heavy (estimated tail index 0.")
	require.Contains(t, named(t, r, "rmse").Detail, "not reliable")
	page, err := r.HTML()
	require.NoError(t, err)
	require.Contains(t, string(page), "Interval of rmse")
	require.Contains(t, string(page), ", not reliable")

	r = tested(t, regression(t, noisyRows(40, false)))
	require.Contains(t, r.Intervals["rmse"].Remark, "40 rows do not show how heavy their tail is, at least 50 are needed")

	r = tested(t, regression(t, noisyRows(400, false)))
	for name, around := range r.Intervals {
		require.Empty(t, around.Remark, name)
	}
	require.Equal(t, "studentized bootstrap, 1000 resamples", r.Intervals["rmse"].Method)
}

func TestResidualsOfTheReport(t *testing.T) {
	t.Parallel()
	in := regression(t, noisyRows(400, false))
	r := tested(t, in)
	require.GreaterOrEqual(t, len(r.Residuals.Points), 300)
	require.InDelta(t, 1, r.Residuals.Deviation, 0.1)
	page, err := r.HTML()
	require.NoError(t, err)
	for _, want := range []string{"Residuals of 3", `aria-label="residuals of 3`, "Residuals against a normal distribution"} {
		require.Contains(t, string(page), want)
	}

	in.Data.Sensitive = []string{in.Data.Label}
	require.Nil(t, tested(t, in).Residuals, "prediction and residual add up to the label")
	require.Nil(t, tested(t, input(t, "good")).Residuals, "a classifier")
}
