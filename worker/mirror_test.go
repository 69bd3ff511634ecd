package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/mlflow/mlflowclient"
)

func TestMirrorCredentials(t *testing.T) {
	t.Setenv("SLIPWAY_MIRROR_USERNAME", "ann")
	t.Setenv("SLIPWAY_MIRROR_PASSWORD", "hush")
	got, err := mirrorCredentials()
	require.NoError(t, err)
	require.Equal(t, mlflowclient.Credentials{User: "ann", Password: "hush"}, got)
	file := filepath.Join(t.TempDir(), "token")
	t.Setenv("SLIPWAY_MIRROR_TOKEN_FILE", file)
	_, err = mirrorCredentials()
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(file, []byte(" \n"), 0o600))
	_, err = mirrorCredentials()
	require.ErrorContains(t, err, "is empty")
	require.NoError(t, os.WriteFile(file, []byte("a token\n"), 0o600))
	got, err = mirrorCredentials()
	require.NoError(t, err)
	require.Equal(t, "a token", got.Token)
}
