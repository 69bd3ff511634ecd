package activities_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/dataversion"
	"github.com/slipway-ml/slipway/internal/spec"
)

// add makes a folder of the files a data version, as `slipway data add` does.
func (b *bench) add(name string, files map[string][]byte) catalog.DataVersion {
	b.t.Helper()
	dir := b.t.TempDir()
	for path, content := range files {
		require.NoError(b.t, os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o700))
		require.NoError(b.t, os.WriteFile(filepath.Join(dir, path), content, 0o600))
	}
	added, err := b.library.Add(b.t.Context(), dir, dataversion.NewVersion{Name: name}, catalog.Mark{Key: "add/" + dir, Actor: "ann"}, nil)
	require.NoError(b.t, err)
	return added.Version
}

// tables are the example's as a release names those of a stored version.
func (b *bench) tables(version string) (data spec.Data, files map[string][]byte) {
	b.t.Helper()
	data = b.release("1.1.0").Data
	files = map[string][]byte{"a/train.csv": b.content(data.Train), "a/test.csv": b.content(data.Test), "notes.txt": []byte("x")}
	data.Name, data.Version = "", version
	data.Train, data.Test = spec.File{Path: "a/train.csv"}, spec.File{Path: "a/test.csv"}
	data.Reference = data.Train
	return data, files
}

func TestFixUsesAStoredVersion(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	data, files := b.tables("credit@1")
	stored := b.add("credit", files)
	_, err := b.catalog.SetDataTag(t.Context(), stored.Digest, "golden", 0, catalog.Mark{Key: "tag", Actor: "ann"})
	require.NoError(t, err)
	for i, ref := range []string{"credit@1", "credit", "golden", stored.Digest, stored.Digest[7:20]} {
		data.Version = ref
		in := contract.FixDataInput{Key: key("1.1.0", "r"+string(rune('a'+i))), Data: data, By: requester}
		fixed := twice[contract.FixDataOutput](b, contract.ActivityFixData, in)
		require.Equal(t, contract.DataVersion{Name: "credit", Version: 1, Digest: stored.Digest}, fixed.DataVersion)
		found := fixed.Resolve(data)
		require.EqualValues(t, len(files["a/test.csv"]), found.Test.Size)
		require.Equal(t, found.Train, found.Reference)
		verdict := do[contract.Verdict](b, contract.ActivityValidateData, contract.ValidateDataInput{Key: in.Key, Data: found})
		require.True(t, verdict.Passed, verdict.Summary)
	}

	// A tag that has moved since the first try does not take the release with it.
	in := contract.FixDataInput{Key: key("1.1.0", "moved"), Data: data, By: requester}
	in.Data.Version = "golden"
	first := do[contract.FixDataOutput](b, contract.ActivityFixData, in)
	files["notes.txt"] = []byte("y")
	next := b.add("credit", files)
	_, err = b.catalog.SetDataTag(t.Context(), next.Digest, "golden", 1, catalog.Mark{Key: "move", Actor: "ann"})
	require.NoError(t, err)
	require.Equal(t, first, do[contract.FixDataOutput](b, contract.ActivityFixData, in))
	require.Equal(t, "credit@1", stored.Label())
}

func TestFixRefusesAStoredVersion(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	data, files := b.tables("credit@1")
	stored := b.add("credit", files)
	do[contract.BeginOutput](b, contract.ActivityBegin, beginInput("1.1.0", "r1"))
	fix := func(change func(*spec.Data)) error {
		in := contract.FixDataInput{Key: key("1.1.0", "r1"), Data: data, By: requester}
		change(&in.Data)
		_, err := try[contract.FixDataOutput](b, contract.ActivityFixData, in)
		return err
	}
	final(t, fix(func(d *spec.Data) { d.Test.Path = "test.csv" }), contract.ErrInvalidInput, "data.test", `credit@1 has no file "test.csv"`, "slipway data show credit@1")
	final(t, fix(func(d *spec.Data) { d.Train.Digest, d.Train.Size = digestOf("x"), 1 }), contract.ErrInvalidInput, "data.train", "start the release again")
	_, err := b.catalog.DeleteData(t.Context(), stored.Digest, time.Hour, catalog.Mark{Key: "rm", Actor: "ann"})
	require.ErrorIs(t, err, catalog.ErrConflict, "a release uses it")
	do[contract.Empty](b, contract.ActivityFinish, contract.FinishInput{Key: key("1.1.0", "r1"), Outcome: contract.OutcomeFailed, Reason: "x", By: "slipway"})
	_, err = b.catalog.DeleteData(t.Context(), stored.Digest, time.Hour, catalog.Mark{Key: "rm", Actor: "ann"})
	require.NoError(t, err)
	in := contract.FixDataInput{Key: key("1.1.0", "r2"), Data: data, By: requester}
	_, err = try[contract.FixDataOutput](b, contract.ActivityFixData, in)
	final(t, err, contract.ErrConflict, "data.version", "credit@1 was deleted", "restore it")
}

// From its first gate on a release protects its data, until it ends without registering.
func TestFixProtectsTheData(t *testing.T) {
	t.Parallel()
	for name, stored := range map[string]bool{"files": false, "a stored version": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			data := b.release("1.1.0").Data
			if stored {
				var files map[string][]byte
				data, files = b.tables("credit@1")
				b.add("credit", files)
			}
			do[contract.BeginOutput](b, contract.ActivityBegin, beginInput("1.1.0", "r1"))
			fixed := do[contract.FixDataOutput](b, contract.ActivityFixData, contract.FixDataInput{Key: key("1.1.0", "r1"), Data: data, By: requester})
			remove := func(step string) error {
				_, err := b.catalog.DeleteData(t.Context(), fixed.Digest, 0, catalog.Mark{Key: step, Actor: "ann"})
				return err
			}
			collect := func(step string) dataversion.Collected {
				out, err := b.library.Collect(t.Context(), dataversion.CollectOptions{Grace: -1}, catalog.Mark{Key: step, Actor: "slipway"})
				require.NoError(t, err)
				return out
			}
			require.ErrorContains(t, remove("rm 1"), "is used by the release of credit-risk/1.1.0, which is under way")
			require.Empty(t, collect("gc 1").Versions)
			uses, err := b.catalog.DataUses(t.Context(), fixed.Digest)
			require.NoError(t, err)
			require.Len(t, uses, 1)
			do[contract.Verdict](b, contract.ActivityValidateData, contract.ValidateDataInput{Key: key("1.1.0", "r1"), Data: fixed.Resolve(data)})

			do[contract.Empty](b, contract.ActivityFinish, contract.FinishInput{Key: key("1.1.0", "r1"), Outcome: contract.OutcomeFailed, Reason: "x", By: "slipway"})
			require.NoError(t, remove("rm 2"))
			gone := collect("gc 2")
			require.Len(t, gone.Versions, 1)
			require.Positive(t, gone.Freed)
			_, err = try[contract.Verdict](b, contract.ActivityValidateData, contract.ValidateDataInput{Key: key("1.1.0", "r1"), Data: fixed.Resolve(data)})
			final(t, err, contract.ErrDigestMismatch, "data.train")
		})
	}
}
