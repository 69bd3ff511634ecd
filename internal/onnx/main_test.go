package onnx_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// start loads the library for one test. A machine without it fails: `make test` sets it up.
func start(t testing.TB) *onnx.Runtime {
	t.Helper()
	library, err := onnx.FindLibrary()
	require.NoError(t, err)
	r, err := onnx.Start(library)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".onnx"))
	require.NoError(t, err)
	return b
}

func open(t testing.TB, name string) *onnx.Session {
	t.Helper()
	s, err := start(t).Open(read(t, name), onnx.Options{Device: onnx.DeviceCPU, Threads: 1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// x is a valid input of the model "good" with the given number of rows.
func x(rows int) []onnx.Tensor {
	t := onnx.Tensor{Name: "x", Type: onnx.Float32, Shape: []int64{int64(rows), 4}}
	for i := range rows * 4 {
		t.Floats = append(t.Floats, float32(i%7)-3)
	}
	return []onnx.Tensor{t}
}
