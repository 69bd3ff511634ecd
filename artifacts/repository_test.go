package artifacts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"gocloud.dev/secrets"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
	"github.com/slipway-ml/slipway/artifacts/s3test"
)

// repositoryConformance holds what every repository promises, whatever its store
// and whether it encrypts.
var repositoryConformance = map[string]func(t *testing.T, r *Repository){
	"add and get":         testAddGet,
	"equal content":       testEqualContent,
	"two writers":         testTwoWriters,
	"add file and tree":   testAddFileTree,
	"open":                testOpen,
	"large tree and diff": testLargeTree,
	"insert at the front": testInsertFront,
	"get a part":          testGetPart,
	"not found":           testRepositoryNotFound,
	"collect":             testCollect,
	"collect and repack":  testRepack,
	"collect spares":      testCollectSpares,
	"orphans":             testOrphans,
	"verify":              testVerifyClean,
	"reindex":             testReindex,
	"heal":                testHeal,
}

func TestRepository(t *testing.T) {
	t.Parallel()
	bucket := s3test.Start(t)
	stores := map[string]func(*testing.T) string{
		"folder": func(t *testing.T) string { return filepath.Join(t.TempDir(), "store") },
		"memory": func(*testing.T) string { return "mem://" },
		"s3": func(t *testing.T) string {
			return bucket + "&prefix=" + DigestOf([]byte(t.Name())).Hex() + "/"
		},
	}
	t.Run("suite", func(t *testing.T) {
		for kind, url := range stores {
			for mode, o := range modes(t, 1) {
				for name, test := range repositoryConformance {
					t.Run(kind+"/"+mode+"/"+name, func(t *testing.T) {
						t.Parallel()
						test(t, openRepository(t, openStore(t, url(t), o...), blobindex.NewMemory(), Options{}))
					})
				}
			}
		}
	})
}

func openRepository(t *testing.T, s *Store, x Index, o Options) *Repository {
	t.Helper()
	r, err := NewRepository(s, x, o)
	require.NoError(t, err)
	return r
}

// modes are the ways to open a store: plain and encrypted, with a key of its own for each seed.
func modes(t *testing.T, seed byte) map[string][]Option {
	t.Helper()
	return map[string][]Option{"plain": nil, "encrypted": {WithKeepers(testKeeper(t, seed))}}
}

// testKeeper is a keeper with a key of its own for each seed.
func testKeeper(t *testing.T, seed byte) *secrets.Keeper {
	t.Helper()
	k := crashKeeper(seed)
	t.Cleanup(func() { require.NoError(t, k.Close()) })
	return k
}

// folderOf writes files to a new folder.
func folderOf(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, b := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
		require.NoError(t, os.WriteFile(path, b, 0o666))
	}
	return dir
}

// sample has a file of every kind: empty, small, compressible, in one piece, in chunks. The bytes are those
// of all tests, which do not change them; the map is the caller's.
func sample() map[string][]byte { return maps.Clone(sampled()) }

var sampled = sync.OnceValue(func() map[string][]byte {
	return map[string][]byte{
		"empty":            {},
		"a.csv":            []byte(strings.Repeat("1,2,3\n", 2000)),
		"images/1.png":     noise(1, 3000),
		"images/2.png":     noise(2, 4096),
		"images-old/1.png": noise(1, 3000),
		"über/50% \n.txt":  []byte("names are only bytes"),
		"medium.bin":       noise(3, 3<<19),
		"large/model.onnx": noise(4, wholeMax+1<<20),
		"large/zeros.bin":  make([]byte, wholeMax+5),
	}
})

// contentOf reads all files below a folder.
func contentOf(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = b
		return err
	}))
	return files
}

func add(t *testing.T, r *Repository, files map[string][]byte) Tree {
	t.Helper()
	tree, err := r.Add(t.Context(), folderOf(t, files), nil)
	require.NoError(t, err)
	return tree
}

func requireTree(t *testing.T, r *Repository, tree Digest, want map[string][]byte) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "to")
	require.NoError(t, r.Get(t.Context(), tree, nil, dir, nil))
	requireFolder(t, want, dir)
}

// requireFolder wants just these files in a folder, and fails without printing megabytes. It holds little at a
// time, as the race detector takes long over large pieces of new memory.
func requireFolder(t *testing.T, want map[string][]byte, dir string) {
	t.Helper()
	files := 0
	b := make([]byte, 64<<10)
	require.NoError(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files++
		name, _ := filepath.Rel(dir, path)
		rest, known := want[filepath.ToSlash(name)]
		require.True(t, known, "%q is not wanted", name)
		f, err := os.Open(path)
		require.NoError(t, err)
		for err == nil {
			var n int
			n, err = io.ReadFull(f, b)
			require.True(t, bytes.HasPrefix(rest, b[:n]), "%q differs %d bytes from its end", name, len(rest))
			rest = rest[n:]
		}
		require.Empty(t, rest, "%q is cut", name)
		return f.Close()
	}))
	require.Len(t, want, files)
}

func roots(trees ...Digest) iter.Seq2[Digest, error] {
	return func(yield func(Digest, error) bool) {
		for _, d := range trees {
			if !yield(d, nil) {
				return
			}
		}
	}
}

// objects lists the store's keys below packs/ and keys/.
func objectsOf(t *testing.T, r *Repository) (keys []string) {
	t.Helper()
	for _, prefix := range []string{packPrefix, keyPrefix} {
		for e, err := range r.store.backend.list(t.Context(), prefix) {
			require.NoError(t, err)
			keys = append(keys, e.key)
		}
	}
	return keys
}

// requireSound verifies everything and the trees.
func requireSound(t *testing.T, r *Repository, trees ...Digest) {
	t.Helper()
	for _, some := range []iter.Seq2[Digest, error]{nil, roots(trees...)} {
		_, err := r.Verify(t.Context(), some, func(d Damage) { t.Errorf("damage: %+v: %v", d, d.Err) }, nil)
		require.NoError(t, err)
	}
}

func testAddGet(t *testing.T, r *Repository) {
	files := sample()
	dir := folderOf(t, files)
	var last Progress
	tree, err := r.Add(t.Context(), dir, func(p Progress) {
		require.GreaterOrEqual(t, p.Files, last.Files)
		last = p
	})
	require.NoError(t, err)
	var size int64
	for _, b := range files {
		size += int64(len(b))
	}
	require.Equal(t, Progress{Files: int64(len(files)), FilesTotal: int64(len(files)), Bytes: size, BytesTotal: size, Stored: tree.Stored}, last)
	require.Equal(t, int64(len(files)), tree.Files)
	require.Equal(t, size, tree.Bytes)
	require.Less(t, tree.Stored, size-wholeMax, "zeros and text compress")

	var names []string
	for e, err := range r.Entries(t.Context(), tree.Digest) {
		require.NoError(t, err)
		require.Equal(t, DigestOf(files[e.Path]), e.Digest)
		require.Equal(t, int64(len(files[e.Path])), e.Size)
		names = append(names, e.Path)
	}
	require.True(t, slices.IsSorted(names))
	require.Len(t, names, len(files))
	requireTree(t, r, tree.Digest, files)
	requireSound(t, r, tree.Digest)

	one, err := r.Add(t.Context(), filepath.Join(dir, "a.csv"), nil)
	require.NoError(t, err)
	require.Less(t, one.Stored, int64(1000), "only its manifest is new")
	requireTree(t, r, one.Digest, map[string][]byte{"a.csv": files["a.csv"]})
}

func testEqualContent(t *testing.T, r *Repository) {
	first := add(t, r, sample())
	objects := objectsOf(t, r)
	again := add(t, r, sample())
	require.Equal(t, first.Digest, again.Digest)
	require.Zero(t, again.Stored)
	require.Equal(t, objects, objectsOf(t, r))
}

func testTwoWriters(t *testing.T, r *Repository) {
	files := sample()
	other := openRepository(t, r.store, r.index, r.opts)
	dirs := []string{folderOf(t, files), folderOf(t, files)}
	var trees [2]Tree
	var errs [2]error
	var both sync.WaitGroup
	for i, w := range []*Repository{r, other} {
		both.Go(func() { trees[i], errs[i] = w.Add(t.Context(), dirs[i], nil) })
	}
	both.Wait()
	require.NoError(t, errs[0])
	require.NoError(t, errs[1])
	require.Equal(t, trees[0].Digest, trees[1].Digest)
	requireTree(t, r, trees[0].Digest, files)
	alone := openRepository(t, openStore(t, "mem://"), blobindex.NewMemory(), Options{})
	add(t, alone, files)
	require.Equal(t, countRows(t, alone), countRows(t, r), "one set of blobs")
	_, err := r.GC(t.Context(), roots(trees[0].Digest), GCOptions{Grace: -1})
	require.NoError(t, err)
	requireTree(t, r, trees[0].Digest, files)
	requireSound(t, r, trees[0].Digest)
}

func countRows(t *testing.T, r *Repository) (n int) {
	t.Helper()
	for page, err := range r.eachRow(t.Context()) {
		require.NoError(t, err)
		n += len(page)
	}
	return n
}

func testAddFileTree(t *testing.T, r *Repository) {
	files := sample()
	var entries []Entry
	for name, b := range files {
		e, err := r.AddFile(t.Context(), name, iotest.DataErrReader(bytes.NewReader(b)))
		require.NoError(t, err)
		require.Equal(t, Entry{Path: name, Size: int64(len(b)), Digest: DigestOf(b)}, e)
		entries = append(entries, e)
	}
	tree, err := r.AddTree(t.Context(), entries)
	require.NoError(t, err)
	require.Equal(t, add(t, r, files).Digest, tree.Digest, "the way it came in does not show")
	requireTree(t, r, tree.Digest, files)
	none, err := r.AddTree(t.Context(), nil)
	require.NoError(t, err)
	requireTree(t, r, none.Digest, nil)

	for name, bad := range map[string][]Entry{
		"missing":  {{Path: "x", Digest: DigestOf([]byte("never added"))}},
		"twice":    {entries[0], entries[0]},
		"escapes":  {{Path: "../x", Digest: entries[0].Digest}},
		"absolute": {{Path: "/x", Digest: entries[0].Digest}},
		"is both":  {{Path: "x", Digest: entries[0].Digest}, {Path: "x!", Digest: entries[0].Digest}, {Path: "x/y", Digest: entries[0].Digest}},
		"digest":   {{Path: "x", Digest: "md5:00"}},
	} {
		_, err := r.AddTree(t.Context(), bad)
		require.Error(t, err, name)
	}
	_, err = r.AddFile(t.Context(), "x", iotest.ErrReader(io.ErrNoProgress))
	require.ErrorIs(t, err, io.ErrNoProgress)
	_, err = r.AddFile(t.Context(), "x", io.MultiReader(io.LimitReader(zeros{}, wholeMax+chunkMax), iotest.ErrReader(io.ErrNoProgress)))
	require.ErrorIs(t, err, io.ErrNoProgress)
}

func testOpen(t *testing.T, r *Repository) {
	for _, n := range []int{0, 1000, wholeMax + 2*chunkMax} {
		b := noise(uint64(n), n)
		e, err := r.AddFile(t.Context(), "f", bytes.NewReader(b))
		require.NoError(t, err)
		f, err := r.Open(t.Context(), e.Digest)
		require.NoError(t, err)
		require.Equal(t, int64(n), f.Size())
		got, err := io.ReadAll(f)
		require.NoError(t, err)
		require.True(t, bytes.Equal(b, got))
		if n <= 1000 {
			_, err = f.Seek(0, io.SeekStart)
			require.NoError(t, err)
			require.NoError(t, iotest.TestReader(f, b))
		} else {
			var readers sync.WaitGroup
			for i := range 4 {
				readers.Go(func() {
					p := make([]byte, 3<<20)
					at := i * 4 << 20
					m, err := f.ReadAt(p, int64(at))
					if m < len(p) && !errors.Is(err, io.EOF) || !bytes.Equal(p[:m], b[at:at+m]) {
						t.Errorf("read at %d: %d bytes, %v", at, m, err)
					}
				})
			}
			readers.Wait()
		}
		require.NoError(t, f.Close())
		_, err = f.ReadAt(make([]byte, 1), 0)
		require.Error(t, err)
	}
}

func testLargeTree(t *testing.T, r *Repository) {
	b := []byte("the same in all")
	e, err := r.AddFile(t.Context(), "x", bytes.NewReader(b))
	require.NoError(t, err)
	entries := make([]Entry, 40_000)
	for i := range entries {
		entries[i] = Entry{Path: fmt.Sprintf("d%d/%06d", i%7, i), Size: e.Size, Digest: e.Digest}
	}
	before, err := r.AddTree(t.Context(), entries)
	require.NoError(t, err)
	other, err := r.AddFile(t.Context(), "x", strings.NewReader("other"))
	require.NoError(t, err)
	changed := slices.Clone(entries[:len(entries)-1])
	changed[5].Digest, changed[5].Size = other.Digest, other.Size
	changed = append(changed, Entry{Path: "d3/new", Size: e.Size, Digest: e.Digest})
	after, err := r.AddTree(t.Context(), changed)
	require.NoError(t, err)
	require.Less(t, after.Stored, before.Stored, "not all shards are new")

	n := 0
	for _, err := range r.Entries(t.Context(), after.Digest) {
		require.NoError(t, err)
		n++
	}
	require.Equal(t, 40_000, n)
	var got []string
	for c, err := range r.Diff(t.Context(), before.Digest, after.Digest) {
		require.NoError(t, err)
		got = append(got, fmt.Sprintf("%s %t %t", c.Path, c.Before != nil, c.After != nil))
	}
	require.Equal(t, []string{"d1/039999 true false", "d3/new false true", "d5/000005 true true"}, got)
	for range r.Diff(t.Context(), after.Digest, after.Digest) {
		t.Error("a tree differs from itself")
	}
	small := add(t, r, map[string][]byte{"d5/000005": b})
	n = 0
	for _, err := range r.Diff(t.Context(), small.Digest, before.Digest) {
		require.NoError(t, err)
		n++
	}
	require.Equal(t, 39_999, n)
}

