package stats

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// qualityGolden decodes one section of testdata/quality.json, made by quality.py.
func qualityGolden[T any](t *testing.T, section string) T {
	t.Helper()
	raw, err := os.ReadFile("testdata/quality.json")
	require.NoError(t, err)
	var sections map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(raw, &sections))
	var out T
	require.NoError(t, json.Unmarshal(sections[section], &out))
	return out
}

func requireScores(t *testing.T, want, got PrecisionRecall, what string) {
	t.Helper()
	requireClose(t, want.Precision, got.Precision, exact, what+": precision")
	requireClose(t, want.Recall, got.Recall, exact, what+": recall")
	requireClose(t, want.F1, got.F1, exact, what+": f1")
}

func TestBinaryQualityAgainstScikitLearn(t *testing.T) {
	t.Parallel()
	type weighted struct{ AUC, AP, MCC, Balanced float64 }
	type model struct {
		Name                                    string
		Truth, Pred                             []int64
		Proba, Weights                          []float64
		Positive                                PrecisionRecall
		Balanced, MCC, AP, AUC, Brier, Variance float64
		Interval                                []float64
		Weighted                                weighted
	}
	for _, c := range qualityGolden[[]model](t, "binary") {
		m, err := ConfusionOf(c.Truth, c.Pred, 2)
		require.NoError(t, err, c.Name)
		requireScores(t, c.Positive, m.Class(1), c.Name)
		requireClose(t, c.Balanced, m.BalancedAccuracy(), exact, c.Name+": balanced accuracy")
		requireClose(t, c.MCC, m.MCC(), exact, c.Name+": mcc")
		r, err := NewRanking(c.Truth, c.Proba)
		require.NoError(t, err, c.Name)
		requireClose(t, c.AUC, r.AUC(nil), exact, c.Name+": auc")
		requireClose(t, c.AP, r.AveragePrecision(nil), exact, c.Name+": average precision")

		requireClose(t, c.Weighted.AUC, r.AUC(c.Weights), exact, c.Name+": weighted auc")
		requireClose(t, c.Weighted.AP, r.AveragePrecision(c.Weights), exact, c.Name+": weighted average precision")
		require.NoError(t, m.Count(c.Truth, c.Pred, c.Weights))
		requireClose(t, c.Weighted.MCC, m.MCC(), exact, c.Name+": weighted mcc")
		requireClose(t, c.Weighted.Balanced, m.BalancedAccuracy(), exact, c.Name+": weighted balanced accuracy")

		rel, err := EqualWidth(events(c.Truth), c.Proba, 10)
		require.NoError(t, err, c.Name)
		requireClose(t, c.Brier, rel.Brier(), exact, c.Name+": brier")

		auc, lo, hi, err := AUCInterval([]*Ranking{r}, []float64{1}, 0.05)
		require.NoError(t, err, c.Name)
		requireClose(t, c.AUC, auc, exact, c.Name+": auc of the interval")
		if c.Interval != nil {
			requireClose(t, c.Interval[0], lo, exact, c.Name+": lower end")
			requireClose(t, c.Interval[1], hi, exact, c.Name+": upper end")
		} else {
			require.True(t, lo < hi && lo >= 0 && hi <= 1, c.Name)
		}
	}
}

func events(truth []int64) []bool {
	out := make([]bool, len(truth))
	for i, v := range truth {
		out[i] = v == 1
	}
	return out
}

func TestMulticlassQualityAgainstScikitLearn(t *testing.T) {
	t.Parallel()
	type model struct {
		Name                          string
		Truth, Pred                   []int64
		Proba                         [][]float64
		Classes                       int
		Macro, Weighted, Micro        PrecisionRecall
		Balanced, MCC, AUC, AP, Brier float64
	}
	for _, c := range qualityGolden[[]model](t, "multiclass") {
		m, err := ConfusionOf(c.Truth, c.Pred, c.Classes)
		require.NoError(t, err, c.Name)
		requireScores(t, c.Macro, m.Macro(), c.Name+": macro")
		requireScores(t, c.Weighted, m.Weighted(), c.Name+": weighted")
		requireScores(t, c.Micro, m.Micro(), c.Name+": micro")
		requireClose(t, c.Balanced, m.BalancedAccuracy(), exact, c.Name+": balanced accuracy")
		requireClose(t, c.MCC, m.MCC(), exact, c.Name+": mcc")
		brier, err := BrierMulticlass(c.Truth, c.Proba)
		require.NoError(t, err)
		requireClose(t, c.Brier, brier, exact, c.Name+": brier")
		var rankings []*Ranking
		var weights []float64
		auc, ap := 0.0, 0.0
		for k := range c.Classes {
			truth, score := make([]int64, len(c.Truth)), make([]float64, len(c.Truth))
			for i, class := range c.Truth {
				if score[i] = c.Proba[i][k]; class == int64(k) {
					truth[i] = 1
				}
			}
			r, err := NewRanking(truth, score)
			require.NoError(t, err)
			rankings, weights = append(rankings, r), append(weights, 1/float64(c.Classes))
			auc, ap = auc+r.AUC(nil)/float64(c.Classes), ap+r.AveragePrecision(nil)/float64(c.Classes)
		}
		requireClose(t, c.AUC, auc, exact, c.Name+": auc")
		requireClose(t, c.AP, ap, exact, c.Name+": average precision")
		mean, lo, hi, err := AUCInterval(rankings, weights, 0.05)
		require.NoError(t, err)
		requireClose(t, c.AUC, mean, exact, c.Name+": auc of the interval")
		require.True(t, lo < mean && mean < hi)
	}
}

