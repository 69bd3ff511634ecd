package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

type curveGolden struct {
	Name                                           string
	Truth                                          []int64
	Proba, FPR, TPR, Thresholds, Precision, Recall []float64
}

// The points are those of scikit-learn's roc_curve and precision_recall_curve.
func TestCurveAgainstScikitLearn(t *testing.T) {
	t.Parallel()
	for _, c := range qualityGolden[[]curveGolden](t, "curves") {
		r, err := NewRanking(c.Truth, c.Proba)
		require.NoError(t, err)
		points := r.Curve(c.Proba)
		require.Len(t, points, len(c.FPR), c.Name)
		for i, p := range points {
			require.InDelta(t, c.FPR[i], p.FPR, 1e-9, c.Name)
			require.InDelta(t, c.TPR[i], p.TPR, 1e-9, c.Name)
			require.InDelta(t, c.Thresholds[i], p.Threshold, 1e-9, c.Name)
			require.InDelta(t, c.Precision[i], p.Precision, 1e-9, c.Name)
			require.InDelta(t, c.Recall[i], p.TPR, 1e-9, c.Name)
		}
		// The areas under the points are those that Areas computes.
		auc, average := r.Areas(nil)
		area, sum, last := 0.0, 0.0, CurvePoint{}
		for _, p := range points {
			area += (p.FPR - last.FPR) * (p.TPR + last.TPR) / 2
			sum += (p.TPR - last.TPR) * p.Precision
			last = p
		}
		require.InDelta(t, auc, area, 1e-9, c.Name)
		require.InDelta(t, average, sum, 1e-9, c.Name)
	}
}

func TestThinCurve(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	truth, scores := make([]int64, 20_000), make([]float64, 20_000)
	for i := range truth {
		if random.Float64() < 0.02 {
			truth[i] = 1
		}
		scores[i] = random.NormFloat64() + 1.5*float64(truth[i])
	}
	r, err := NewRanking(truth, scores)
	require.NoError(t, err)
	all := r.Curve(scores)
	require.Len(t, all, 20_000)
	few := ThinCurve(all, 100)
	require.LessOrEqual(t, len(few), 100)
	require.Greater(t, len(few), 50)
	require.Equal(t, all[0], few[0])
	require.Equal(t, all[len(all)-1], few[len(few)-1])
	at, worst := 0, 0.0
	for _, p := range all { // each point is near the kept one before it
		if at+1 < len(few) && few[at+1].Threshold >= p.Threshold {
			at++
		}
		worst = max(worst, math.Abs(p.FPR-few[at].FPR), math.Abs(p.TPR-few[at].TPR), math.Abs(p.Precision-few[at].Precision))
	}
	require.Less(t, worst, 0.08)
	require.Equal(t, all[:2], ThinCurve(all[:2], 2))
	require.Len(t, ThinCurve(all[:7], 2), 2)
}

func TestCurveOfOneClass(t *testing.T) {
	t.Parallel()
	r, err := NewRanking([]int64{1, 1}, []float64{0.1, 0.2})
	require.NoError(t, err)
	require.Nil(t, r.Curve([]float64{0.1, 0.2}))
}
