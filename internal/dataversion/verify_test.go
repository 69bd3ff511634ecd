package dataversion_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
	"github.com/slipway-ml/slipway/internal/dataversion"
)

const testKey = "base64key://smGbjm71Nxd1Ig5FS0wj9SlbzAIrnolCz9bQQ6uAhl4="

// A flipped bit in any object of the store, of a data version or of a release, plain
// or encrypted, is found, and what is in it refused.
func TestVerifyFindsEveryFlippedBit(t *testing.T) {
	t.Parallel()
	for mode, key := range map[string]string{"plain": "", "encrypted": testKey} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			cfg := dataversion.Config{Catalog: filepath.Join(dir, "c.db"), Artifacts: filepath.Join(dir, "store"), EncryptionKey: key}
			l := open(t, cfg)
			ctx := t.Context()
			added, err := l.Add(ctx, write(t, map[string]string{"a.csv": "a,b\n1,2\n", "b": strings.Repeat("text ", 300)}), dataversion.NewVersion{Name: "tree"}, mark("add"), nil)
			require.NoError(t, err)
			released := upload(t, l, "released", [3]string{"train", "train.csv", "a\n1\n"})
			report, err := l.Store().PutBytes(ctx, []byte("a report of a release"), "text/html")
			require.NoError(t, err)
			var last artifacts.Progress
			found, err := l.Verify(ctx, nil, func(d dataversion.Damage) { t.Error(d) }, func(p artifacts.Progress) { last = p })
			require.NoError(t, err)
			require.EqualValues(t, 2, found.Versions)
			require.Equal(t, last.FilesTotal, last.Files)
			require.Equal(t, last.BytesTotal, last.Bytes)
			require.Positive(t, last.Bytes)

			objects := 0
			require.NoError(t, filepath.WalkDir(cfg.Artifacts, func(path string, e fs.DirEntry, err error) error {
				if err != nil || e.IsDir() {
					return err
				}
				objects++
				whole, err := os.ReadFile(path)
				require.NoError(t, err)
				require.NoError(t, os.Chmod(path, 0o600))
				for _, at := range []int{0, len(whole) / 2, len(whole) - 1} {
					bad := []byte(string(whole))
					bad[at] ^= 8
					require.NoError(t, os.WriteFile(path, bad, 0o600))
					requireFound(ctx, t, open(t, cfg), path, added.Version, released, report.Digest)
				}
				return os.WriteFile(path, whole, 0o600)
			}))
			require.Greater(t, objects, 2)
			_, err = open(t, cfg).Verify(ctx, nil, func(d dataversion.Damage) { t.Error(d) }, nil)
			require.NoError(t, err)
		})
	}
}

func open(t *testing.T, cfg dataversion.Config) *dataversion.Library {
	t.Helper()
	l, err := dataversion.Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

// requireFound: the damage of an object is reported, and what is in the object is not read.
func requireFound(ctx context.Context, t *testing.T, l *dataversion.Library, object string, tree, released catalog.DataVersion, report artifacts.Digest) {
	t.Helper()
	var damage []dataversion.Damage
	found, err := l.Verify(ctx, nil, func(d dataversion.Damage) { damage = append(damage, d) }, nil)
	require.NoError(t, err, object)
	require.Positive(t, found.Damaged, object)
	require.NotEmpty(t, damage)
	for _, d := range damage {
		require.NotEmpty(t, d.Reason)
		require.NotEmpty(t, d.Object+d.Blob)
	}
	refused := 0
	for _, d := range []catalog.DataVersion{tree, released} {
		if l.Get(ctx, d, dataversion.Selection{}, t.TempDir(), nil) != nil {
			refused++
		}
	}
	if _, err := l.Store().Read(ctx, report, 1<<20); err != nil {
		refused++
	}
	require.LessOrEqual(t, refused, 1, "what is whole is read")
	if !strings.Contains(object, "/packs/") { // of a pack, a row or its index may be what no read needs
		require.Equal(t, 1, refused, object)
	}
}

// Without the key nothing is taken off the record: with it, all is whole.
func TestForgetSparesWhatOnlyLacksItsKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := dataversion.Config{Catalog: filepath.Join(dir, "c.db"), Artifacts: filepath.Join(dir, "store"), EncryptionKey: testKey}
	l := open(t, cfg)
	added, err := l.Add(t.Context(), write(t, map[string]string{"a": "content"}), dataversion.NewVersion{Name: "tree"}, mark("add"), nil)
	require.NoError(t, err)
	_, err = l.Store().PutBytes(t.Context(), []byte("report"), "")
	require.NoError(t, err)
	keyless := cfg
	keyless.EncryptionKey = ""
	found, err := open(t, keyless).Verify(t.Context(), nil, func(dataversion.Damage) {}, nil)
	require.NoError(t, err)
	require.Positive(t, found.Damaged)
	require.Empty(t, found.Bad)
	require.NoError(t, l.Get(t.Context(), added.Version, dataversion.Selection{}, t.TempDir(), nil))
}

