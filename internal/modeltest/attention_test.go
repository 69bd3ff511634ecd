package modeltest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAttention(t *testing.T) {
	t.Parallel()
	require.Empty(t, Report{Rows: 500}.attention())
	flips := int64(3)
	around := func(low, high float64) Interval { return Interval{Low: low, High: high} }
	r := Report{Rows: 60, Evidence: Evidence{
		Comparison: &Comparison{Version: "1", Rows: 60, Better: 5, NegativeFlips: &flips, Metrics: []Difference{
			{Metric: "accuracy", Candidate: 0.7, Other: 0.8, Interval: around(-0.2, -0.01)}, {Metric: "auc", Interval: around(-0.1, 0.1)},
			{Metric: "log_loss", Candidate: 0.9, Other: 0.5, Interval: around(0.1, 0.6)}, {Metric: "brier", Interval: around(-0.3, -0.1)},
		}},
		Slices: []Slice{{Name: "given", Given: true}, {Name: "age < 20", Metric: "accuracy", Value: 0.4, Rest: 0.9, Rows: 30}},
		Baselines: []Baseline{
			{Name: "majority", Difference: Difference{Metric: "auc", Candidate: 0.7, Other: 0.5, Interval: around(0.1, 0.3)}},
			{Name: "logistic regression", Difference: Difference{Metric: "auc", Candidate: 0.7, Other: 0.69, Interval: around(-0.1, 0.1)}},
		},
		Calibration: &Calibration{ECE: 0.2},
		Leakage:     &Leakage{Overlap: 2, Columns: []ColumnScore{{"hint", 0.95}, {"age", 0.2}}, IDs: []string{"row_id"}},
	}}
	require.Equal(t, []string{
		"Worse than production (in brackets), beyond chance: accuracy 0.7 (0.8), log_loss 0.9 (0.5).",
		"3 of 60 answers were right in production and are wrong now; 5 the other way.",
		"The model is weak where age < 20: accuracy 0.4 on 30 rows, 0.9 on all others.",
		"The test rows do not show that the model, with auc 0.7, is better than a simple one: logistic regression with 0.69.",
		"Probabilities are no frequencies: they are off by 0.2 on average. Do not use them as such without calibration.",
		"2 test rows have the features of a training row.",
		"The column hint alone tells 95 % of the label. Is it known when the model is asked?",
		"Columns that number or name the rows are inputs: row_id.",
		"60 test rows are few: the intervals are wide.",
	}, r.attention())
}
