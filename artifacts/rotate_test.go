package artifacts

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

func TestRotateKey(t *testing.T) {
	t.Parallel()
	root, x := filepath.Join(t.TempDir(), "store"), blobindex.NewMemory()
	first, second := testKeeper(t, 1), testKeeper(t, 2)
	s := openStore(t, root, WithKeepers(first))
	r := openRepository(t, s, x, Options{})
	files := sample()
	tree := add(t, r, files)
	model := noise(31, 3*spoolMemory)
	put, err := s.PutBytes(t.Context(), model, "")
	require.NoError(t, err)
	before := dataOf(t, s)
	require.NoError(t, r.RotateKey(t.Context(), second))
	require.Equal(t, before, dataOf(t, s), "no data is rewritten")
	require.NoError(t, openRepository(t, openStore(t, root, WithKeepers(first)), x, Options{}).RotateKey(t.Context(), second), "again")

	files["new"] = noise(30, 100)
	next := add(t, r, files)
	now := openRepository(t, openStore(t, root, WithKeepers(second)), x, Options{})
	requireTree(t, now, next.Digest, files)
	requireSound(t, now, tree.Digest, next.Digest)
	require.NoError(t, now.store.Verify(t.Context(), put.Digest))
	for _, o := range [][]Option{nil, {WithKeepers(first)}} {
		old := openRepository(t, openStore(t, root, o...), x, Options{})
		err := old.Get(t.Context(), tree.Digest, nil, t.TempDir(), nil)
		require.ErrorIs(t, err, ErrKey)
		require.ErrorContains(t, err, "check that the key")
		err = old.store.Verify(t.Context(), put.Digest)
		require.ErrorIs(t, err, ErrKey)
		require.NotErrorIs(t, err, ErrDamaged)
		require.ErrorContains(t, err, "check that the key")
	}
	both := openRepository(t, openStore(t, root, WithKeepers(first, second)), x, Options{})
	requireTree(t, both, next.Digest, files)
	require.NoError(t, both.store.Verify(t.Context(), put.Digest))

	require.Error(t, openRepository(t, openStore(t, root, WithKeepers(first)), x, Options{}).RotateKey(t.Context(), testKeeper(t, 3)), "neither key fits")
	require.Error(t, openRepository(t, openStore(t, root), x, Options{}).RotateKey(t.Context(), second))
	require.Error(t, now.RotateKey(t.Context(), nil))
}

// dataOf is the content of all packs and encrypted blobs.
func dataOf(t *testing.T, s *Store) map[string]Digest {
	t.Helper()
	data := map[string]Digest{}
	for _, prefix := range []string{packPrefix, sealedPrefix} {
		for e, err := range s.backend.list(t.Context(), prefix) {
			require.NoError(t, err)
			b, err := s.readObject(t.Context(), e.key, maxPack)
			require.NoError(t, err)
			data[e.key] = DigestOf(b)
		}
	}
	return data
}
