package onnx_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
)

func TestSessionDescribesAndRuns(t *testing.T) {
	t.Parallel()
	s := open(t, "good")
	require.Equal(t, []onnx.Info{{Name: "x", Type: onnx.Float32, Shape: []int64{-1, 4}}}, s.Inputs())
	require.Equal(t, []onnx.Info{
		{Name: "label", Type: onnx.Int64, Shape: []int64{-1}},
		{Name: "probabilities", Type: onnx.Float32, Shape: []int64{-1, 2}},
	}, s.Outputs())
	require.Equal(t, "cpu", s.Device())

	out, err := s.Run(t.Context(), x(3))
	require.NoError(t, err)
	require.Equal(t, []int64{3}, out[0].Shape)
	require.Equal(t, []int64{3, 2}, out[1].Shape)
	for row := range 3 {
		p := out[1].Floats[row*2 : row*2+2]
		require.InDelta(t, 1, p[0]+p[1], 1e-6)
		require.Equal(t, p[1] > p[0], out[0].Ints[row] == 1)
	}
}

func TestRunChecksInput(t *testing.T) {
	t.Parallel()
	s := open(t, "good")
	good := x(2)[0]
	with := func(change func(*onnx.Tensor)) []onnx.Tensor {
		bad := good
		change(&bad)
		return []onnx.Tensor{bad}
	}
	for name, c := range map[string]struct {
		in   []onnx.Tensor
		want string
	}{
		"nothing":      {nil, "x float32[?,4] is missing"},
		"wrong name":   {with(func(t *onnx.Tensor) { t.Name = "y" }), "x float32[?,4] is missing; y is no input of the model"},
		"twice":        {[]onnx.Tensor{good, good}, "x is given twice"},
		"wrong type":   {with(func(t *onnx.Tensor) { t.Type = onnx.Float64 }), "x has type float64, want float32"},
		"wrong width":  {with(func(t *onnx.Tensor) { t.Shape = []int64{4, 2} }), "x has shape [4,2], want [?,4]"},
		"wrong rank":   {with(func(t *onnx.Tensor) { t.Shape = []int64{8} }), "x has shape [8], want [?,4]"},
		"too few":      {with(func(t *onnx.Tensor) { t.Shape = []int64{3, 4} }), "x holds 8 values, its shape [3,4] needs 12"},
		"no rows":      {with(func(t *onnx.Tensor) { t.Shape, t.Floats = []int64{0, 4}, nil }), "x is empty"},
		"overflow":     {with(func(t *onnx.Tensor) { t.Shape = []int64{1 << 62, 4} }), "is too large"},
		"negative row": {with(func(t *onnx.Tensor) { t.Shape = []int64{-1, 4} }), "negative size"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := s.Run(t.Context(), c.in)
			require.ErrorIs(t, err, onnx.ErrInput)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestEveryTypeGoesThrough(t *testing.T) {
	t.Parallel()
	s := open(t, "types")
	shape := []int64{1, 2}
	ints := []int64{0, 100}
	in := []onnx.Tensor{
		{Name: "float", Type: onnx.Float32, Shape: shape, Floats: []float32{-1.5, 2}},
		{Name: "double", Type: onnx.Float64, Shape: shape, Doubles: []float64{-1.5, 1e300}},
		{Name: "bool", Type: onnx.Bool, Shape: shape, Bools: []bool{true, false}},
		{Name: "string", Type: onnx.String, Shape: shape, Strings: []string{"", "grün"}},
	}
	for _, kind := range []onnx.Type{onnx.Int64, onnx.Int32, onnx.Int16, onnx.Int8, onnx.Uint64, onnx.Uint32, onnx.Uint16, onnx.Uint8} {
		in = append(in, onnx.Tensor{Name: string(kind), Type: kind, Shape: shape, Ints: ints})
	}
	out, err := s.Run(t.Context(), in)
	require.NoError(t, err)
	require.Len(t, out, len(in))
	byName := map[string]onnx.Tensor{}
	for _, o := range out {
		byName[o.Name] = o
	}
	for _, i := range in {
		want := i
		want.Name += "_out"
		require.Equal(t, want, byName[want.Name])
	}

	in[len(in)-1].Ints = []int64{0, 256}
	_, err = s.Run(t.Context(), in)
	require.ErrorIs(t, err, onnx.ErrInput)
	require.ErrorContains(t, err, "256 is not a uint8")
	in[len(in)-1].Ints = ints
	in[3].Strings = []string{"a\x00b", ""}
	_, err = s.Run(t.Context(), in)
	require.ErrorContains(t, err, "NUL")
}

func TestHalvesGoThrough(t *testing.T) {
	t.Parallel()
	s := open(t, "half_input")
	in := onnx.Tensor{Name: "x", Type: onnx.Float16, Shape: []int64{2, 2}, Halves: []uint16{0x3c00, 0xc100, 0x0001, 0x7c00}}
	out, err := s.Run(t.Context(), []onnx.Tensor{in})
	require.NoError(t, err)
	in.Name = "y"
	require.Equal(t, []onnx.Tensor{in}, out)
	require.Equal(t, []onnx.Info{{Name: "y", Type: onnx.Float16, Shape: []int64{-1, 2}}}, s.Outputs())
}

func TestZipMapBecomesMatrix(t *testing.T) {
	t.Parallel()
	s := open(t, "zipmap")
	require.Equal(t, onnx.Float32, s.Outputs()[1].Type)
	require.Equal(t, []int64{-1, -1}, s.Outputs()[1].Shape)
	in := x(3)
	in[0].Name = s.Inputs()[0].Name
	out, err := s.Run(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, []int64{3, 2}, out[1].Shape)
	for row := range 3 {
		p := out[1].Floats[row*2 : row*2+2]
		require.InDelta(t, 1, p[0]+p[1], 1e-6)
		require.Equal(t, p[1] > p[0], out[0].Ints[row] == 1)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	r := start(t)
	good := read(t, "good")
	for name, c := range map[string]struct {
		model []byte
		want  string
	}{
		"empty":            {nil, "there is no graph"},
		"text":             {[]byte("this is not a model"), "not a usable ONNX model"},
		"cut off":          {good[:len(good)/2], "check that the file is complete"},
		"unknown operator": {read(t, "unknown_operator"), "Frobnicate"},
		"other file":       {read(t, "external"), "save the model as a single file"},
		"scalar":           {read(t, "scalar_output"), "y is a scalar"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := r.Open(c.model, onnx.Options{Device: onnx.DeviceCPU})
			require.ErrorIs(t, err, onnx.ErrInvalidModel)
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err := r.Open(good, onnx.Options{Device: "tpu"})
	require.ErrorContains(t, err, "auto, cpu, cuda")
}

func TestDeviceIsReportedNotGuessed(t *testing.T) {
	t.Parallel()
	r := start(t)
	auto, err := r.Open(read(t, "good"), onnx.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, auto.Close()) })
	cuda, err := r.Open(read(t, "good"), onnx.Options{Device: onnx.DeviceCUDA})
	if r.CUDA() {
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, cuda.Close()) })
		require.Equal(t, "cuda", auto.Device())
		require.Equal(t, "cuda", cuda.Device())
		return
	}
	require.Equal(t, "cpu", auto.Device())
	require.ErrorIs(t, err, onnx.ErrNoDevice)
	require.ErrorContains(t, err, "use device cpu or auto")
}

func TestFailingRunIsAnError(t *testing.T) {
	t.Parallel()
	s := open(t, "fails_on_rows")
	in := x(1)
	in[0].Floats[0] = -0.5
	_, err := s.Run(t.Context(), in)
	require.ErrorContains(t, err, "look_up")
	in[0].Floats[0] = 0.5
	_, err = s.Run(t.Context(), in)
	require.NoError(t, err, "the session goes on after a failed run")

	_, err = open(t, "hidden_scalar").Run(t.Context(), x(1))
	require.Error(t, err, "an output without dimensions is an error, not a crash")
}

func TestRunStopsWithItsContext(t *testing.T) {
	t.Parallel()
	s := open(t, "endless")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := s.Run(ctx, x(1))
		done <- err
	}()
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	_, err := s.Run(ctx, x(1))
	require.ErrorIs(t, err, context.Canceled)
}

