package artifacts

import (
	"crypto/sha256"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// The hash of a chunk is BLAKE3-256, by the vectors of its authors
// (https://github.com/BLAKE3-team/BLAKE3, test_vectors.json), of everything else SHA-256.
func TestHashOf(t *testing.T) {
	t.Parallel()
	pattern := make([]byte, 31744)
	for i := range pattern {
		pattern[i] = byte(i % 251)
	}
	require.Equal(t, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262", hashOf(blobindex.Chunk, nil).String())
	require.Equal(t, "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47", hashOf(blobindex.Chunk, pattern).String())
	for _, kind := range []blobindex.Kind{blobindex.Data, blobindex.Manifest} {
		require.Equal(t, blobindex.Sum(sha256.Sum256(pattern)), hashOf(kind, pattern))
	}
}

func TestBlobName(t *testing.T) {
	t.Parallel()
	sum := blobindex.Sum(sha256.Sum256(nil))
	for kind, want := range map[blobindex.Kind]string{
		blobindex.Data: "sha256:", blobindex.List: "sha256:", blobindex.Manifest: "sha256:", blobindex.Chunk: "blake3:",
	} {
		name := nameOf(kind, sum)
		require.Equal(t, want+sum.String(), string(name))
		back, err := name.sum()
		require.NoError(t, err)
		require.Equal(t, sum, back)
	}
	for _, bad := range []BlobName{"", "blake3:", "blake3:xy", "sha256:blake3:", BlobName(sum.String()), "blake3:sha256:" + BlobName(sum.String())} {
		_, err := bad.sum()
		require.Error(t, err, "%q", bad)
	}
}

// Every chunk of a large file, and nothing else, is named by its BLAKE3-256, whichever way it came.
func TestOnlyChunksAreNamedByBLAKE3(t *testing.T) {
	t.Parallel()
	r := openRepository(t, openStore(t, filepath.Join(t.TempDir(), "store")), blobindex.NewMemory(), Options{})
	files := sample()
	tree := add(t, r, files)
	chunks := 0
	for page, err := range r.eachRow(t.Context()) {
		require.NoError(t, err)
		for _, b := range page {
			_, data, err := r.content(t.Context(), b.Kind, b.Sum)
			require.NoError(t, err)
			if b.Kind == blobindex.Chunk {
				chunks++
			} else if b.Kind != blobindex.List {
				require.Equal(t, sha256.Sum256(data), [32]byte(b.Sum))
			}
		}
	}
	require.Positive(t, chunks)
	requireSound(t, r, tree.Digest)
}

// The name of a chunk is no digest: nothing that is asked for by digest is ever a chunk, for it
// would have another SHA-256 than was asked for.
func TestChunkIsNoFile(t *testing.T) {
	t.Parallel()
	r := openRepository(t, openStore(t, filepath.Join(t.TempDir(), "store")), blobindex.NewMemory(), Options{})
	files := sample()
	tree := add(t, r, files)
	f, err := r.open(t.Context(), DigestOf(files["large/model.onnx"]))
	require.NoError(t, err)
	c := f.list.chunks[0]
	lie := Entry{Path: "x", Size: int64(c.size), Digest: digestOfSum(c.sum)}
	_, err = r.Open(t.Context(), lie.Digest)
	require.ErrorIs(t, err, ErrNotFound)
	there, err := r.Keep(t.Context(), lie.Digest)
	require.NoError(t, err)
	require.False(t, there)
	_, err = r.AddTree(t.Context(), []Entry{lie})
	require.ErrorIs(t, err, ErrNotFound)
	require.ErrorIs(t, r.Get(t.Context(), lie.Digest, nil, t.TempDir(), nil), ErrNotFound)

	// A manifest that was written past AddTree.
	u, within, err := r.begin(t.Context(), nil)
	require.NoError(t, err)
	p := pieceOf(blobindex.Manifest, manifests([]Entry{lie})[0])
	require.NoError(t, u.put(within, []piece{p}))
	require.NoError(t, u.finish(within))
	forged := digestOfSum(p.sum)
	require.ErrorIs(t, r.Get(t.Context(), forged, nil, t.TempDir(), nil), ErrNotFound)
	var found []Damage
	_, err = r.Verify(t.Context(), roots(forged), func(d Damage) { found = append(found, d) }, nil)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.ErrorIs(t, found[0].Err, ErrNotFound)
	require.Equal(t, "x", found[0].Path)
	requireSound(t, r, tree.Digest)
}

// What a list calls by the other hash is not found, were it there under the same 32 bytes.
func TestListOfWrongKind(t *testing.T) {
	t.Parallel()
	r := openRepository(t, openStore(t, filepath.Join(t.TempDir(), "store")), blobindex.NewMemory(), Options{})
	content := noise(4, wholeMax+3<<20)
	add(t, r, map[string][]byte{"large": content})
	f, err := r.open(t.Context(), DigestOf(content))
	require.NoError(t, err)
	f.list.kind = blobindex.Data
	_, err = f.chunk(0)
	require.ErrorIs(t, err, ErrNotFound)
}