func testInsertFront(t *testing.T, r *Repository) {
	b := noise(77, 16<<20)
	first, err := r.AddFile(t.Context(), "x", bytes.NewReader(b))
	require.NoError(t, err)
	front := noise(78, len(b)/100)
	dir := folderOf(t, map[string][]byte{"x": slices.Concat(front, b), "y": slices.Concat(b, front)})
	tree, err := r.Add(t.Context(), dir, nil)
	require.NoError(t, err)
	require.Less(t, tree.Stored, int64(len(b)/4), "some chunks at each seam")
	require.NotEqual(t, first.Digest, tree.Digest)
	requireTree(t, r, tree.Digest, map[string][]byte{"x": slices.Concat(front, b), "y": slices.Concat(b, front)})
}

func testGetPart(t *testing.T, r *Repository) {
	files := sample()
	tree := add(t, r, files)
	dir := t.TempDir()
	require.NoError(t, r.Get(t.Context(), tree.Digest, []string{"images", "a.csv", "large/model.onnx"}, dir, nil))
	requireFolder(t, map[string][]byte{"images/1.png": files["images/1.png"], "images/2.png": files["images/2.png"], "a.csv": files["a.csv"], "large/model.onnx": files["large/model.onnx"]}, dir)
	err := r.Get(t.Context(), tree.Digest, []string{"a.csv", "image"}, dir, nil)
	require.ErrorIs(t, err, ErrNotFound)
	require.ErrorContains(t, err, `"image"`)
	require.ErrorIs(t, r.Get(t.Context(), tree.Digest, []string{"../a.csv"}, dir, nil), ErrUnsupported)

	// What is equal is kept, what is not is replaced, what is not in the tree stays.
	kept, err := os.Stat(filepath.Join(dir, "a.csv"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "images", "1.png"), noise(9, 3000), 0o666))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "mine"), nil, 0o666))
	require.NoError(t, r.Get(t.Context(), tree.Digest, nil, dir, nil))
	files["mine"] = nil
	requireFolder(t, files, dir)
	now, err := os.Stat(filepath.Join(dir, "a.csv"))
	require.NoError(t, err)
	require.True(t, os.SameFile(kept, now))

	// Links do not lead out, and a folder is not taken for a file.
	outside := t.TempDir()
	trap := t.TempDir()
	require.NoError(t, os.Symlink(outside, filepath.Join(trap, "images")))
	require.Error(t, r.Get(t.Context(), tree.Digest, nil, trap, nil))
	require.Empty(t, contentOf(t, outside))
	require.NoError(t, os.Mkdir(filepath.Join(outside, "a.csv"), 0o777))
	require.ErrorContains(t, r.Get(t.Context(), tree.Digest, []string{"a.csv"}, outside, nil), "is a folder")
}

func testRepositoryNotFound(t *testing.T, r *Repository) {
	none := DigestOf([]byte("none"))
	for _, err := range r.Entries(t.Context(), none) {
		require.ErrorIs(t, err, ErrNotFound)
		require.ErrorContains(t, err, string(none))
	}
	for _, err := range r.Diff(t.Context(), none, none) {
		require.ErrorIs(t, err, ErrNotFound)
	}
	_, err := r.Open(t.Context(), none)
	require.ErrorIs(t, err, ErrNotFound)
	_, err = r.Open(t.Context(), "sha256:../..")
	require.Error(t, err)
	require.ErrorIs(t, r.Get(t.Context(), none, nil, t.TempDir(), nil), ErrNotFound)
	_, err = r.Add(t.Context(), filepath.Join(t.TempDir(), "none"), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	file, err := r.AddFile(t.Context(), "x", strings.NewReader("no tree"))
	require.NoError(t, err)
	require.ErrorContains(t, r.Get(t.Context(), file.Digest, nil, t.TempDir(), nil), "not a tree")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = r.Add(ctx, folderOf(t, sample()), nil)
	require.ErrorIs(t, err, context.Canceled)
}
