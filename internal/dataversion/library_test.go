package dataversion_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/dataversion"
)

// each runs a test with a library whose catalog is on each database.
func each(t *testing.T, test func(t *testing.T, l *dataversion.Library)) {
	t.Helper()
	t.Parallel()
	catalogtest.EachDSN(t, func(t *testing.T, dsn string) {
		l, err := dataversion.Open(t.Context(), dataversion.Config{Catalog: dsn, Artifacts: t.TempDir()})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, l.Close()) })
		test(t, l)
	})
}

func mark(key string) catalog.Mark { return catalog.Mark{Key: key, Actor: "ann"} }

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	return dir
}

// upload makes a data version as a release does: a blob for each file. Files are role, path and content.
func upload(t *testing.T, l *dataversion.Library, name string, files ...[3]string) catalog.DataVersion {
	t.Helper()
	d := catalog.DataVersion{Name: name, Digest: string(artifacts.DigestOf([]byte(name)))}
	for _, f := range files {
		ref, err := l.Store().PutBytes(t.Context(), []byte(f[2]), "")
		require.NoError(t, err)
		d.Files = append(d.Files, catalog.DataFile{Role: f[0], Path: f[1], Digest: string(ref.Digest), Size: ref.Size})
	}
	saved, _, err := l.Catalog().SaveData(t.Context(), d, mark("save "+name))
	require.NoError(t, err)
	return saved
}

func paths(t *testing.T, l *dataversion.Library, d catalog.DataVersion) []string {
	t.Helper()
	var out []string
	for e, err := range l.Entries(t.Context(), d) {
		require.NoError(t, err)
		out = append(out, e.Path)
	}
	return out
}

func TestUploadedVersions(t *testing.T) {
	each(t, func(t *testing.T, l *dataversion.Library) {
		ctx := t.Context()
		d := upload(t, l, "up", [3]string{"train", "data/train.csv", "a,b\n1,2\n"}, [3]string{"reference", "data/train.csv", "a,b\n1,2\n"},
			[3]string{"test", "../../test.csv", "a,b\n3,4\n"}, [3]string{"schema", "/etc/schema.yaml", "columns: []\n"}, [3]string{"extra", "data/train.csv", "a,b\n9,9\n"})
		require.Equal(t, []string{"data/train.csv", "extra/train.csv", "schema/schema.yaml", "test/test.csv"}, paths(t, l, d))
		to := filepath.Join(t.TempDir(), "out")
		require.NoError(t, l.Get(ctx, d, dataversion.Selection{}, to, nil))
		b, err := os.ReadFile(filepath.Join(to, "test/test.csv"))
		require.NoError(t, err)
		require.Equal(t, "a,b\n3,4\n", string(b))
		require.NoError(t, l.Get(ctx, d, dataversion.Selection{Paths: []string{"data"}, Columns: []string{"b"}}, to, nil))
		b, err = os.ReadFile(filepath.Join(to, "data/train.csv"))
		require.NoError(t, err)
		require.Equal(t, "b\n2\n", string(b))

		tables, err := l.Tables(ctx, d, nil)
		require.NoError(t, err)
		require.Len(t, tables, 3)
		src, err := l.OpenTable(ctx, d, tables[0], dataset.SourceOptions{})
		require.NoError(t, err)
		require.Equal(t, 2, src.Schema().NumFields())
		require.NoError(t, src.Close())

		// Compared with a tree of the same files nothing differs but what is missing.
		added, err := l.Add(ctx, write(t, map[string]string{"data/train.csv": "a,b\n1,2\n", "test/test.csv": "a,b\n3,5\n", "zzz": ""}), dataversion.NewVersion{Name: "tree"}, mark("add"), nil)
		require.NoError(t, err)
		var changed []string
		for c, err := range l.Diff(ctx, d, added.Version) {
			require.NoError(t, err)
			changed = append(changed, c.Path)
		}
		require.Equal(t, []string{"extra/train.csv", "schema/schema.yaml", "test/test.csv", "zzz"}, changed)
		for range l.Diff(ctx, d, added.Version) {
			break
		}
		found, err := l.Verify(ctx, nil, func(bad dataversion.Damage) { t.Error(bad) }, nil)
		require.NoError(t, err)
		require.EqualValues(t, 2, found.Versions)

		missing := upload(t, l, "missing", [3]string{"train", "t.csv", "x"})
		missing.Files[0].Digest = string(artifacts.DigestOf([]byte("never stored")))
		var damage []dataversion.Damage
		found, err = l.Verify(ctx, []catalog.DataVersion{missing}, func(bad dataversion.Damage) { damage = append(damage, bad) }, nil)
		require.NoError(t, err)
		require.EqualValues(t, 1, found.Damaged)
		require.Equal(t, "missing@1", damage[0].Version)
		require.Equal(t, "t.csv", damage[0].Path)
	})
}

