package feature_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/spec"
)

var columns = []onnx.Info{
	{Name: "colour", Type: onnx.String, Shape: []int64{-1, 1}},
	{Name: "size", Type: onnx.Float32, Shape: []int64{-1, 1}},
	{Name: "count", Type: onnx.Int64, Shape: []int64{-1}},
	{Name: "new", Type: onnx.Bool, Shape: []int64{-1, -1}},
}

var matrix = []onnx.Info{{Name: "pixels", Type: onnx.Float32, Shape: []int64{-1, 3}}}

func mapper(t *testing.T, inputs []onnx.Info) *feature.Mapper {
	t.Helper()
	m, err := feature.NewMapper(inputs)
	require.NoError(t, err)
	return m
}

func table(t *testing.T, text string) *dataset.Table {
	t.Helper()
	out, err := dataset.ReadCSV(strings.NewReader(text), "test.csv", dataset.CSVOptions{})
	require.NoError(t, err)
	return out
}

func TestNewMapperRefuses(t *testing.T) {
	t.Parallel()
	for name, inputs := range map[string][]onnx.Info{
		"nothing":         nil,
		"fixed batch":     {{Name: "x", Type: onnx.Float32, Shape: []int64{1, 4}}},
		"two matrices":    {{Name: "x", Type: onnx.Float32, Shape: []int64{-1, 4}}, {Name: "y", Type: onnx.Float32, Shape: []int64{-1, 4}}},
		"words":           {{Name: "x", Type: onnx.String, Shape: []int64{-1, 4}}},
		"unknown picture": {{Name: "x", Type: onnx.Float32, Shape: []int64{-1, 3, -1, -1}}},
	} {
		_, err := feature.NewMapper(inputs)
		require.ErrorIs(t, err, feature.ErrUnsupported, name)
	}
}

func TestColumnsFromTable(t *testing.T) {
	t.Parallel()
	m := mapper(t, columns)
	require.Equal(t, []string{"colour", "size", "count", "new"}, m.Columns())
	data := table(t, "id,count,size,colour,new,y\n1,3,0.5,red,true,0\n2,4,,blue,false,1\n3,5,2,red,true,1\n")
	in, err := m.FromTable(data, "y", []string{"id"}, 1, 3)
	require.NoError(t, err)
	require.True(t, math.IsNaN(float64(in[1].Floats[0])), "null")
	in[1].Floats[0] = 0
	require.Equal(t, []onnx.Tensor{
		{Name: "colour", Type: onnx.String, Shape: []int64{2, 1}, Strings: []string{"blue", "red"}},
		{Name: "size", Type: onnx.Float32, Shape: []int64{2, 1}, Floats: []float32{0, 2}},
		{Name: "count", Type: onnx.Int64, Shape: []int64{2}, Ints: []int64{4, 5}},
		{Name: "new", Type: onnx.Bool, Shape: []int64{2, 1}, Bools: []bool{false, true}},
	}, in)

	_, err = m.FromTable(table(t, "count,colour,new,age,weight\n1.5,1,,3,4\n"), "y", nil, 0, 1)
	require.ErrorIs(t, err, onnx.ErrInput)
	require.ErrorContains(t, err, "missing: size (float32)")
	require.ErrorContains(t, err, "does not take: age, weight")
	require.ErrorContains(t, err, "colour is integer, the model wants string, count is number, the model wants int64")

	_, err = m.FromTable(table(t, "count,colour,size,new\n1,red,1,true\n,red,1,true\n"), "y", nil, 0, 2)
	require.ErrorContains(t, err, "test.csv: line 3: column count: input does not fit the model: no value")
	_, err = m.FromTable(data, "y", nil, 2, 9)
	require.ErrorContains(t, err, "rows [2,9) are not within the table's 3")
}

