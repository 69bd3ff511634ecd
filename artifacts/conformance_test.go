package artifacts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts/s3test"
)

// conformance holds what every store promises, whatever it is made of. Each
// case gets an empty store.
var conformance = map[string]func(t *testing.T, s *Store){
	"round trip":             testRoundTrip,
	"put is idempotent":      testIdempotent,
	"concurrent puts":        testConcurrentPuts,
	"expected digest":        testPutExpect,
	"not found":              testNotFound,
	"bad digest":             testBadDigest,
	"bad media type":         testBadMediaType,
	"list":                   testList,
	"list passes over junk":  testListForeign,
	"list stops early":       testListStops,
	"read is bounded":        testReadBounded,
	"size limit":             testSizeLimit,
	"failing source":         testFailingSource,
	"bit flip":               testBitFlip,
	"truncated":              testTruncated,
	"extended":               testExtended,
	"wrong size is replaced": testWrongSizeReplaced,
	"fetch":                  testFetch,
	"fetch errors":           testFetchErrors,
	"context cancelled":      testCancelled,
	"cancelled mid-read":     testCancelledReading,
	"closed":                 testClosed,
}

func TestFolderStore(t *testing.T) {
	t.Parallel()
	runConformance(t, func(t *testing.T) string { return "file://" + filepath.Join(t.TempDir(), "new", "store") })
}

func TestMemoryStore(t *testing.T) {
	t.Parallel()
	runConformance(t, func(*testing.T) string { return "mem://" })
}

func TestS3Store(t *testing.T) {
	t.Parallel()
	bucket := s3test.Start(t)
	runConformance(t, func(t *testing.T) string {
		return bucket + "&prefix=" + DigestOf([]byte(t.Name())).Hex() + "/"
	})
}

func runConformance(t *testing.T, url func(*testing.T) string) {
	t.Helper()
	t.Run("suite", func(t *testing.T) { // ends when its parallel cases have
		for mode, o := range modes(t, 1) {
			for name, test := range conformance {
				t.Run(mode+"/"+name, func(t *testing.T) {
					t.Parallel()
					test(t, openStore(t, url(t), append(o, WithMaxSize(testMaxSize))...))
				})
			}
		}
	})
}

const testMaxSize = 24 << 20

func openStore(t *testing.T, url string, opts ...Option) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() }) // a test may have closed it
	return s
}

// noise returns n bytes that differ by seed and do not compress.
func noise(seed uint64, n int) []byte {
	var key [32]byte
	copy(key[:], fmt.Sprintf("%032d", seed))
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(key).Read(b)
	return b
}

// sizes surround the limits of the code: empty, a segment of an encrypted blob,
// the memory spool, an S3 part.
var sizes = []int{0, 1, 511, 512, sealSegment - 1, sealSegment, sealSegment + 1, 2 * sealSegment, spoolMemory - 1, spoolMemory, spoolMemory + 1, 8<<20 - 1, 8 << 20, 17<<20 + 3}

func testRoundTrip(t *testing.T, s *Store) {
	for i, n := range sizes {
		b := noise(uint64(i), n)
		// The last bytes come together with io.EOF, which is legal.
		ref, err := s.Put(t.Context(), iotest.DataErrReader(bytes.NewReader(b)), "application/vnd.onnx")
		require.NoError(t, err)
		require.Equal(t, Ref{Digest: DigestOf(b), Size: int64(n), MediaType: "application/vnd.onnx"}, ref)

		got, err := s.Read(t.Context(), ref.Digest, int64(n))
		require.NoError(t, err)
		require.True(t, bytes.Equal(b, got), "size %d", n)

		if n <= 512 { // it reads byte by byte
			r, err := s.Open(t.Context(), ref.Digest)
			require.NoError(t, err)
			require.NoError(t, iotest.TestReader(r, b), "size %d", n)
			require.NoError(t, r.Close())
		}

		stat, err := s.Stat(t.Context(), ref.Digest)
		require.NoError(t, err)
		require.Equal(t, Ref{Digest: ref.Digest, Size: int64(n)}, stat)
		require.NoError(t, s.Verify(t.Context(), ref.Digest))
	}
}

func testIdempotent(t *testing.T, s *Store) {
	for _, n := range []int{100, spoolMemory + 100} {
		b := noise(1, n)
		first, err := s.PutBytes(t.Context(), b, "text/csv")
		require.NoError(t, err)
		key := s.places(first.Digest)[0].key
		before, err := s.bucket.Attributes(t.Context(), key)
		require.NoError(t, err)
		second, err := s.PutBytes(t.Context(), b, "")
		require.NoError(t, err)
		require.Equal(t, Ref{Digest: first.Digest, Size: first.Size}, second, "the media type belongs to the reference")
		after, err := s.bucket.Attributes(t.Context(), key)
		require.NoError(t, err)
		require.Equal(t, before.ModTime, after.ModTime, "not written again")
	}
}