func TestGetStaysInItsFolder(t *testing.T) {
	each(t, func(t *testing.T, l *dataversion.Library) {
		ctx := t.Context()
		uploaded := upload(t, l, "up", [3]string{"train", "link/t.csv", "a,b\n1,2\n"})
		added, err := l.Add(ctx, write(t, map[string]string{"link/t.csv": "a,b\n1,2\n"}), dataversion.NewVersion{Name: "tree"}, mark("add"), nil)
		require.NoError(t, err)
		for _, d := range []catalog.DataVersion{uploaded, added.Version} {
			for _, what := range []dataversion.Selection{{}, {Columns: []string{"a"}}} {
				to, outside := t.TempDir(), t.TempDir()
				require.NoError(t, os.Symlink(outside, filepath.Join(to, "link")))
				require.Error(t, l.Get(ctx, d, what, to, nil))
				left, err := os.ReadDir(outside)
				require.NoError(t, err)
				require.Empty(t, left)
			}
		}
	})
}

func TestAddRefusesANameBeforeItStores(t *testing.T) {
	each(t, func(t *testing.T, l *dataversion.Library) {
		ctx := t.Context()
		dir := write(t, map[string]string{"a": strings.Repeat("a", 1000)})
		first, err := l.Add(ctx, dir, dataversion.NewVersion{Name: "d"}, mark("1"), nil)
		require.NoError(t, err)
		_, err = l.Catalog().SetDataTag(ctx, first.Version.Digest, "golden", 0, mark("2"))
		require.NoError(t, err)
		other := write(t, map[string]string{"a": "other"})
		_, err = l.Add(ctx, other, dataversion.NewVersion{Name: "golden"}, mark("3"), func(artifacts.Progress) { t.Error("it was read") })
		require.ErrorIs(t, err, catalog.ErrConflict)
		_, err = l.Add(ctx, other, dataversion.NewVersion{Name: "a@b"}, mark("4"), nil)
		require.ErrorIs(t, err, catalog.ErrInvalid)
	})
}

func TestCollectIsInterruptible(t *testing.T) {
	each(t, func(t *testing.T, l *dataversion.Library) {
		ctx := t.Context()
		added, err := l.Add(ctx, write(t, map[string]string{"a": strings.Repeat("only here ", 1000)}), dataversion.NewVersion{Name: "d"}, mark("1"), nil)
		require.NoError(t, err)
		_, err = l.Catalog().DeleteData(ctx, added.Version.Digest, 0, mark("2"))
		require.NoError(t, err)
		// It was given up, and the program died before the store was swept.
		_, err = l.Catalog().CollectData(ctx, added.Version.Digest, mark("3"))
		require.NoError(t, err)
		stopped, cancel := context.WithCancel(ctx)
		cancel()
		_, err = l.Collect(stopped, dataversion.CollectOptions{Grace: -1}, mark("4"))
		require.Error(t, err)
		done, err := l.Collect(ctx, dataversion.CollectOptions{Grace: -1}, mark("5"))
		require.NoError(t, err)
		require.Empty(t, done.Versions)
		require.Positive(t, done.Freed)
		for _, err := range l.Entries(ctx, added.Version) {
			require.ErrorIs(t, err, artifacts.ErrNotFound)
		}
	})
}

func TestOpenKeeper(t *testing.T) {
	t.Parallel()
	k, err := dataversion.OpenKeeper(t.Context(), "base64key://smGbjm71Nxd1Ig5FS0wj9SlbzAIrnolCz9bQQ6uAhl4=")
	require.NoError(t, err)
	sealed, err := k.Encrypt(t.Context(), []byte("key"))
	require.NoError(t, err)
	opened, err := k.Decrypt(t.Context(), sealed)
	require.NoError(t, err)
	require.Equal(t, "key", string(opened))
	require.NoError(t, k.Close())
	for _, bad := range []string{"", "base64key://", "base64key://short", "gcpkms://x", "x"} {
		_, err := dataversion.OpenKeeper(t.Context(), bad)
		require.ErrorIs(t, err, dataversion.ErrKey, bad)
	}
}

func TestTwoWritersMakeOneVersion(t *testing.T) {
	t.Parallel()
	catalogtest.EachDSN(t, func(t *testing.T, dsn string) {
		store := t.TempDir()
		dir := write(t, map[string]string{"a.csv": "a\n1\n", "b": strings.Repeat("the same ", 5000)})
		const writers = 4
		var group errgroup.Group
		existed := make([]bool, writers)
		for i := range writers {
			l, err := dataversion.Open(t.Context(), dataversion.Config{Catalog: dsn, Artifacts: store})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, l.Close()) })
			group.Go(func() error {
				added, err := l.Add(t.Context(), dir, dataversion.NewVersion{Name: fmt.Sprint("writer-", i)}, mark(fmt.Sprint(i)), nil)
				existed[i] = added.Existed
				return err
			})
		}
		require.NoError(t, group.Wait())
		first := 0
		for _, e := range existed {
			if !e {
				first++
			}
		}
		require.Equal(t, 1, first)
		c := catalogtest.Open(t, dsn)
		list, err := c.DataVersions(t.Context(), "")
		require.NoError(t, err)
		require.Len(t, list, 1)
	})
}