// A key is changed while all goes on, and the old one is then not needed.
func TestRotateKey(t *testing.T) {
	t.Parallel()
	const next = "base64key://VGhpcyBpcyBhIGtleSBvZiAzMiBieXRlcyBmb3IgdGU="
	dir := t.TempDir()
	cfg := dataversion.Config{Catalog: filepath.Join(dir, "c.db"), Artifacts: filepath.Join(dir, "store"), EncryptionKey: testKey}
	l := open(t, cfg)
	added, err := l.Add(t.Context(), write(t, map[string]string{"a": "content"}), dataversion.NewVersion{Name: "tree"}, mark("add"), nil)
	require.NoError(t, err)
	model, err := l.Store().PutBytes(t.Context(), []byte("a model"), "")
	require.NoError(t, err)
	cfg.EncryptionKey = next + " \n" + testKey
	during := open(t, cfg)
	report, err := during.Store().PutBytes(t.Context(), []byte("a report"), "")
	require.NoError(t, err)
	require.NoError(t, l.RotateKey(t.Context(), next))
	cfg.EncryptionKey = next
	for _, l := range []*dataversion.Library{l, during, open(t, cfg)} {
		require.NoError(t, l.Get(t.Context(), added.Version, dataversion.Selection{}, t.TempDir(), nil))
		for _, ref := range []artifacts.Ref{model, report} {
			require.NoError(t, l.Store().Verify(t.Context(), ref.Digest))
		}
	}
	for _, bad := range []string{"nothing://", testKey + " nothing://"} {
		cfg.EncryptionKey = bad
		_, err = dataversion.Open(t.Context(), cfg)
		require.ErrorIs(t, err, dataversion.ErrKey)
	}
}

// The catalog's record of the packs is made anew from them.
func TestReindex(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := dataversion.Config{Catalog: filepath.Join(dir, "c.db"), Artifacts: filepath.Join(dir, "store"), EncryptionKey: testKey}
	source := write(t, map[string]string{"a.csv": "a,b\n1,2\n", "b": strings.Repeat("text ", 300)})
	l := open(t, cfg)
	added, err := l.Add(t.Context(), source, dataversion.NewVersion{Name: "tree"}, mark("add"), nil)
	require.NoError(t, err)
	raw := catalogtest.Raw(t, cfg.Catalog)
	for _, table := range []string{"blobs", "blob_packs"} {
		_, err = raw.ExecContext(t.Context(), "DELETE FROM "+table)
		require.NoError(t, err)
	}
	require.ErrorIs(t, l.Get(t.Context(), added.Version, dataversion.Selection{}, t.TempDir(), nil), artifacts.ErrNotFound)
	found, err := l.Reindex(t.Context(), nil)
	require.NoError(t, err)
	require.Positive(t, found.Blobs)
	require.NoError(t, l.Get(t.Context(), added.Version, dataversion.Selection{}, t.TempDir(), nil))
	again, err := l.Add(t.Context(), source, dataversion.NewVersion{Name: "tree"}, mark("again"), nil)
	require.NoError(t, err)
	require.True(t, again.Existed)
	require.Zero(t, again.Stored)
}
