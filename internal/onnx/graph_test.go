package onnx_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/onnx/brokenmodel"
)

func graph(t testing.TB, name string) *onnx.Graph {
	t.Helper()
	g, err := onnx.ReadGraph(read(t, name))
	require.NoError(t, err)
	return g
}

func parameter(t testing.TB, g *onnx.Graph, name string) onnx.Parameter {
	t.Helper()
	for _, p := range g.Parameters {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("no parameter %s in %v", name, g.Parameters)
	return onnx.Parameter{}
}

// Columns that go into a OneHotEncoder have a value that it knows, directly or by
// way of operators that pass it on.
func TestExamples(t *testing.T) {
	t.Parallel()
	require.Equal(t, map[string]any{"colour": "blue"}, graph(t, "columns").Examples)
	require.Empty(t, graph(t, "good").Examples)
	b, err := os.ReadFile("../../examples/credit-risk/models/1.0.0.onnx")
	require.NoError(t, err)
	g, err := onnx.ReadGraph(b)
	require.NoError(t, err)
	require.Equal(t, "appliance", g.Examples["purpose"])
	words := 0
	for _, in := range g.Inputs {
		if in.Type == onnx.String {
			words++
			require.NotEmpty(t, g.Examples[in.Name], in.Name)
		}
	}
	require.Len(t, g.Examples, words)
}

func TestReadGraph(t *testing.T) {
	t.Parallel()
	g := graph(t, "good")
	require.Equal(t, map[string]int64{"ai.onnx": 17}, g.Opsets)
	require.Equal(t, []onnx.Info{{Name: "x", Type: onnx.Float32, Shape: []int64{-1, 4}}}, g.Inputs)
	require.Len(t, g.Outputs, 2)
	require.Len(t, g.Nodes, 5)
	require.Equal(t, onnx.Node{Op: "Gemm", Name: "first", Inputs: []string{"x", "w1", "b1"}, Outputs: []string{"pre"}}, g.Nodes[0])
	require.Equal(t, int64(4*3+3+3*2+2), g.ParameterCount())
	w1 := parameter(t, g, "w1")
	require.Equal(t, "first", w1.Layer)
	require.Equal(t, []int64{4, 3}, w1.Shape)
}

func TestParameterCounts(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int64{
		"good": 23, "float_data": 23, "double_data": 23, "float16_raw": 23, "float16_data": 23, "bfloat16_raw": 23, "constants": 23,
		"subgraph":          12 + 12 + 3 + 6 + 2, // the bounds of the Clip do not count
		"no_parameters":     0,
		"linear_regression": 5,
		"zipmap":            2 * (4 + 1),
	} {
		require.Equal(t, want, graph(t, name).ParameterCount(), name)
	}
	for _, name := range []string{"forest", "svm", "columns"} {
		require.Positive(t, graph(t, name).ParameterCount(), name)
	}
}

func TestGraphAgreesWithTheRuntime(t *testing.T) {
	t.Parallel()
	r := start(t)
	files, err := filepath.Glob(filepath.Join("testdata", "*.onnx"))
	require.NoError(t, err)
	require.Greater(t, len(files), 20)
	for _, file := range files {
		model, err := os.ReadFile(file)
		require.NoError(t, err)
		// Open gives the library the names that ReadGraph found; Run shows that they are right.
		s, err := r.Open(model, onnx.Options{Device: onnx.DeviceCPU})
		if err != nil {
			require.ErrorIs(t, err, onnx.ErrInvalidModel, file)
			continue
		}
		require.NoError(t, s.Close())
	}
}

func TestEncodingsHoldTheSameNumbers(t *testing.T) {
	t.Parallel()
	g := graph(t, "good")
	want, err := g.Values(parameter(t, g, "w1"))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		parameter string
		tolerance float64
	}{
		"float_data": {"w1", 0}, "constants": {"w1", 0}, "double_data": {"w1_stored", 0},
		"float16_raw": {"w1_stored", 1e-3}, "bfloat16_raw": {"w1_stored", 1e-2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := graph(t, name)
			p := parameter(t, g, c.parameter)
			require.Equal(t, "first", p.Layer, "a Cast hands the weight on")
			got, err := g.Values(p)
			require.NoError(t, err)
			require.InDeltaSlice(t, want, got, c.tolerance)

			moved, err := g.Perturb(p, 5, 0.5)
			require.NoError(t, err)
			require.Len(t, moved, len(read(t, name)), "patched in place")
			after, err := onnx.ReadGraph(moved)
			require.NoError(t, err)
			values, err := after.Values(parameter(t, after, c.parameter))
			require.NoError(t, err)
			for i := range got {
				expected := got[i]
				if i == 5 {
					expected += 0.5
				}
				require.InDelta(t, expected, values[i], c.tolerance+1e-7, "number %d", i)
			}
		})
	}
	coded := graph(t, "float16_data")
	_, err = coded.Values(parameter(t, coded, "w1_stored"))
	require.ErrorIs(t, err, onnx.ErrEncoding)
}