func TestReliabilityAgainstScikitLearn(t *testing.T) {
	t.Parallel()
	type curve struct {
		Name                                                       string
		Bins                                                       int
		Proba                                                      []float64
		Events                                                     []bool
		Rows                                                       []int
		Predicted, Observed                                        []float64
		ECE, ECEWidth, Reliability, Resolution, Uncertainty, Brier float64
	}
	for _, c := range qualityGolden[[]curve](t, "reliability") {
		width, err := EqualWidth(c.Events, c.Proba, c.Bins)
		require.NoError(t, err)
		require.Len(t, width.Bins, len(c.Rows), c.Name)
		for i, b := range width.Bins {
			require.Equal(t, c.Rows[i], b.Rows, c.Name)
			requireClose(t, c.Predicted[i], b.Predicted, exact, c.Name+": predicted")
			requireClose(t, c.Observed[i], b.Observed, exact, c.Name+": observed")
		}
		requireClose(t, c.ECEWidth, width.ECE(), exact, c.Name+": ece by width")
		requireClose(t, c.Brier, width.Brier(), exact, c.Name+": brier")
		reliability, resolution, uncertainty, within := width.Decompose()
		requireClose(t, c.Reliability, reliability, exact, c.Name+": reliability")
		requireClose(t, c.Resolution, resolution, exact, c.Name+": resolution")
		requireClose(t, c.Uncertainty, uncertainty, exact, c.Name+": uncertainty")
		require.InDelta(t, c.Brier, reliability-resolution+uncertainty+within, 1e-12)
		count, err := EqualCount(c.Events, c.Proba, c.Bins)
		require.NoError(t, err)
		requireClose(t, c.ECE, count.ECE(), exact, c.Name+": ece by count")
	}
}

// Equal probabilities stay in one bin, however many there are.
func TestEqualCountKeepsTiesTogether(t *testing.T) {
	t.Parallel()
	p := []float64{0.1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.9, 0.9}
	r, err := EqualCount(make([]bool, len(p)), p, 5)
	require.NoError(t, err)
	rows := []int{}
	for _, b := range r.Bins {
		rows = append(rows, b.Rows)
	}
	require.Equal(t, []int{1, 7, 2}, rows)
}

func TestMidPAgainstSciPy(t *testing.T) {
	t.Parallel()
	type pair struct {
		B, C int64
		P    float64
	}
	for _, c := range qualityGolden[[]pair](t, "midp") {
		p, err := McNemarGreaterMidP(c.B, c.C)
		require.NoError(t, err)
		requireClose(t, c.P, p, exact, "mid-p")
	}
	_, err := McNemarGreaterMidP(-1, 2)
	require.Error(t, err)
}

func TestAbsoluteErrorsAgainstScikitLearn(t *testing.T) {
	t.Parallel()
	type model struct {
		Name        string
		Truth, Pred []float64
		AbsoluteErrors
	}
	for _, c := range qualityGolden[[]model](t, "regression") {
		got, err := AbsoluteErrorsOf(c.Truth, c.Pred)
		require.NoError(t, err)
		requireClose(t, c.MAPE, got.MAPE, exact, c.Name+": mape")
		requireClose(t, c.Median, got.Median, exact, c.Name+": median")
	}
	_, err := AbsoluteErrorsOf([]float64{math.Inf(1)}, []float64{1})
	require.ErrorContains(t, err, "finite")
}

func TestQualityRejects(t *testing.T) {
	t.Parallel()
	one, two := []int64{1}, []int64{0, 1}
	for name, c := range map[string]struct {
		err  func() error
		text string
	}{
		"matrix empty":     {func() error { _, err := ConfusionOf(nil, nil, 2); return err }, "no values"},
		"matrix class":     {func() error { _, err := ConfusionOf([]int64{2}, one, 2); return err }, "classes 0 to 1"},
		"matrix weights":   {func() error { return NewConfusionMatrix(2).Count(one, one, []float64{1, 2}) }, "length"},
		"ranking label":    {func() error { _, err := NewRanking([]int64{2, 1}, []float64{1, 2}); return err }, "label 2"},
		"ranking NaN":      {func() error { _, err := NewRanking(two, []float64{1, math.NaN()}); return err }, "score NaN"},
		"interval nothing": {func() error { _, _, _, err := AUCInterval(nil, nil, 0.05); return err }, "0 rankings"},
		"interval one class": {func() error {
			r, _ := NewRanking(one, []float64{1})
			_, _, _, err := AUCInterval([]*Ranking{r}, []float64{1}, 0.05)
			return err
		}, "one class"},
		"interval alpha":    {func() error { _, _, _, err := AUCInterval(nil, nil, 1); return err }, "level 1"},
		"bins":              {func() error { _, err := EqualCount([]bool{true}, []float64{1}, 0); return err }, "0 bins"},
		"probability":       {func() error { _, err := EqualWidth([]bool{true}, []float64{2}, 3); return err }, "[0, 1]"},
		"brier class":       {func() error { _, err := BrierMulticlass([]int64{3}, [][]float64{{1}}); return err }, "class 3"},
		"brier probability": {func() error { _, err := BrierMulticlass([]int64{0}, [][]float64{{math.NaN()}}); return err }, "[0, 1]"},
		"bootstrap rows":    {func() error { _, err := NewBootstrap(1, 10, 1, nil); return err }, "1 rows"},
	} {
		require.ErrorContains(t, c.err(), c.text, name)
	}
}
