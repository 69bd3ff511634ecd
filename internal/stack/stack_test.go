package stack_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/stack"
)

var all = stack.Stack{
	GatewayHTTP: "http://127.0.0.1:8480", GatewayGRPC: "127.0.0.1:8481", Control: "http://127.0.0.1:8470",
	Temporal: "127.0.0.1:7233", UI: "http://127.0.0.1:8233", PID: 42,
}

func TestReadFindsWhatWasWritten(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	require.NoError(t, all.Write(state))
	got, err := stack.Read(state)
	require.NoError(t, err)
	require.Equal(t, all, got)

	next := stack.Stack{Control: "http://127.0.0.1:1", PID: 43}
	require.NoError(t, next.Write(state))
	got, err = stack.Read(state)
	require.NoError(t, err)
	require.Equal(t, next, got, "a restart replaces all of it")

	entries, err := os.ReadDir(state)
	require.NoError(t, err)
	require.Len(t, entries, 1, "no temporary file stays")
	info, err := entries[0].Info()
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

// Scripts read these names.
func TestKeys(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(all)
	require.NoError(t, err)
	require.JSONEq(t, `{"gateway_http": "http://127.0.0.1:8480", "gateway_grpc": "127.0.0.1:8481", "control": "http://127.0.0.1:8470",
		"temporal": "127.0.0.1:7233", "ui": "http://127.0.0.1:8233", "pid": 42}`, string(b))
}

func TestReadWithoutAStack(t *testing.T) {
	t.Parallel()
	for _, state := range []string{t.TempDir(), filepath.Join(t.TempDir(), "missing")} {
		_, err := stack.Read(state)
		require.ErrorIs(t, err, stack.ErrNotRunning)
		require.ErrorContains(t, err, "slipwayd dev --state "+state, "it says how to start one")
	}
}

func TestReadOfADamagedFile(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{"empty": "", "torn": `{"gateway_http": "http:`, "other": `["a"]`, "wrong type": `{"pid": "x"}`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(state, "stack.json"), []byte(content), 0o600))
			_, err := stack.Read(state)
			require.ErrorContains(t, err, "damaged")
			require.ErrorContains(t, err, state)
			require.NotErrorIs(t, err, stack.ErrNotRunning)
		})
	}
}

func TestReadOfAFolder(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(state, "stack.json"), 0o700))
	_, err := stack.Read(state)
	require.ErrorContains(t, err, "read stack")
	require.ErrorContains(t, all.Write(state), "write stack")
}

func TestWriteWithoutAFolder(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, all.Write(filepath.Join(t.TempDir(), "missing")), "write stack")
}

func FuzzRead(f *testing.F) {
	good, err := json.Marshal(all)
	require.NoError(f, err)
	f.Add(good)
	f.Add([]byte(`{"pid": 1e999}`))
	f.Add([]byte("\x00"))
	f.Fuzz(func(t *testing.T, content []byte) {
		state := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(state, "stack.json"), content, 0o600))
		s, err := stack.Read(state)
		if err != nil {
			require.Equal(t, stack.Stack{}, s)
			return
		}
		require.NoError(t, s.Write(state))
		again, err := stack.Read(state)
		require.NoError(t, err)
		require.Equal(t, s, again)
	})
}
