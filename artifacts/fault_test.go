package artifacts

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts/s3test"
)

// faultyS3 is a real S3 server behind a proxy that misbehaves on demand.
type faultyS3 struct {
	url   string                          // of a store behind the proxy
	fault atomic.Pointer[faultyTransport] // nil: none
}

// faultyTransport stands between proxy and server.
type faultyTransport func(*http.Request) (*http.Response, error)

func startFaultyS3(t *testing.T) *faultyS3 {
	t.Helper()
	direct, err := url.Parse(s3test.Start(t))
	require.NoError(t, err)
	q := direct.Query()
	backend, err := url.Parse(q.Get("endpoint"))
	require.NoError(t, err)
	f := &faultyS3{}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(backend)
			r.Out.Host = r.In.Host // it is signed
		},
		Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			if fault := f.fault.Load(); fault != nil {
				return (*fault)(r)
			}
			return transport.RoundTrip(r)
		}),
		ErrorLog:     log.New(io.Discard, "", 0), // the faults are wanted
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	})
	t.Cleanup(proxy.Close)
	q.Set("endpoint", proxy.URL)
	direct.RawQuery = q.Encode()
	f.url = direct.String()
	return f
}

func (f *faultyS3) fail(fault faultyTransport) { f.fault.Store(&fault) }

// onBody passes requests on and lets change replace the body of each answer.
func onBody(change func(*http.Request, io.ReadCloser) io.ReadCloser) faultyTransport {
	return func(r *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err == nil && r.Method == http.MethodGet {
			resp.Body = change(r, resp.Body)
		}
		return resp, err
	}
}

func TestS3Faults(t *testing.T) {
	t.Parallel()
	const stall = 2 * time.Second // long enough for a busy machine to move a byte
	f := startFaultyS3(t)
	patient, hasty := openStore(t, f.url), openStore(t, f.url, WithStallTimeout(stall))
	b := noise(40, 3*spoolMemory)
	ref, err := patient.PutBytes(t.Context(), b, "")
	require.NoError(t, err)

	silent := func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	unavailable := func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	}
	flipped := onBody(func(_ *http.Request, body io.ReadCloser) io.ReadCloser {
		return readBody{readFunc(func(p []byte) (int, error) {
			n, err := body.Read(p)
			if n > 0 {
				p[n-1] ^= 1
			}
			return n, err
		}), body}
	})
	cut := onBody(func(_ *http.Request, body io.ReadCloser) io.ReadCloser {
		return readBody{io.MultiReader(io.LimitReader(body, spoolMemory), iotest.ErrReader(errors.New("cut"))), body}
	})
	frozen := onBody(func(r *http.Request, body io.ReadCloser) io.ReadCloser {
		return readBody{io.MultiReader(io.LimitReader(body, spoolMemory), readFunc(func([]byte) (int, error) {
			<-r.Context().Done()
			return 0, io.ErrClosedPipe
		})), body}
	})
	for name, c := range map[string]struct {
		store *Store
		fault faultyTransport
		says  string
	}{
		"silent":      {hasty, silent, "moved no byte for 2s"},
		"unavailable": {patient, unavailable, "StatusCode: 503"},
		"flipped":     {patient, flipped, ErrDamaged.Error()},
		"cut":         {patient, cut, "unexpected EOF"},
		"frozen":      {hasty, frozen, "moved no byte for 2s"},
	} {
		f.fail(c.fault)
		for op, err := range readsAtOnce(t, c.store, ref.Digest) {
			require.ErrorContains(t, err, c.says, "%s: %s", name, op)
			require.ErrorContains(t, err, string(ref.Digest), "%s: %s", name, op)
			require.NotErrorIs(t, err, ErrNotFound, "%s: %s", name, op)
			require.Equal(t, name == "flipped", errors.Is(err, ErrDamaged), "%s: %s: %v", name, op, err)
		}
	}

	for name, c := range map[string]struct {
		store *Store
		fault faultyTransport
		says  string
	}{
		"silent":      {hasty, silent, "moved no byte for 2s"},
		"unavailable": {patient, unavailable, "StatusCode: 503"},
	} {
		f.fail(c.fault)
		var put, list, open error
		var group sync.WaitGroup
		group.Go(func() { _, put = c.store.PutBytes(t.Context(), noise(41, 2*spoolMemory), "") })
		group.Go(func() {
			for _, err := range c.store.List(t.Context()) {
				list = err
			}
		})
		group.Go(func() { _, open = Open(t.Context(), f.url, WithStallTimeout(c.store.opts.stall)) })
		group.Wait()
		for _, err := range []error{put, list, open} {
			require.ErrorContains(t, err, c.says, name)
		}
		require.ErrorContains(t, put, "check that s3://", name)
		require.ErrorContains(t, open, "check that s3://", name)
	}

	f.fault.Store(nil)
	require.NoError(t, patient.Verify(t.Context(), ref.Digest), "well again once the server is")
	_, err = patient.PutBytes(t.Context(), noise(41, 2*spoolMemory), "")
	require.NoError(t, err)
}

