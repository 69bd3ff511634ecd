package artifacts

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// onUpload lets change replace the bodies that are sent.
func onUpload(change func(*http.Request, io.ReadCloser) io.Reader) faultyTransport {
	return func(r *http.Request) (*http.Response, error) {
		if r.Body != nil && r.ContentLength > 0 {
			r.Body = readBody{change(r, r.Body), r.Body}
		}
		return http.DefaultTransport.RoundTrip(r)
	}
}

// throttle lets so many bytes through in a second, over all bodies.
type throttle struct {
	rate   int
	mu     sync.Mutex
	begun  time.Time
	passed int64
}

func (l *throttle) total() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.passed
}

func (l *throttle) read(body io.Reader, p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.begun.IsZero() {
		l.begun = time.Now()
	}
	const piece = 16 << 10
	if ahead := time.Duration(l.passed)*time.Second/time.Duration(l.rate) - time.Since(l.begun); ahead > 0 {
		<-time.After(ahead)
	}
	n, err := body.Read(p[:min(len(p), piece)])
	l.passed += int64(n)
	return n, err
}

// A server that takes some megabytes a second is waited for, even where the parts of an upload, which the SDK
// takes up at once, need longer than a server may be silent. What the kernel holds of
// a connection takes it two seconds.
func TestSlowS3(t *testing.T) {
	t.Parallel()
	const stall, size = 4 * time.Second, 12 << 20
	f := startFaultyS3(t)
	r := openRepository(t, openStore(t, f.url, WithStallTimeout(stall)), blobindex.NewMemory(), Options{})
	slow := &throttle{rate: 3 << 19}
	f.fail(onUpload(func(_ *http.Request, body io.ReadCloser) io.Reader {
		return readFunc(func(p []byte) (int, error) { return slow.read(body, p) })
	}))
	files := map[string][]byte{"a": noise(1, size/2), "b": noise(2, size/2)}
	tree := add(t, r, files)
	require.Greater(t, slow.total(), int64(stall/time.Second)*int64(slow.rate), "it took longer than a server may be silent")
	requireTree(t, r, tree.Digest, files)
}

// A server that stops in the middle of an upload ends it with an error that says so, and
// the same data is added once the server is well.
func TestS3StallsMidUpload(t *testing.T) {
	t.Parallel()
	f := startFaultyS3(t)
	r := openRepository(t, openStore(t, f.url, WithStallTimeout(2*time.Second)), blobindex.NewMemory(), Options{})
	given := make(chan struct{})
	f.fail(onUpload(func(_ *http.Request, body io.ReadCloser) io.Reader {
		return io.MultiReader(io.LimitReader(body, 100<<10), readFunc(func([]byte) (int, error) {
			<-given
			return 0, errors.New("given up")
		}))
	}))
	files := map[string][]byte{"a": noise(1, 20<<20), "b": noise(2, 300<<10)}
	dir := folderOf(t, files)
	_, err := r.Add(t.Context(), dir, nil)
	close(given)
	require.ErrorContains(t, err, "moved no byte for 2s")
	require.ErrorContains(t, err, "check that s3://")
	f.fault.Store(nil)
	tree, err := r.Add(t.Context(), dir, nil)
	require.NoError(t, err)
	requireTree(t, r, tree.Digest, files)
	requireSound(t, r, tree.Digest)
}
