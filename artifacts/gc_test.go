package artifacts

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

func testCollect(t *testing.T, r *Repository) {
	gone, kept := sample(), map[string][]byte{"a": noise(50, 5000), "images/1.png": sample()["images/1.png"]}
	old, tree := add(t, r, gone), add(t, r, kept)
	before := objectsOf(t, r)
	plan, err := r.GC(t.Context(), roots(tree.Digest), GCOptions{Grace: -1, DryRun: true})
	require.NoError(t, err)
	require.Equal(t, before, objectsOf(t, r), "a dry run changes nothing")
	requireTree(t, r, old.Digest, gone)

	done, err := r.GC(t.Context(), roots(tree.Digest), GCOptions{Grace: -1})
	require.NoError(t, err)
	require.Equal(t, plan.Blobs, done.Blobs)
	require.Equal(t, plan.Packs, done.Packs)
	require.Positive(t, done.Freed)
	require.InDelta(t, plan.Freed, done.Freed, 4096)
	requireTree(t, r, tree.Digest, kept)
	require.ErrorIs(t, r.Get(t.Context(), old.Digest, nil, t.TempDir(), nil), ErrNotFound)
	requireSound(t, r, tree.Digest)

	again := add(t, r, gone)
	require.Equal(t, old.Digest, again.Digest)
	requireTree(t, r, again.Digest, gone)
	all, err := r.GC(t.Context(), roots(), GCOptions{Grace: -1})
	require.NoError(t, err)
	require.Zero(t, all.Kept)
	require.Empty(t, objectsOf(t, r), "nothing is left of nothing")
}

func testRepack(t *testing.T, r *Repository) {
	files := map[string][]byte{}
	for i := range 50 {
		files[fmt.Sprint(i)] = noise(uint64(100+i), 20_000)
	}
	add(t, r, files)
	few := map[string][]byte{"3": files["3"], "44": files["44"]}
	tree := add(t, r, few)
	file, err := r.Open(t.Context(), DigestOf(few["3"]))
	require.NoError(t, err)
	done, err := r.GC(t.Context(), roots(tree.Digest), GCOptions{Grace: -1})
	require.NoError(t, err)
	require.Positive(t, done.Repacked)
	require.Greater(t, done.Freed, int64(900_000))
	requireTree(t, r, tree.Digest, few)
	requireSound(t, r, tree.Digest)
	require.NoError(t, file.Close())
	again, err := r.GC(t.Context(), roots(tree.Digest), GCOptions{Grace: -1})
	require.NoError(t, err)
	require.Zero(t, again.Packs+again.Blobs+again.Orphans)
}

func testCollectSpares(t *testing.T, r *Repository) {
	files := sample()
	tree := add(t, r, files)
	// Young.
	done, err := r.GC(t.Context(), roots(), GCOptions{})
	require.NoError(t, err)
	require.Zero(t, done.Blobs+done.Packs+done.Orphans)
	// Counted on by an upload that began before.
	u, ctx, err := r.begin(t.Context(), nil)
	require.NoError(t, err)
	again := add(t, r, files)
	done, err = r.GC(t.Context(), roots(), GCOptions{Grace: -1})
	require.NoError(t, err)
	require.Zero(t, done.Blobs+done.Packs)
	require.NoError(t, u.finish(ctx))
	requireTree(t, r, again.Digest, files)
	// A root that cannot be read stops it.
	_, err = r.GC(t.Context(), roots(tree.Digest, DigestOf([]byte("none"))), GCOptions{Grace: -1})
	require.ErrorIs(t, err, ErrNotFound)
	_, err = r.GC(t.Context(), func(yield func(Digest, error) bool) { yield("", os.ErrDeadlineExceeded) }, GCOptions{Grace: -1})
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	requireTree(t, r, tree.Digest, files)
	// A writer whose pin was dropped does not acknowledge.
	u, ctx, err = r.begin(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, r.index.PinUpload(ctx, u.id, false, time.Now().Add(-time.Hour)))
	_, err = r.GC(t.Context(), roots(tree.Digest), GCOptions{Grace: -1})
	require.NoError(t, err)
	require.ErrorIs(t, u.put(ctx, []piece{pieceOf(blobindex.Data, noise(7, 100))}), nil)
	require.ErrorIs(t, u.finish(ctx), blobindex.ErrExpired)
	require.ErrorIs(t, u.abandon(t.Context(), nil), blobindex.ErrExpired)
}

func testOrphans(t *testing.T, r *Repository) {
	tree := add(t, r, sample())
	u, ctx, err := r.begin(t.Context(), nil)
	require.NoError(t, err)
	id := newPackID()
	key, err := r.newKey(ctx, id)
	require.NoError(t, err)
	b := packOf(id, []frame{r.encode(pieceOf(blobindex.Data, noise(3, 1000)))}, key)
	require.NoError(t, r.store.putObject(ctx, packKeyOf(packPrefix, id), b))
	plant(t, r.store, packPrefix+"README", []byte("not ours"))
	done, err := r.GC(t.Context(), roots(tree.Digest), GCOptions{Grace: -1})
	require.NoError(t, err)
	require.Zero(t, done.Orphans, "its writer may be about to save it")
	require.NoError(t, u.abandon(t.Context(), nil))
	// S3 keeps whole seconds, so that "before now" may take one.
	require.Eventually(t, func() bool {
		_, err := r.GC(t.Context(), roots(tree.Digest), GCOptions{Grace: -1})
		return err == nil && !slices.ContainsFunc(objectsOf(t, r), func(key string) bool { return strings.HasSuffix(key, id) })
	}, time.Minute, 50*time.Millisecond)
	require.Contains(t, objectsOf(t, r), packPrefix+"README")
	requireTree(t, r, tree.Digest, sample())
}

