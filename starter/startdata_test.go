package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/contract"
)

// Tables are kept in the chunks of the data repository, and a spec may name those of a stored version.
func TestStartWithStoredData(t *testing.T) {
	t.Parallel()
	w := running(t)
	file := specFile(t, "stored", "1.0.0", "")
	dir := filepath.Dir(file)
	data := filepath.Join(dir, "data")
	require.NoError(t, os.Mkdir(data, 0o700))
	for _, name := range []string{"train.csv", "test.csv"} {
		require.NoError(t, os.Rename(filepath.Join(dir, name), filepath.Join(data, name)))
	}
	out, errs, code := w.cli(t, "data", "add", data, "--name", "stored", "--as", "ann")
	require.Zero(t, code, out+errs)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	write := func(old, replacement string) {
		t.Helper()
		require.Contains(t, string(text), old)
		require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), old, replacement, 1)), 0o600))
	}
	start := func() (contract.ReleaseInput, string) {
		t.Helper()
		out, errs, code := w.cli(t, "release", "start", "-f", file, "--as", "alice", "--dry-run", "-o", "json")
		var in contract.ReleaseInput
		if code == codeOK {
			require.NoError(t, json.Unmarshal([]byte(out), &in), out)
		}
		return in, errs
	}

	write("{train:", "{version: stored@1, train:")
	in, errs := start()
	require.Empty(t, errs)
	require.Equal(t, "stored@1", in.Spec.Data.Version)
	require.Equal(t, digest("a,y\n1,0\n"), in.Spec.Data.Train.Digest)
	require.Equal(t, in.Spec.Data.Train, in.Spec.Data.Reference)
	require.EqualValues(t, 8, in.Spec.Data.Test.Size)

	write("{train:", "{version: stored@7, train:")
	_, errs = start()
	require.Contains(t, errs, file+`:3: data.version: there is no data "stored@7"; want a stored version, as slipway data list shows them`)
	write("{train: train.csv, test: test.csv,", "{version: stored, train: data/train.csv, test: other.csv,")
	_, errs = start()
	require.Contains(t, errs, file+`:3: data.train: stored@1 has no file "data/train.csv"; want one that slipway data show stored@1 lists`)
	require.Contains(t, errs, `data.test: stored@1 has no file "other.csv"`)
	require.NotContains(t, errs, "data.reference", "it is the training file, which is told")

	_, errs, code = w.cli(t, "data", "rm", "stored", "--as", "ann", "--reason", "test")
	require.Zero(t, code, errs)
	write("{train:", "{version: stored@1, train:")
	_, errs = start()
	require.Contains(t, errs, "data.version: stored@1 is deleted")

	// The same files beside the spec give the digests that the version has.
	write("{train: train.csv, test: test.csv,", "{train: data/train.csv, test: data/test.csv,")
	beside, errs := start()
	require.Empty(t, errs)
	require.Equal(t, in.Spec.Data.Train.Digest, beside.Spec.Data.Train.Digest)
	require.Equal(t, "stored", beside.Spec.Data.Name)
}