func TestColumnsFromRows(t *testing.T) {
	t.Parallel()
	m := mapper(t, columns)
	good := map[string]any{"colour": "red", "size": 1.5, "count": json.Number("9007199254740993"), "new": true, "other": "ignored"}
	in, err := m.FromRows([]map[string]any{good})
	require.NoError(t, err)
	require.Equal(t, []int64{9007199254740993}, in[2].Ints, "beyond float64")
	for name, c := range map[string]struct {
		column string
		value  any
		want   string
	}{
		"null":      {"size", nil, "row 1: column size: no value, the model wants float32"},
		"word":      {"size", "big", "row 1: column size: a string, the model wants a number (float32)"},
		"flag":      {"size", true, "a boolean, the model wants a number"},
		"NaN":       {"size", math.NaN(), "not a number (NaN)"},
		"infinite":  {"size", math.Inf(1), "infinite"},
		"too large": {"size", 1e300, "too large for float32"},
		"fraction":  {"count", 1.5, "not a whole number"},
		"number":    {"colour", 3.0, "a number, the model wants a string"},
		"zero":      {"new", 0.0, "a number, the model wants true or false"},
		"list":      {"new", []any{true}, "a list"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := map[string]any{"colour": "red", "size": 1.0, "count": 1.0, "new": true}
			bad[c.column] = c.value
			_, err := m.FromRows([]map[string]any{good, bad})
			require.ErrorIs(t, err, onnx.ErrInput)
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err = m.FromRows([]map[string]any{{"colour": "red"}})
	require.ErrorContains(t, err, "row 0: column size (float32) is missing; row 0: column count (int64) is missing; row 0: column new (bool) is missing")
	_, err = m.FromRows(nil)
	require.ErrorIs(t, err, onnx.ErrInput)
	_, err = m.FromRows(make([]map[string]any, 100))
	require.ErrorContains(t, err, "and 390 more")
	_, err = m.FromMatrix([][]float64{{1}})
	require.ErrorContains(t, err, "send objects with colour, size, count, new")
}

func TestMatrix(t *testing.T) {
	t.Parallel()
	m := mapper(t, matrix)
	require.Nil(t, m.Columns())
	require.Equal(t, int64(3), m.Width())
	want := []onnx.Tensor{{Name: "pixels", Type: onnx.Float32, Shape: []int64{2, 3}, Floats: []float32{1, 2, 3, 4, 5, 6}}}
	in, err := m.FromTable(table(t, "p0,p1,y,p2\n1,2,9,3\n4,5,9,6\n"), "y", nil, 0, 2)
	require.NoError(t, err)
	require.Equal(t, want, in)
	in, err = m.FromMatrix([][]float64{{1, 2, 3}, {4, 5, 6}})
	require.NoError(t, err)
	require.Equal(t, want, in)
	in, err = m.FromRows([]map[string]any{{"pixels": []any{1.0, 2.0, 3.0}}, {"pixels": []any{json.Number("4"), 5.0, 6.0}}})
	require.NoError(t, err)
	require.Equal(t, want, in)

	_, err = m.FromTable(table(t, "p0,p1,y\n1,a,9\n"), "y", nil, 0, 1)
	require.ErrorContains(t, err, "wants 3 columns, there are 2")
	require.ErrorContains(t, err, "column p1 is string, the model wants float32")
	_, err = m.FromMatrix([][]float64{{1, 2, 3}, {1}, {1, 2, math.NaN()}})
	require.ErrorContains(t, err, "row 1 has 1 numbers")
	require.ErrorContains(t, err, "row 2: number 2 is not a number")
	_, err = m.FromRows([]map[string]any{{"p0": 1.0}})
	require.ErrorContains(t, err, "want the list of numbers for pixels float32[?,3]")

	picture := mapper(t, []onnx.Info{{Name: "x", Type: onnx.Uint8, Shape: []int64{-1, 1, 2, 2}}})
	in, err = picture.FromMatrix([][]float64{{1, 2, 3, 4}})
	require.NoError(t, err)
	require.Equal(t, []int64{1, 1, 2, 2}, in[0].Shape)
	require.Equal(t, []int64{1, 2, 3, 4}, in[0].Ints)
}

func label(values ...int64) onnx.Tensor {
	return onnx.Tensor{Name: "label", Type: onnx.Int64, Shape: []int64{int64(len(values))}, Ints: values}
}

func scores(name string, classes int, values ...float32) onnx.Tensor {
	return onnx.Tensor{Name: name, Type: onnx.Float32, Shape: []int64{int64(len(values) / classes), int64(classes)}, Floats: values}
}

func pointer[T any](v T) *T { return &v }

func TestPredictions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		out     []onnx.Tensor
		outputs spec.Outputs
		task    spec.Task
		want    []feature.Prediction
	}{
		"label and probabilities": {
			out:  []onnx.Tensor{label(1, 0), scores("probabilities", 2, 0.25, 0.75, 0.5, 0.5)},
			want: []feature.Prediction{{Label: pointer(int64(1)), Probabilities: []float64{0.25, 0.75}}, {Label: pointer(int64(0)), Probabilities: []float64{0.5, 0.5}}},
		},
		"named": {
			out:     []onnx.Tensor{scores("aux", 2, 9, 9), scores("p", 2, 0.25, 0.75), label(7), {Name: "class", Type: onnx.Int32, Shape: []int64{1, 1}, Ints: []int64{1}}},
			outputs: spec.Outputs{Label: "class", Probabilities: "p"},
			want:    []feature.Prediction{{Label: pointer(int64(1)), Probabilities: []float64{0.25, 0.75}}},
		},
		"text":         {out: []onnx.Tensor{{Name: "label", Type: onnx.String, Shape: []int64{1}, Strings: []string{"good"}}, scores("s", 2, 1, 0)}, want: []feature.Prediction{{LabelText: "good", Probabilities: []float64{1, 0}}}},
		"logits":       {out: []onnx.Tensor{scores("logits", 3, -1, 4, 2)}, want: []feature.Prediction{{Label: pointer(int64(1)), Probabilities: []float64{-1, 4, 2}}}},
		"single score": {out: []onnx.Tensor{scores("p", 1, 0.75, 0.25)}, want: []feature.Prediction{{Label: pointer(int64(1)), Probabilities: []float64{0.25, 0.75}}, {Label: pointer(int64(0)), Probabilities: []float64{0.75, 0.25}}}},
		"single logit": {out: []onnx.Tensor{scores("p", 1, -3)}, want: []feature.Prediction{{Label: pointer(int64(0)), Probabilities: []float64{-3}}}},
		"regression":   {out: []onnx.Tensor{scores("variable", 1, 2.5)}, task: spec.Regression, want: []feature.Prediction{{Value: pointer(2.5)}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.task == "" {
				c.task = spec.Classification
			}
			got, err := feature.Predictions(c.out, c.outputs, c.task)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestPredictionsRefuse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		out     []onnx.Tensor
		outputs spec.Outputs
		task    spec.Task
		want    string
	}{
		"nothing":          {task: spec.Regression, want: "there are none"},
		"no output":        {task: spec.Classification, want: "needs a label or probabilities"},
		"unknown name":     {out: []onnx.Tensor{label(1)}, outputs: spec.Outputs{Label: "class"}, want: "there is no output class, there are label (int64)"},
		"wrong type":       {out: []onnx.Tensor{label(1)}, outputs: spec.Outputs{Probabilities: "label"}, want: "output label is int64, want a floating-point one"},
		"different rows":   {out: []onnx.Tensor{label(1, 0), scores("p", 2, 1, 0)}, want: "for each of 2 predictions"},
		"many regressions": {out: []onnx.Tensor{scores("v", 2, 1, 0)}, task: spec.Regression, want: "want one value a row"},
	} {
		_, err := feature.Predictions(c.out, c.outputs, c.task)
		require.ErrorIs(t, err, feature.ErrOutput, name)
		require.ErrorContains(t, err, c.want, name)
	}
	require.True(t, feature.Prediction{Probabilities: []float64{1}}.Finite())
	require.False(t, feature.Prediction{Probabilities: []float64{math.NaN()}}.Finite())
	require.False(t, feature.Prediction{Value: pointer(math.Inf(1))}.Finite())
}

// The examples' models answer the examples' rows, from the table and as JSON, with the same predictions.
func TestExamplesGoThrough(t *testing.T) {
	t.Parallel()
	library, err := onnx.FindLibrary()
	require.NoError(t, err)
	r, err := onnx.Start(library)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	for folder, target := range map[string]string{"credit-risk": "risk", "mnist": "digit"} {
		base := filepath.Join("..", "..", "examples", folder)
		model, err := os.ReadFile(filepath.Join(base, "models", "1.0.0.onnx"))
		require.NoError(t, err)
		s, err := r.Open(model, onnx.Options{Device: onnx.DeviceCPU, Threads: 1})
		require.NoError(t, err)
		f, err := os.Open(filepath.Join(base, "data", "test.csv"))
		require.NoError(t, err)
		data, err := dataset.ReadCSV(f, "test.csv", dataset.CSVOptions{})
		require.NoError(t, err)
		require.NoError(t, f.Close())

		m := mapper(t, s.Inputs())
		in, err := m.FromTable(data, target, nil, 0, 20)
		require.NoError(t, err)
		out, err := s.Run(t.Context(), in)
		require.NoError(t, err)
		predictions, err := feature.Predictions(out, spec.Outputs{}, spec.Classification)
		require.NoError(t, err)
		require.Len(t, predictions, 20)
		right := 0
		for i, p := range predictions {
			require.True(t, p.Finite())
			if *p.Label == data.Value(target, i) {
				right++
			}
		}
		require.Greater(t, right, 10)
		if m.Columns() != nil {
			again, err := m.FromRows([]map[string]any{data.Row(0), data.Row(1)})
			require.NoError(t, err)
			out, err := s.Run(t.Context(), again)
			require.NoError(t, err)
			fromRows, err := feature.Predictions(out, spec.Outputs{}, spec.Classification)
			require.NoError(t, err)
			require.Equal(t, *predictions[1].Label, *fromRows[1].Label)
		}
		require.NoError(t, s.Close())
	}
}
