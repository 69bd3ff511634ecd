package artifacts

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// age makes all files below dir old enough for the cache.
func age(t *testing.T, dir string) {
	t.Helper()
	old := time.Now().Add(-time.Hour)
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		require.NoError(t, err)
		return os.Chtimes(path, old, old)
	}))
	// The time of the change of times is now, and nobody can set it back.
	require.Eventually(t, func() bool {
		info, err := os.Stat(dir)
		return err == nil && stampOf(info).settled(time.Now())
	}, 10*time.Second, 50*time.Millisecond)
}

func TestRacyRule(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	at := func(modified, changed time.Duration) fileStamp {
		return fileStamp{modified: now.Add(modified).UnixNano(), changed: now.Add(changed).UnixNano()}
	}
	require.True(t, at(-3*time.Second, -3*time.Second).settled(now))
	require.False(t, at(-3*time.Second, -time.Second).settled(now), "times were set back")
	require.False(t, at(-2*time.Second, -3*time.Second).settled(now))
	require.False(t, at(time.Hour, -3*time.Second).settled(now), "a clock is wrong")
}

func TestStatCache(t *testing.T) {
	t.Parallel()
	dir, root := t.TempDir(), t.TempDir()
	c, err := openStatCache(dir, root)
	require.NoError(t, err)
	f := found{path: "a %\n.b", stamp: fileStamp{1, 2, 3, 4}}
	sum, err := sumOf(DigestOf(nil))
	require.NoError(t, err)
	c.note(f, sum, time.Now())
	c.note(found{path: "young", stamp: fileStamp{modified: time.Now().UnixNano()}}, sum, time.Now())
	require.NoError(t, c.save())

	again, err := openStatCache(dir, root)
	require.NoError(t, err)
	got, ok := again.find(f)
	require.True(t, ok)
	require.Equal(t, sum, got)
	require.Len(t, again.files, 1)
	for _, other := range []fileStamp{{9, 2, 3, 4}, {1, 9, 3, 4}, {1, 2, 9, 4}, {1, 2, 3, 9}} {
		_, ok = again.find(found{path: f.path, stamp: other})
		require.False(t, ok)
	}
	again.keepOnly(nil)
	require.Empty(t, again.files)

	// Damage of any kind makes it empty.
	b, err := os.ReadFile(c.file)
	require.NoError(t, err)
	for i := range b {
		b[i] ^= 4
		require.NoError(t, os.WriteFile(c.file, b, 0o666))
		damaged, err := openStatCache(dir, root)
		require.NoError(t, err)
		require.Empty(t, damaged.files)
		b[i] ^= 4
	}
}

func TestUnchangedFilesAreNotRead(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		t.Log("root reads files of any mode: the changed content below shows it instead")
	}
	r := openRepository(t, openStore(t, "mem://"), blobindex.NewMemory(), Options{Cache: t.TempDir()})
	files := sample()
	dir := folderOf(t, files)
	age(t, dir)
	first, err := r.Add(t.Context(), dir, nil)
	require.NoError(t, err)
	c, err := openStatCache(r.opts.Cache, dir)
	require.NoError(t, err)
	require.Len(t, c.files, len(files))
	again, err := r.Add(t.Context(), dir, nil)
	require.NoError(t, err)
	require.Equal(t, first.Digest, again.Digest)
	require.Zero(t, again.Stored)
	// The cache is believed: an entry that lies shows that nothing was read.
	lie, err := sumOf(DigestOf(files["images/2.png"]))
	require.NoError(t, err)
	k := c.files["images/1.png"]
	c.files["images/1.png"] = known{k.stamp, lie}
	require.NoError(t, c.save())
	fooled, err := r.Add(t.Context(), dir, nil)
	require.NoError(t, err)
	require.NotEqual(t, first.Digest, fooled.Digest)
	// And a change of the same size, with the times set back, is seen.
	path := filepath.Join(dir, "images/1.png")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, noise(99, 3000), 0o666))
	require.NoError(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
	files["images/1.png"] = noise(99, 3000)
	changed, err := r.Add(t.Context(), dir, nil)
	require.NoError(t, err)
	requireTree(t, r, changed.Digest, files)
}