func testVerifyClean(t *testing.T, r *Repository) {
	tree := add(t, r, sample())
	v, err := r.Verify(t.Context(), roots(tree.Digest, tree.Digest), nil, nil)
	require.NoError(t, err)
	require.Equal(t, int64(2), v.Trees)
	require.Equal(t, int64(2*len(sample())), v.Files)
	require.Zero(t, v.Damage)
	require.Positive(t, v.Bytes)
	all, err := r.Verify(t.Context(), nil, nil, nil)
	require.NoError(t, err)
	require.Equal(t, v.Bytes, all.Bytes)
}

func testReindex(t *testing.T, r *Repository) {
	files := sample()
	tree := add(t, r, files)
	other := add(t, r, map[string][]byte{"other": noise(77, 3000)})
	anew := openRepository(t, r.store, blobindex.NewMemory(), r.opts)
	require.ErrorIs(t, anew.Get(t.Context(), tree.Digest, nil, t.TempDir(), nil), ErrNotFound)
	var last Progress
	for range 2 {
		found, err := anew.Reindex(t.Context(), func(p Progress) { last = p })
		require.NoError(t, err)
		require.EqualValues(t, countRows(t, r), found.Blobs)
		require.Equal(t, found.Packs, last.Files)
		require.Equal(t, last.BytesTotal, last.Bytes)
		require.Equal(t, last.FilesTotal, last.Files)
	}
	requireTree(t, anew, tree.Digest, files)
	requireSound(t, anew, tree.Digest)
	require.Zero(t, add(t, anew, files).Stored)

	// A damaged pack does not keep the others from it.
	sum, err := sumOf(DigestOf(noise(77, 3000)))
	require.NoError(t, err)
	rows, err := r.find(t.Context(), []blobindex.Sum{sum}, false)
	require.NoError(t, err)
	bad := packKeyOf(packPrefix, rows[sum].Pack)
	plant(t, r.store, bad, []byte("not a pack"))
	again := openRepository(t, r.store, blobindex.NewMemory(), r.opts)
	found, err := again.Reindex(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, []string{bad}, found.Damaged)
	requireTree(t, again, tree.Digest, files)
	require.ErrorIs(t, again.Get(t.Context(), other.Digest, nil, t.TempDir(), nil), ErrNotFound)
}

func testHeal(t *testing.T, r *Repository) {
	files := sample()
	tree := add(t, r, files)
	for _, key := range objectsOf(t, r) {
		if strings.HasPrefix(key, packPrefix) {
			require.NoError(t, r.store.deleteObject(t.Context(), key))
		}
	}
	bad := map[BlobName]bool{}
	v, err := r.Verify(t.Context(), roots(tree.Digest), func(d Damage) {
		require.ErrorIs(t, d.Err, ErrNotFound)
		require.NotEmpty(t, d.Object+string(d.Blob))
		if d.Blob != "" {
			bad[d.Blob] = true
		}
	}, nil)
	require.NoError(t, err)
	require.Positive(t, v.Damage)
	// The manifest is gone too, so that which files it had is not known: what the record has is all bad.
	_, err = r.Verify(t.Context(), nil, func(d Damage) {
		if d.Blob != "" {
			bad[d.Blob] = true
		}
	}, nil)
	require.NoError(t, err)
	require.Equal(t, countRows(t, r), len(bad))
	require.NoError(t, r.Forget(t.Context(), slices.Collect(maps.Keys(bad))))
	require.Equal(t, tree.Digest, add(t, r, files).Digest)
	requireTree(t, r, tree.Digest, files)
	_, err = r.GC(t.Context(), roots(tree.Digest), GCOptions{Grace: -1})
	require.NoError(t, err)
	requireSound(t, r, tree.Digest)
}

// A stat cache that knows files whose content was collected does not hide that.
func TestAddAfterCollectionWithCache(t *testing.T) {
	t.Parallel()
	r := openRepository(t, openStore(t, filepath.Join(t.TempDir(), "store")), blobindex.NewMemory(), Options{Cache: t.TempDir()})
	files := sample()
	dir := folderOf(t, files)
	age(t, dir)
	for range 3 {
		tree, err := r.Add(t.Context(), dir, nil)
		require.NoError(t, err)
		requireTree(t, r, tree.Digest, files)
		_, err = r.GC(t.Context(), roots(), GCOptions{Grace: -1})
		require.NoError(t, err)
	}
	// Only a chunk of a large file is missing.
	_, err := r.Add(t.Context(), dir, nil)
	require.NoError(t, err)
	f, err := r.open(t.Context(), DigestOf(files["large/model.onnx"]))
	require.NoError(t, err)
	require.NoError(t, r.Forget(t.Context(), []BlobName{nameOf(f.list.kind, f.list.chunks[2].sum)}))
	tree, err := r.Add(t.Context(), dir, nil)
	require.NoError(t, err)
	requireTree(t, r, tree.Digest, files)
}
