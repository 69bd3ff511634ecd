package artifacts

import (
	"bytes"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// A flipped bit anywhere in the store is found by Verify, which names the
// object and every file that is in it; and no read hands out wrong bytes. Of a store with
// a file in chunks, which takes longest to read, every seventh place is tried.
func TestFlippedBitIsFound(t *testing.T) {
	t.Parallel()
	small := map[string][]byte{
		"small.bin":  noise(1, 2000),
		"text.csv":   []byte(strings.Repeat("1,2,3\n", 500)),
		"empty":      {},
		"medium.bin": noise(3, 100_000),
	}
	large := map[string][]byte{
		"small.bin": noise(1, 2000),
		"large.bin": slices.Concat(noise(2, 900<<10), make([]byte, wholeMax)),
	}
	for mode, o := range modes(t, 1) {
		for kind, files := range map[string]map[string][]byte{"small": small, "large": large} {
			t.Run(mode+"/"+kind, func(t *testing.T) {
				t.Parallel()
				r := openRepository(t, openStore(t, filepath.Join(t.TempDir(), "store"), o...), blobindex.NewMemory(), Options{})
				step := 1
				if kind == "large" {
					step = 7
				}
				flipEach(t, r, add(t, r, files).Digest, files, step)
			})
		}
	}
}

// So is one in what version 1 wrote.
func TestFlippedBitOfOldIsFound(t *testing.T) {
	t.Parallel()
	for mode, o := range modes(t, 42) {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			flipEach(t, openGolden(t, "v1", mode, o), goldenTree, goldenFiles(), 1)
		})
	}
}

// flipEach flips bits of every class in every object, one at a time, at each place or at one of so many.
func flipEach(t *testing.T, r *Repository, tree Digest, files map[string][]byte, step int) {
	t.Helper()
	for _, key := range objectsOf(t, r) {
		b, err := r.store.readObject(t.Context(), key, maxPack)
		require.NoError(t, err)
		places := interesting(t, r, key, b)
		for i := rand.IntN(min(step, len(places))); i < len(places); i += step {
			flip(t, r, tree, files, key, b, places[i])
		}
		plant(t, r.store, key, b)
	}
	requireSound(t, r, tree)
}

// interesting is the places of every class of byte: all of the header, the index and the tail,
// the ends of every blob, and some within.
func interesting(t *testing.T, r *Repository, key string, b []byte) (places []int) {
	t.Helper()
	id, ok := packOfKey(packPrefix, key)
	if !ok {
		for at := rand.IntN(3); at < len(b); at += 3 { // a wrapped key, of which all bytes are alike
			places = append(places, at)
		}
		return append(places, 0, len(b)-1)
	}
	blobs, err := parsePack(id, b, func() (*packKey, error) { return r.keyOf(t.Context(), id) })
	require.NoError(t, err)
	places = rangeOf(packHeader)
	end := packHeader
	for _, blob := range blobs {
		if blob.Stored == 0 {
			continue
		}
		begin := int(blob.Offset)
		end = begin + int(blob.Stored)
		places = append(places, begin, begin+4, begin+rand.IntN(int(blob.Stored)), end-1)
	}
	for at := end; at < len(b); at += 29 {
		places = append(places, at)
	}
	return append(places, rangeOf(len(b))[len(b)-packTail:]...)
}

func flip(t *testing.T, r *Repository, tree Digest, files map[string][]byte, key string, b []byte, at int) {
	t.Helper()
	at = min(at, len(b)-1)
	bad := bytes.Clone(b)
	bad[at] ^= 1 << rand.IntN(8)
	plant(t, r.store, key, bad)
	// Another process: nothing is remembered.
	r = openRepository(t, r.store, r.index, r.opts)
	named := 0
	v, err := r.Verify(t.Context(), roots(tree), func(d Damage) {
		require.True(t, isDamage(d.Err), "%v", d.Err)
		if d.Object == key || strings.Contains(d.Err.Error(), filepath.Base(key)) {
			named++
		}
	}, nil)
	require.NoError(t, err, "byte %d of %s", at, key)
	require.Positive(t, v.Damage, "byte %d of %s", at, key)
	require.Positive(t, named, "byte %d of %s", at, key)

	if rand.IntN(8) > 0 {
		return // reading all of it takes longer
	}
	dir := t.TempDir()
	getErr := r.Get(t.Context(), tree, nil, dir, nil)
	got := contentOf(t, dir)
	for name, content := range got {
		require.True(t, bytes.Equal(files[name], content), "%s is wrong, byte %d of %s", name, at, key)
	}
	if getErr == nil {
		require.Len(t, got, len(files))
	} else {
		require.True(t, isDamage(getErr), "%v", getErr)
	}
	for name, content := range files {
		f, err := r.Open(t.Context(), DigestOf(content))
		if err == nil {
			var data []byte
			if data, err = io.ReadAll(f); err == nil {
				require.True(t, bytes.Equal(content, data), name)
			}
			require.True(t, bytes.HasPrefix(content, data), "%s: wrong bytes before the error", name)
		}
		require.True(t, err == nil || isDamage(err), "%v", err)
	}
}

// Damage names the files that are in the damaged blob, in all trees given.
func TestDamageNamesFiles(t *testing.T) {
	t.Parallel()
	r := openRepository(t, openStore(t, "mem://"), blobindex.NewMemory(), Options{})
	shared := noise(1, 5000)
	one := add(t, r, map[string][]byte{"a/b": shared, "c": shared, "d": noise(2, 100)})
	two := add(t, r, map[string][]byte{"e": shared})
	sum, err := sumOf(DigestOf(shared))
	require.NoError(t, err)
	found, err := r.find(t.Context(), []blobindex.Sum{sum}, false)
	require.NoError(t, err)
	key := packKeyOf(packPrefix, found[sum].Pack)
	b, err := r.store.readObject(t.Context(), key, maxPack)
	require.NoError(t, err)
	b[found[sum].Offset+100] ^= 1
	plant(t, r.store, key, b)
	var got []string
	v, err := r.Verify(t.Context(), roots(one.Digest, two.Digest), func(d Damage) {
		require.ErrorIs(t, d.Err, ErrDamaged)
		require.Equal(t, BlobName(DigestOf(shared)), d.Blob)
		require.Equal(t, key, d.Object)
		got = append(got, string(d.Tree)+" "+d.Path)
	}, nil)
	require.NoError(t, err)
	require.Equal(t, []string{string(one.Digest) + " a/b", string(one.Digest) + " c", string(two.Digest) + " e"}, got)
	require.Equal(t, int64(3), v.Damage)
}
