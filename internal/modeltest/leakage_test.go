package modeltest_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/modeltest"
	"github.com/slipway-ml/slipway/internal/spec"
)

// csvSource reads rows as files are read: every cell is text.
func csvSource(t testing.TB, text string) dataset.Source {
	t.Helper()
	src, err := dataset.NewSource(strings.NewReader(text), int64(len(text)), "train.csv", dataset.SourceOptions{BatchRows: 17})
	require.NoError(t, err)
	return src
}

// rows of the model "columns"; id numbers them, leak is the label in other words.
func leakyRows(n int, seed uint64) string {
	random := rand.New(rand.NewPCG(seed, 1))
	var out strings.Builder
	out.WriteString("id,colour,size,weight,leak,label\n")
	for i := range n {
		label := random.IntN(2)
		fmt.Fprintf(&out, "%d,%s,%.4f,%.4f,%s,%d\n", int(seed)*1000+i, []string{"red", "blue"}[random.IntN(2)],
			random.NormFloat64(), random.NormFloat64(), []string{"gone", "here"}[label], label)
	}
	return out.String()
}

func TestOverlap(t *testing.T) {
	t.Parallel()
	in := input(t, "good")
	in.Test = csv(t, "test.csv", "a,b,c,d,label\n1,2,3,4,0\n0.5,1,1,1,1\n0.5,1,1,1,0\n9,9,9,9,1\n")
	in.Train = csvSource(t, "label,d,c,b,a\n1,4.0,3,2.00,1\n0,4,4,4,4\n1,1,1,1,5e-1\n")
	r := tested(t, in)
	require.Equal(t, 3, r.Leakage.Overlap, "1 and 1.0 are the same, whatever the label")
	require.Equal(t, []int{2, 3, 4}, r.Leakage.OverlapLines)
	require.Equal(t, 1, r.Leakage.Duplicates)
	require.Equal(t, int64(3), r.Leakage.TrainRows)
	require.Contains(t, named(t, r, "train_test_overlap").Error, "0.7500 of the test rows stand in the training rows, the limit is 0.05 (first on lines 2, 3, 4 of test.csv)")

	most := 0.75
	in.Tests.Leakage.MaxOverlap, in.Train = &most, csvSource(t, "label,d,c,b,a\n1,4.0,3,2.00,1\n0,4,4,4,4\n1,1,1,1,5e-1\n")
	require.True(t, named(t, tested(t, in), "train_test_overlap").Passed)

	in.Train = csvSource(t, "label,d,c,b\n1,4.0,3,2.00\n")
	got := named(t, tested(t, in), "train_test_overlap")
	require.Equal(t, modeltest.StatusSkipped, got.Status)
	require.Contains(t, got.Error, `the training rows have no column "a"`)
}

func TestLeakage(t *testing.T) {
	t.Parallel()
	in := input(t, "columns")
	in.Test, in.Tests.MinAccuracy = csv(t, "test.csv", leakyRows(200, 2)), 0
	in.Data.Exclude = []string{"id", "leak"}
	in.Train = csvSource(t, leakyRows(300, 1))
	r := tested(t, in)
	require.True(t, named(t, r, "leakage").Passed, "what the model does not see gives nothing away")
	require.Empty(t, r.Leakage.IDs)

	// The same rows for a model that would take all columns: it can't be run, so ask of a model of numbers.
	number := func(text string) string {
		return strings.NewReplacer("red", "1", "blue", "2", "gone", "-3.5", "here", "4").Replace(text)
	}
	in = input(t, "good")
	in.Tests.MinAccuracy = 0
	in.Data.Exclude = []string{"weight"}
	in.Test, in.Train = csv(t, "test.csv", number(leakyRows(200, 2))), csvSource(t, number(leakyRows(300, 1)))
	r = tested(t, in)
	got := named(t, r, "leakage")
	require.Contains(t, got.Error, "column leak alone predicts the label nearly perfectly (1.0000")
	require.Equal(t, "leak", r.Leakage.Columns[0].Column)
	require.InDelta(t, 1, r.Leakage.Columns[0].Score, 1e-12)
	require.Equal(t, []string{"id"}, r.Leakage.IDs)
}

func TestSimpleBaseline(t *testing.T) {
	t.Parallel()
	whole := table(t, "../onnx/testdata/rows.csv")
	teach := func(in *modeltest.Input) {
		in.Train = dataset.TableSource(whole.Slice(0, 100))
		in.Test = whole.Slice(100, 200)
	}
	in := input(t, "good")
	teach(&in)
	in.Tests.Baseline.Require = spec.DemandBetter
	r := tested(t, in)
	require.True(t, named(t, r, "simple_baseline").Passed, named(t, r, "simple_baseline").Error)
	require.Len(t, r.Baselines, 3)
	require.Equal(t, "majority", r.Baselines[0].Name)
	require.Equal(t, "auc", r.Baselines[0].Metric)
	require.InDelta(t, 0.5, r.Baselines[0].Other, 1e-12)
	require.Contains(t, r.Baselines[1].Name, "one column: ")
	require.Greater(t, r.Baselines[1].Other, 0.5)
	require.Less(t, r.Baselines[1].PBetter, 0.05)

	in = input(t, "worse") // answers the opposite
	teach(&in)
	require.Contains(t, named(t, tested(t, in), "simple_baseline").Error, "significantly worse than a simple model")
	in.Tests.Baseline.Require = spec.DemandNone
	teach(&in)
	require.True(t, named(t, tested(t, in), "simple_baseline").Passed)

	in = input(t, "labels_only")
	teach(&in)
	r = tested(t, in)
	require.Equal(t, "balanced_accuracy", r.Baselines[0].Metric)

	in = regression(t, regressionRows(200, func(float64) float64 { return 0.5 }))
	in.Train = csvSource(t, regressionRows(300, func(float64) float64 { return 0.5 }))
	in.Tests.Baseline.Require = spec.DemandBetter
	most := 1.0
	in.Tests.Leakage.MaxOverlap = &most
	r = tested(t, in)
	require.Contains(t, named(t, r, "simple_baseline").Error, "ridge regression", "the truth is linear: nothing does better")
	in.Train = csvSource(t, regressionRows(300, func(float64) float64 { return 0.5 }))
	in.Tests.Baseline.Require = spec.DemandNotWorse
	require.True(t, named(t, tested(t, in), "simple_baseline").Passed)
	require.Equal(t, "mean", r.Baselines[0].Name)
	require.Equal(t, "one column: b", r.Baselines[1].Name, "the one with the largest weight")
}