func TestConcurrentRunsGetTheirOwnAnswers(t *testing.T) {
	t.Parallel()
	s := open(t, "good")
	var wg sync.WaitGroup
	for rows := 1; rows <= 16; rows++ {
		wg.Go(func() {
			want, err := s.Run(t.Context(), x(rows))
			if err != nil {
				t.Error(err)
				return
			}
			for range 20 {
				got, err := s.Run(t.Context(), x(rows))
				if err != nil {
					t.Error(err)
					return
				}
				if len(got[0].Ints) != rows || !sameFloats(got[1].Floats, want[1].Floats) {
					t.Errorf("batch of %d rows got another batch's answer", rows)
				}
			}
		})
	}
	wg.Wait()
}

func sameFloats(a, b []float32) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}

func TestClosedSession(t *testing.T) {
	t.Parallel()
	s := open(t, "good")
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	_, err := s.Run(t.Context(), x(1))
	require.ErrorIs(t, err, onnx.ErrClosed)
}

func TestRuntimeIsOneInAProcess(t *testing.T) {
	t.Parallel()
	first, second := start(t), start(t)
	require.Same(t, first, second)
	require.NotEmpty(t, first.Version())

	other := filepath.Join(t.TempDir(), "libonnxruntime.so")
	require.NoError(t, os.WriteFile(other, nil, 0o600))
	_, err := onnx.Start(other)
	require.ErrorContains(t, err, "this process already runs "+first.Library())
}