func testConcurrentPuts(t *testing.T, s *Store) {
	for _, n := range []int{3000, spoolMemory + 3000} {
		b := noise(2, n)
		want := Ref{Digest: DigestOf(b), Size: int64(n)}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				got, err := s.PutBytes(t.Context(), b, "")
				if err == nil {
					err = s.Verify(t.Context(), got.Digest)
				}
				if err != nil || got != want {
					t.Errorf("put: got %v, %v", got, err)
				}
			})
		}
		wg.Wait()
		require.NoError(t, s.Verify(t.Context(), want.Digest))
	}
	require.Len(t, listed(t, s), 2)
}

func testPutExpect(t *testing.T, s *Store) {
	b := noise(3, 2000)
	ref, err := s.PutExpect(t.Context(), bytes.NewReader(b), DigestOf(b), "")
	require.NoError(t, err)
	require.Equal(t, DigestOf(b), ref.Digest)

	other := DigestOf([]byte("other"))
	_, err = s.PutExpect(t.Context(), bytes.NewReader(b[:1999]), other, "")
	require.ErrorIs(t, err, ErrMismatch)
	require.ErrorContains(t, err, string(other))
	require.ErrorContains(t, err, string(DigestOf(b[:1999])))
	_, err = s.Stat(t.Context(), DigestOf(b[:1999]))
	require.ErrorIs(t, err, ErrNotFound, "refused bytes are not stored")
	_, err = s.PutExpect(t.Context(), bytes.NewReader(b), "sha256:12", "")
	require.ErrorContains(t, err, "parse digest")
}

func testNotFound(t *testing.T, s *Store) {
	d := DigestOf([]byte("never stored"))
	for op, err := range everyRead(t, s, d) {
		require.ErrorIs(t, err, ErrNotFound, op)
		require.NotErrorIs(t, err, ErrDamaged, op)
		var e *Error
		require.ErrorAs(t, err, &e, op)
		require.Equal(t, d, e.Digest, op)
		require.NotEmpty(t, e.Hint, op)
	}
	_, err := s.Stat(t.Context(), d)
	require.ErrorIs(t, err, ErrNotFound)
}

func testBadDigest(t *testing.T, s *Store) {
	for _, d := range []Digest{"", "sha256:", "../../etc/passwd", Digest("sha256:" + strings.Repeat("../", 21) + "x"), "sha512:00"} {
		for op, err := range everyRead(t, s, d) {
			require.ErrorContains(t, err, "parse digest", op)
		}
		_, err := s.Stat(t.Context(), d)
		require.ErrorContains(t, err, "parse digest")
	}
}

func testBadMediaType(t *testing.T, s *Store) {
	_, err := s.PutBytes(t.Context(), []byte("x"), "text/csv\r\nx-evil: 1")
	require.ErrorContains(t, err, "media type")
	require.Empty(t, listed(t, s))
}

func testList(t *testing.T, s *Store) {
	require.Empty(t, listed(t, s))
	var want []Ref
	for i := range 30 {
		ref, err := s.PutBytes(t.Context(), noise(uint64(i), 10+i), "text/plain")
		require.NoError(t, err)
		want = append(want, Ref{Digest: ref.Digest, Size: ref.Size})
	}
	slices.SortFunc(want, func(a, b Ref) int { return strings.Compare(string(a.Digest), string(b.Digest)) })
	require.Equal(t, want, listed(t, s))
}

func testListForeign(t *testing.T, s *Store) {
	ref, err := s.PutBytes(t.Context(), []byte("blob"), "")
	require.NoError(t, err)
	for _, key := range []string{keyOf(ref.Digest) + ".18a5b2.tmp", "cas/sha256/readme", "cas/sha256/00/00/" + ref.Digest.Hex(), sealedOf(ref.Digest) + "~", "sealed/sha256/00/00/" + ref.Digest.Hex(), "notes", "tmp/put-x.tmp"} {
		plant(t, s, key, []byte("junk"))
	}
	require.Equal(t, []Ref{{Digest: ref.Digest, Size: 4}}, listed(t, s))
}

func testListStops(t *testing.T, s *Store) {
	for i := range 3 {
		_, err := s.PutBytes(t.Context(), noise(uint64(i), 5), "")
		require.NoError(t, err)
	}
	n := 0
	for _, err := range s.List(t.Context()) {
		require.NoError(t, err)
		n++
		break
	}
	require.Equal(t, 1, n)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range s.List(ctx) {
		require.ErrorIs(t, err, context.Canceled)
		n++
	}
	require.Equal(t, 2, n, "the error is yielded once")
}