// readsAtOnce is everyRead for a store that lets each of them wait.
func readsAtOnce(t *testing.T, s *Store, d Digest) map[string]error {
	t.Helper()
	var verify, read, open, fetch error
	var group sync.WaitGroup
	group.Go(func() { verify = s.Verify(t.Context(), d) })
	group.Go(func() { _, read = s.Read(t.Context(), d, 1<<30) })
	group.Go(func() {
		var r io.ReadCloser
		if r, open = s.Open(t.Context(), d); open == nil {
			_, open = io.Copy(io.Discard, r)
			_ = r.Close() // what reading said is what counts
		}
	})
	out := filepath.Join(t.TempDir(), "out")
	group.Go(func() { fetch = s.Fetch(t.Context(), d, out) })
	group.Wait()
	return map[string]error{"verify": verify, "read": read, "open": open, "fetch": fetch}
}

// A deadline of the caller is reported as what it is.
func TestS3Deadline(t *testing.T) {
	t.Parallel()
	f := startFaultyS3(t)
	s := openStore(t, f.url)
	f.fail(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := s.PutBytes(ctx, []byte("x"), "")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// A reader that its owner leaves idle is not stalled.
func TestIdleReaderIsNotStalled(t *testing.T) {
	t.Parallel()
	w := watch(t.Context(), time.Nanosecond)
	defer w.end()
	<-w.ctx.Done()

	w = watch(t.Context(), time.Hour)
	defer w.end()
	w.pause()
	require.False(t, w.timer.Stop(), "the clock stands while nobody reads")
	w.moved()
	require.True(t, w.timer.Stop(), "and goes on when somebody does")
}

func TestS3MissingBucketAndCredentials(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(s3test.Start(t))
	require.NoError(t, err)
	u.Host = "no-such-bucket"
	_, err = Open(t.Context(), u.String())
	require.ErrorContains(t, err, "no-such-bucket")
	require.ErrorContains(t, err, "create it first")

	u.Host = s3test.Bucket
	u.RawQuery += "&anonymous=true"
	_, err = Open(t.Context(), u.String())
	require.ErrorContains(t, err, "check the credentials")

	_, err = Open(t.Context(), "s3://bucket?no_such_option=1")
	require.ErrorContains(t, err, "no_such_option")

	_, err = Open(t.Context(), "s3://bucket?region=us-east-1&use_path_style=true&endpoint=http://127.0.0.1:1")
	require.ErrorContains(t, err, "connection refused")
}

func TestUnreadableSpoolIsNotUploaded(t *testing.T) {
	t.Parallel()
	s := openStore(t, "mem://")
	sp, err := newSpool(t.Context(), io.LimitReader(zeros{}, 2*spoolMemory), spoolPlace{dir: t.TempDir(), keepName: true}, testMaxSize, func() (*seal, error) { return nil, nil })
	require.NoError(t, err)
	defer sp.discard()
	require.NoError(t, sp.file.Close())
	require.Error(t, s.store(t.Context(), sp, ""))
	require.Empty(t, listed(t, s))
	require.FileExists(t, filepath.Clean(sp.file.Name()))
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

type readBody struct {
	io.Reader
	io.Closer
}
