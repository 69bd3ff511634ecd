package onnx_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// Not parallel: the environment and the working folder belong to the process.
func TestFindLibrary(t *testing.T) {
	folder := t.TempDir()
	named := filepath.Join(folder, "named.so")
	t.Setenv(onnx.LibraryVariable, named)
	_, err := onnx.FindLibrary()
	require.ErrorIs(t, err, onnx.ErrNoLibrary)
	require.ErrorContains(t, err, "make deps")

	require.NoError(t, os.WriteFile(named, nil, 0o600))
	found, err := onnx.FindLibrary()
	require.NoError(t, err)
	require.Equal(t, named, found)

	t.Setenv(onnx.LibraryVariable, "")
	t.Chdir(folder)
	fetched := filepath.Join(folder, ".deps", "onnxruntime", "libonnxruntime.so")
	require.NoError(t, os.MkdirAll(filepath.Dir(fetched), 0o700))
	require.NoError(t, os.WriteFile(fetched, nil, 0o600))
	found, err = onnx.FindLibrary()
	require.NoError(t, err)
	require.Equal(t, fetched, found)
}