func testReadBounded(t *testing.T, s *Store) {
	ref, err := s.PutBytes(t.Context(), noise(4, 1000), "")
	require.NoError(t, err)
	_, err = s.Read(t.Context(), ref.Digest, 999)
	require.ErrorIs(t, err, ErrTooLarge)
	require.ErrorContains(t, err, "1000 bytes, at most 999")
	_, err = s.Read(t.Context(), ref.Digest, 1000)
	require.NoError(t, err)
}

func testSizeLimit(t *testing.T, s *Store) {
	_, err := s.Put(t.Context(), io.LimitReader(zeros{}, testMaxSize+1), "")
	require.ErrorIs(t, err, ErrTooLarge)
	require.ErrorContains(t, err, fmt.Sprintf("the limit of %d bytes", testMaxSize))
	_, err = s.Put(t.Context(), zeros{}, "")
	require.ErrorIs(t, err, ErrTooLarge, "an endless source ends too")
	require.Empty(t, listed(t, s))
	_, err = s.Put(t.Context(), io.LimitReader(zeros{}, testMaxSize), "")
	require.NoError(t, err)
}

func testFailingSource(t *testing.T, s *Store) {
	broken := errors.New("cable pulled")
	for _, n := range []int64{0, 10, spoolMemory + 10} {
		_, err := s.Put(t.Context(), io.MultiReader(io.LimitReader(zeros{}, n), iotest.ErrReader(broken)), "")
		require.ErrorIs(t, err, broken)
		require.ErrorContains(t, err, "read source")
	}
	require.Empty(t, listed(t, s))
}

func testCancelled(t *testing.T, s *Store) {
	ref, err := s.PutBytes(t.Context(), []byte("there"), "")
	require.NoError(t, err)
	why := errors.New("release aborted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	_, err = s.PutBytes(ctx, []byte("not there"), "")
	require.ErrorIs(t, err, why)
	_, err = s.Read(ctx, ref.Digest, 100)
	require.ErrorIs(t, err, why)
	require.ErrorIs(t, s.Verify(ctx, ref.Digest), why)
	require.ErrorIs(t, s.Fetch(ctx, ref.Digest, filepath.Join(t.TempDir(), "f")), why)

	// Cancelled while the source is read, in memory and in a file.
	for _, n := range []int{10, spoolMemory + 10} {
		ctx, cancel := context.WithCancel(t.Context())
		b := noise(11, n)
		_, err = s.Put(ctx, io.MultiReader(bytes.NewReader(b), readFunc(func([]byte) (int, error) { cancel(); return 0, nil })), "")
		require.ErrorIs(t, err, context.Canceled)
		_, err = s.Stat(t.Context(), DigestOf(b))
		require.ErrorIs(t, err, ErrNotFound)
	}
	require.Equal(t, []Ref{{Digest: ref.Digest, Size: 5}}, listed(t, s))
}

func testCancelledReading(t *testing.T, s *Store) {
	ref, err := s.PutBytes(t.Context(), noise(12, 4*spoolMemory), "")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := s.Open(ctx, ref.Digest)
	require.NoError(t, err)
	_, err = io.ReadFull(r, make([]byte, 1000))
	require.NoError(t, err)
	cancel()
	_, err = io.Copy(io.Discard, r)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, r.Close())
}

func testClosed(t *testing.T, s *Store) {
	ref, err := s.PutBytes(t.Context(), []byte("x"), "")
	require.NoError(t, err)
	require.NoError(t, s.Close())
	_, err = s.PutBytes(t.Context(), []byte("y"), "")
	require.ErrorContains(t, err, "closed")
	for op, err := range everyRead(t, s, ref.Digest) {
		require.ErrorContains(t, err, "closed", op)
		require.NotErrorIs(t, err, ErrNotFound, op)
	}
}

// everyRead returns what each way to read d fails with.
func everyRead(t *testing.T, s *Store, d Digest) map[string]error {
	t.Helper()
	errs := map[string]error{"verify": s.Verify(t.Context(), d)}
	_, errs["read"] = s.Read(t.Context(), d, 1<<30)
	r, err := s.Open(t.Context(), d)
	if err == nil {
		_, err = io.Copy(io.Discard, r)
		require.NoError(t, r.Close())
	}
	errs["open"] = err
	errs["fetch"] = s.Fetch(t.Context(), d, filepath.Join(t.TempDir(), "out"))
	return errs
}

func listed(t *testing.T, s *Store) (refs []Ref) {
	t.Helper()
	for ref, err := range s.List(t.Context()) {
		require.NoError(t, err)
		refs = append(refs, ref)
	}
	return refs
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }
