package artifacts

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// secret is what must not be found in an encrypted store.
const secret = "a name, a date of birth and a diagnosis\n"

// requireNothingOf fails if a file below dir shows one of the words.
func requireNothingOf(t *testing.T, dir string, words ...string) {
	t.Helper()
	files := 0
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files++
		b, err := os.ReadFile(path)
		for _, word := range words {
			require.False(t, bytes.Contains(b, []byte(word)), "%s holds %q", path, word)
			require.NotContains(t, path, word)
		}
		return err
	}))
	require.Positive(t, files)
}

// What a release and its gateway keep, and writes that were cut short, leave
// nothing readable in the folder of an encrypted store.
func TestEncryptedStoreHoldsNoPlaintext(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "store")
	s := openStore(t, root, WithKeepers(testKeeper(t, 1)))
	r := openRepository(t, s, blobindex.NewMemory(), Options{NoCompression: true})
	var kept []Digest
	for _, content := range []string{
		secret,                        // a small report
		strings.Repeat(secret, 4_000), // a segment of the prediction log
		strings.Repeat(secret, 90_000) + strings.Repeat("x", 5), // a model beyond the memory spool
	} {
		ref, err := s.Put(t.Context(), strings.NewReader(content), "text/plain")
		require.NoError(t, err)
		kept = append(kept, ref.Digest)
		got, err := s.Read(t.Context(), ref.Digest, int64(len(content)))
		require.NoError(t, err)
		require.Equal(t, content, string(got))
	}
	tree := add(t, r, map[string][]byte{"train.csv": []byte(strings.Repeat(secret, 300_000)), "test.csv": []byte(secret)})

	// One that fails and one that is still at it.
	_, err := s.Put(t.Context(), io.MultiReader(strings.NewReader(strings.Repeat(secret, 90_000)), iotest.ErrReader(io.ErrUnexpectedEOF)), "")
	require.Error(t, err)
	looked := false
	_, err = s.Put(t.Context(), io.MultiReader(strings.NewReader(strings.Repeat(secret, 90_000)), readFunc(func([]byte) (int, error) {
		left, err := os.ReadDir(filepath.Join(root, tempDir))
		require.NoError(t, err)
		require.NotEmpty(t, left)
		requireNothingOf(t, root, secret, "train.csv", tree.Digest.Hex())
		looked = true
		return 0, io.EOF
	})), "")
	require.NoError(t, err)
	require.True(t, looked)

	requireNothingOf(t, root, secret, "train.csv", tree.Digest.Hex())
	for _, d := range kept {
		require.NoFileExists(t, filepath.Join(root, keyOf(d)))
	}
	plain := openStore(t, filepath.Join(t.TempDir(), "store"))
	_, err = plain.PutBytes(t.Context(), []byte(secret), "")
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(plain.name, keyOf(DigestOf([]byte(secret)))), "the search would find it")
}

// Turned on later, encryption covers what comes from then on, and all is read.
func TestEncryptionTurnedOnAndOff(t *testing.T) {
	t.Parallel()
	root, keeper := filepath.Join(t.TempDir(), "store"), WithKeepers(testKeeper(t, 1))
	before, after := openStore(t, root), openStore(t, root, keeper)
	old, err := before.PutBytes(t.Context(), noise(1, 3000), "")
	require.NoError(t, err)
	again, err := after.PutBytes(t.Context(), noise(1, 3000), "")
	require.NoError(t, err)
	require.Equal(t, old, again)
	require.NoFileExists(t, filepath.Join(root, sealedOf(old.Digest)), "what is there is not written again")
	require.NoError(t, after.Verify(t.Context(), old.Digest))

	fresh, err := after.PutBytes(t.Context(), noise(2, 3000), "")
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(root, sealedOf(fresh.Digest)))
	for op, err := range everyRead(t, before, fresh.Digest) {
		require.ErrorIs(t, err, ErrKey, op)
		require.NotErrorIs(t, err, ErrNotFound, op)
		require.NotErrorIs(t, err, ErrDamaged, op)
		require.ErrorContains(t, err, "no keeper is set", op)
	}
	same, err := before.PutBytes(t.Context(), noise(2, 3000), "")
	require.NoError(t, err)
	require.Equal(t, fresh, same, "without a key the size is known")
	require.NoFileExists(t, filepath.Join(root, keyOf(fresh.Digest)))

	// Both ways at once, as after merging two stores: listed once, and in order.
	b, err := after.Read(t.Context(), fresh.Digest, 3000)
	require.NoError(t, err)
	plant(t, before, keyOf(fresh.Digest), b)
	var want []Ref
	for i := range 20 {
		s := []*Store{before, after}[i%2]
		ref, err := s.PutBytes(t.Context(), noise(uint64(100+i), 10+i), "")
		require.NoError(t, err)
		want = append(want, ref)
	}
	want = append(want, old, fresh)
	slices.SortFunc(want, func(a, b Ref) int { return strings.Compare(string(a.Digest), string(b.Digest)) })
	for _, s := range []*Store{before, after} {
		require.Equal(t, want, listed(t, s))
	}
	for range after.List(t.Context()) {
		break
	}
	_, err = Open(t.Context(), root, WithKeepers(nil))
	require.ErrorContains(t, err, "keeper is nil")
}