func TestPerturbMovesTheOutput(t *testing.T) {
	t.Parallel()
	r := start(t)
	for name, parameters := range map[string][]string{
		"good":              {"w1", "b2"},
		"subgraph":          {"w_else", "w2"},
		"zipmap":            {"coefficients", "intercepts"},
		"linear_regression": {"coefficients", "intercepts"},
		"forest":            {"class_weights"},
		"svm":               {"coefficients", "rho"},
	} {
		model := read(t, name)
		g := graph(t, name)
		for _, wanted := range parameters {
			p := parameter(t, g, wanted)
			moved, err := g.PerturbAll(p, func(i int64) float64 { return 0.25 + float64(i%3) })
			require.NoError(t, err)
			require.NotEqual(t, scores(t, r, model), scores(t, r, moved), "%s %s", name, wanted)
		}
	}
}

// scores runs ten rows and returns the last float output.
func scores(t testing.TB, r *onnx.Runtime, model []byte) []float32 {
	t.Helper()
	s, err := r.Open(model, onnx.Options{Device: onnx.DeviceCPU, Threads: 1})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	in := x(10)
	in[0].Name = s.Inputs()[0].Name
	out, err := s.Run(t.Context(), in)
	require.NoError(t, err)
	return out[len(out)-1].Floats
}

func TestPerturbRefuses(t *testing.T) {
	t.Parallel()
	g := graph(t, "good")
	for _, index := range []int64{-1, 12} {
		_, err := g.Perturb(parameter(t, g, "w1"), index, 1)
		require.ErrorContains(t, err, "outside [0,12)")
	}
}

func TestNaNWeightIsRead(t *testing.T) {
	t.Parallel()
	g := graph(t, "nan_weight")
	values, err := g.Values(parameter(t, g, "w1"))
	require.NoError(t, err)
	require.True(t, math.IsNaN(values[2*3+1]))
}

func FuzzReadGraph(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.onnx"))
	require.NoError(f, err)
	for _, file := range files {
		model, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(model)
	}
	for _, m := range brokenmodel.All() {
		if len(m.Bytes) < 64<<10 {
			f.Add(m.Bytes)
		}
	}
	f.Fuzz(func(t *testing.T, model []byte) {
		g, err := onnx.ReadGraph(model)
		if err != nil {
			require.ErrorIs(t, err, onnx.ErrInvalidModel)
			return
		}
		for _, p := range g.Parameters {
			values, err := g.Values(p)
			if err != nil {
				require.ErrorIs(t, err, onnx.ErrEncoding)
				continue
			}
			require.Len(t, values, int(p.Count))
			moved, err := g.Perturb(p, p.Count-1, 1)
			require.NoError(t, err)
			require.Len(t, moved, len(model))
		}
	})
}
