package modeltest

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/feature"
)

// averages are precision, recall and F1 as scikit-learn averages them.
type averages struct{ Precision, Recall, F1 float64 }

// golden reads a section of the values that scikit-learn gave.
func golden[T any](t *testing.T, section string) T {
	t.Helper()
	raw, err := os.ReadFile("../stats/testdata/quality.json")
	require.NoError(t, err)
	var sections map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(raw, &sections))
	var out T
	require.NoError(t, json.Unmarshal(sections[section], &out))
	return out
}

// answered makes the answers of a classifier with whole-number classes.
func answered(truth, pred []int64, proba [][]float64) *scored {
	out := &scored{truth: classTruth(truth)}
	for i := range pred {
		out.predictions = append(out.predictions, feature.Prediction{Label: &pred[i], Probabilities: proba[i]})
	}
	return out
}

func classTruth(codes []int64) truth {
	out := truth{numeric: true}
	for _, c := range codes {
		out.classes = append(out.classes, className(feature.Prediction{Label: &c}))
	}
	return out
}

func requireMetrics(t *testing.T, name string, want map[string]float64, of measured) {
	t.Helper()
	values := of.metrics()(nil)
	names := of.metricNames()
	require.Len(t, values, len(names), name)
	for i, metric := range names {
		if w, ok := want[metric]; ok {
			require.InDelta(t, w, values[i], 1e-9*max(1, w), "%s: %s", name, metric)
			delete(want, metric)
		}
	}
	require.Empty(t, want, name)
}

func TestMetricsOfTwoClassesAgainstScikitLearn(t *testing.T) {
	t.Parallel()
	for _, c := range golden[[]struct {
		Name                          string
		Truth, Pred                   []int64
		Proba                         []float64
		Positive                      averages
		Balanced, MCC, AP, AUC, Brier float64
	}](t, "binary") {
		proba := make([][]float64, len(c.Proba))
		for i, p := range c.Proba {
			proba[i] = []float64{1 - p, p}
		}
		of, err := classify(answered(c.Truth, c.Pred, proba))
		require.NoError(t, err)
		requireMetrics(t, c.Name, map[string]float64{
			"precision": c.Positive.Precision, "recall": c.Positive.Recall, "f1": c.Positive.F1, "balanced_accuracy": c.Balanced,
			"mcc": c.MCC, "pr_auc": c.AP, "auc": c.AUC, "brier": c.Brier,
		}, of)
	}
}

func TestMetricsOfManyClassesAgainstScikitLearn(t *testing.T) {
	t.Parallel()
	for _, c := range golden[[]struct {
		Name                          string
		Truth, Pred                   []int64
		Proba                         [][]float64
		Macro, Weighted, Micro        averages
		Balanced, MCC, AUC, AP, Brier float64
	}](t, "multiclass") {
		of, err := classify(answered(c.Truth, c.Pred, c.Proba))
		require.NoError(t, err)
		requireMetrics(t, c.Name, map[string]float64{
			"precision": c.Macro.Precision, "recall": c.Macro.Recall, "f1": c.Macro.F1, "balanced_accuracy": c.Balanced, "mcc": c.MCC,
			"precision_weighted": c.Weighted.Precision, "recall_weighted": c.Weighted.Recall, "f1_weighted": c.Weighted.F1,
			"accuracy": c.Micro.F1, "auc": c.AUC, "pr_auc": c.AP, "brier": c.Brier,
		}, of)
	}
}

func TestMetricsOfARegressionAgainstScikitLearn(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../stats/testdata/golden.json")
	require.NoError(t, err)
	var sections struct {
		Regression []struct {
			Name        string
			Truth, Pred []float64
			MAE, RMSE   float64
		}
	}
	require.NoError(t, json.Unmarshal(raw, &sections))
	for _, c := range sections.Regression {
		requireMetrics(t, c.Name, map[string]float64{"mae": c.MAE, "rmse": c.RMSE}, &regressed{truth: c.Truth, pred: c.Pred})
	}
	for _, c := range golden[[]struct {
		Name        string
		Truth, Pred []float64
		MAPE        float64
	}](t, "regression") {
		out := &scored{truth: truth{values: c.Truth}}
		for i := range c.Pred {
			out.predictions = append(out.predictions, feature.Prediction{Value: &c.Pred[i]})
		}
		want := map[string]float64{"mape": c.MAPE}
		if c.Name == "a zero" {
			want = map[string]float64{} // percentages of nothing are not told
		}
		requireMetrics(t, c.Name, want, regress(out))
	}
}

// Weights count rows: a row with weight 2 is two rows.
func TestMetricsOfWeightedRows(t *testing.T) {
	t.Parallel()
	truth, pred := []int64{0, 1, 2, 0, 1}, []int64{0, 1, 1, 2, 1}
	proba := [][]float64{{0.7, 0.2, 0.1}, {0.1, 0.8, 0.1}, {0.2, 0.5, 0.3}, {0.3, 0.1, 0.6}, {0.2, 0.6, 0.2}}
	weights := []float64{2, 1, 1, 3, 1}
	var rows []int
	for i, w := range weights {
		for range int(w) {
			rows = append(rows, i)
		}
	}
	var moreTruth, morePred []int64
	var moreProba [][]float64
	for _, i := range rows {
		moreTruth, morePred, moreProba = append(moreTruth, truth[i]), append(morePred, pred[i]), append(moreProba, proba[i])
	}
	a, err := classify(answered(truth, pred, proba))
	require.NoError(t, err)
	b, err := classify(answered(moreTruth, morePred, moreProba))
	require.NoError(t, err)
	require.InDeltaSlice(t, b.metrics()(nil), a.metrics()(weights), 1e-12)

	x := &regressed{truth: []float64{1, 2, 4, 7, 11}, pred: []float64{1.5, 2, 3, 9, 10}, percent: true}
	y := &regressed{percent: true}
	for _, i := range rows {
		y.truth, y.pred = append(y.truth, x.truth[i]), append(y.pred, x.pred[i])
	}
	require.InDeltaSlice(t, y.metrics()(nil), x.metrics()(weights), 1e-12)
}