// A torn copy in the one form is not left beside the whole one in the other.
func TestTornCopyInOtherForm(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "store")
	plain, sealed := openStore(t, root), openStore(t, root, WithKeepers(testKeeper(t, 1)))
	b := noise(1, 5000)
	d := DigestOf(b)
	plant(t, plain, keyOf(d), b[:100])
	_, err := sealed.PutBytes(t.Context(), b, "")
	require.NoError(t, err)
	require.NoError(t, sealed.Verify(t.Context(), d))
	require.NoFileExists(t, filepath.Join(root, keyOf(d)))

	key, stored := object(t, sealed, d)
	plant(t, sealed, key, stored[:200])
	_, err = plain.PutBytes(t.Context(), b, "")
	require.NoError(t, err)
	require.NoError(t, plain.Verify(t.Context(), d))
	require.NoFileExists(t, filepath.Join(root, sealedOf(d)))
	require.NoError(t, sealed.Verify(t.Context(), d))
}

// A data key that is gone or damaged is damage of the blob, and a Put mends the first.
func TestDataKeyOfBlob(t *testing.T) {
	t.Parallel()
	s := openStore(t, "mem://", WithKeepers(testKeeper(t, 1)))
	b := noise(1, 5000)
	ref, err := s.PutBytes(t.Context(), b, "")
	require.NoError(t, err)
	key := onlyKeyOf(t, s, ref.Digest)
	wrapped, err := s.readObject(t.Context(), key, maxWrapped)
	require.NoError(t, err)
	for at := range wrapped {
		bad := bytes.Clone(wrapped)
		bad[at] ^= 4
		plant(t, s, key, bad)
		requireDamaged(t, s, ref.Digest)
	}
	require.NoError(t, s.deleteObject(t.Context(), key))
	requireDamaged(t, s, ref.Digest)
	_, err = s.PutBytes(t.Context(), b, "")
	require.NoError(t, err)
	require.NoError(t, s.Verify(t.Context(), ref.Digest))
	require.NotEqual(t, key, onlyKeyOf(t, s, ref.Digest))
}

func keysOf(t *testing.T, s *Store, d Digest) (keys []string) {
	t.Helper()
	for e, err := range s.backend.list(t.Context(), sealedKeyPrefix) {
		require.NoError(t, err)
		of, _, ok := parseSealedKey(e.key)
		require.True(t, ok, e.key)
		if of == d {
			keys = append(keys, e.key)
		}
	}
	return keys
}

func onlyKeyOf(t *testing.T, s *Store, d Digest) string {
	t.Helper()
	keys := keysOf(t, s, d)
	require.Len(t, keys, 1)
	return keys[0]
}

// No bit of an encrypted blob may change, and no segment be moved, left out or
// taken from another blob.
func TestEncryptedBlobIsWhole(t *testing.T) {
	t.Parallel()
	s := openStore(t, "mem://", WithKeepers(testKeeper(t, 1)))
	const segment = sealSegment + sealOverhead
	content := noise(1, 3*sealSegment+50)
	ref, err := s.PutBytes(t.Context(), content, "")
	require.NoError(t, err)
	twin, err := s.PutBytes(t.Context(), noise(2, len(content)), "")
	require.NoError(t, err)
	key, b := object(t, s, ref.Digest)
	_, other := object(t, s, twin.Digest)
	require.Len(t, b, int(sealedSize(int64(len(content)))))
	segmentOf := func(b []byte, i int) []byte { return b[sealHeader+i*segment:][:segment] }
	bad := map[string][]byte{
		"swapped":      slices.Concat(b[:sealHeader], segmentOf(b, 1), segmentOf(b, 0), b[sealHeader+2*segment:]),
		"left out":     slices.Concat(b[:sealHeader], segmentOf(b, 0), b[sealHeader+2*segment:]),
		"doubled":      slices.Concat(b[:sealHeader], segmentOf(b, 0), segmentOf(b, 0), b[sealHeader+segment:]),
		"cut off":      b[:sealHeader+3*segment],
		"of another":   slices.Concat(b[:sealHeader], segmentOf(other, 0), b[sealHeader+segment:]),
		"another blob": other,
	}
	places := rangeOf(sealHeader)
	for i := range 3 {
		places = append(places, sealHeader+i*segment, sealHeader+(i+1)*segment-1, sealHeader+i*segment+1000)
	}
	for _, at := range append(places, len(b)-1, len(b)-20) {
		bad[fmt.Sprint("bit of byte ", at)] = slices.Concat(b[:at], []byte{b[at] ^ 0x20}, b[at+1:])
	}
	require.Greater(t, len(bad), 40)
	for name, bad := range bad {
		plant(t, s, key, bad)
		for op, err := range everyRead(t, s, ref.Digest) {
			require.ErrorIs(t, err, ErrDamaged, "%s: %s", name, op)
			require.ErrorContains(t, err, key, "%s: %s", name, op)
		}
	}
	plant(t, s, key, b)
	require.NoError(t, s.Verify(t.Context(), ref.Digest))
}

func TestSealedSize(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{0, 1, sealSegment - 1, sealSegment, sealSegment + 1, 2 * sealSegment, 10 << 30} {
		got, ok := contentSize(sealedSize(size))
		require.True(t, ok, size)
		require.Equal(t, size, got)
	}
	for _, stored := range []int64{0, 1, sealHeader, sealHeader + sealOverhead - 1, sealHeader + sealSegment + sealOverhead + 1, sealHeader + sealSegment + 2*sealOverhead} {
		_, ok := contentSize(stored)
		require.False(t, ok, stored)
	}
}

// A data key that no blob uses is collected, once it is old; the one in use is not.
func TestCollectDataKeys(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "store")
	s := openStore(t, root, WithKeepers(testKeeper(t, 1)))
	r := openRepository(t, s, blobindex.NewMemory(), Options{})
	used, err := s.PutBytes(t.Context(), noise(1, 100), "")
	require.NoError(t, err)
	both, err := s.PutBytes(t.Context(), noise(2, 100), "")
	require.NoError(t, err)
	current := onlyKeyOf(t, s, both.Digest)
	killed := DigestOf([]byte("its writer was killed before the blob"))
	for _, d := range []Digest{both.Digest, killed} {
		e, err := s.newSeal(t.Context())
		require.NoError(t, err)
		require.NoError(t, e.keep(t.Context(), s, d))
	}
	collect := func(dry bool) int64 {
		done, err := r.GC(t.Context(), roots(), GCOptions{Grace: -1, DryRun: dry})
		require.NoError(t, err)
		return done.Orphans
	}
	require.Zero(t, collect(false), "a Put may be under way")
	for e, err := range s.backend.list(t.Context(), sealedKeyPrefix) {
		require.NoError(t, err)
		old := time.Now().Add(-sealedKeyAge - time.Hour)
		require.NoError(t, os.Chtimes(filepath.Join(root, e.key), old, old))
	}
	require.EqualValues(t, 2, collect(true))
	require.EqualValues(t, 2, collect(false))
	require.Zero(t, collect(false))
	require.Equal(t, current, onlyKeyOf(t, s, both.Digest))
	require.Empty(t, keysOf(t, s, killed))
	for _, ref := range []Ref{used, both} {
		require.NoError(t, s.Verify(t.Context(), ref.Digest))
	}
}

// sealedGolden are blobs as version 1 of the format keeps them, encrypted.
func sealedGolden() map[string][]byte {
	return map[string][]byte{"empty": {}, "text": []byte(secret), "segments": bytes.Repeat([]byte(secret), sealSegment/20), "raw": noise(1, 300)}
}

// TestSealedGolden reads what version 1 wrote. To write files of a new version,
// never of an old one: SLIPWAY_WRITE_GOLDEN=1 go test -run TestSealedGolden.
func TestSealedGolden(t *testing.T) {
	t.Parallel()
	dir, keeper := filepath.Join(goldenDir, "v1", "blobs"), WithKeepers(testKeeper(t, 42))
	if os.Getenv("SLIPWAY_WRITE_GOLDEN") != "" {
		require.NoDirExists(t, dir)
		s := openStore(t, dir, keeper)
		for _, b := range sealedGolden() {
			_, err := s.PutBytes(t.Context(), b, "")
			require.NoError(t, err)
		}
	}
	root := t.TempDir() // opening a store makes folders that version control does not keep
	require.NoError(t, os.CopyFS(root, os.DirFS(dir)))
	s := openStore(t, root, keeper)
	for name, b := range sealedGolden() {
		got, err := s.Read(t.Context(), DigestOf(b), int64(len(b)))
		require.NoError(t, err, name)
		require.True(t, bytes.Equal(b, got), name)
		require.FileExists(t, filepath.Join(root, sealedOf(DigestOf(b))), name)
	}
	require.Len(t, listed(t, s), len(sealedGolden()))
}

// FuzzSealed reads any bytes as an encrypted blob: none but the right ones are its content.
func FuzzSealed(f *testing.F) {
	id := newSealID()
	key, err := newSealKey(id, bytes.Repeat([]byte{7}, dataKeySize))
	require.NoError(f, err)
	valid := map[string]bool{}
	for _, n := range []int{0, 1, sealSegment, 2*sealSegment + 9} {
		b, err := key.seal(noise(1, n))
		require.NoError(f, err)
		valid[string(b)] = true
	}
	for b := range maps.Keys(valid) {
		f.Add([]byte(b))
		f.Add([]byte(b)[:len(b)-1])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		size, ok := contentSize(int64(len(b)))
		got, err := parseSealHeader(b)
		if !ok || err != nil || got != id {
			return
		}
		content, err := io.ReadAll(key.unseal(bytes.NewReader(b[sealHeader:]), size))
		if err == nil && !valid[string(b)] {
			t.Fatalf("%d bytes were taken for %d of content", len(b), len(content))
		}
		if err != nil && !errors.Is(err, ErrDamaged) {
			t.Fatal(err)
		}
	})
}
