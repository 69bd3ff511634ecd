package control_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/control"
)

func TestBlobRoundTrip(t *testing.T) {
	t.Parallel()
	d := deploy(t, nil)
	content := strings.Repeat("0123456789", 1<<16)
	digest := string(artifacts.DigestOf([]byte(content)))

	there, err := d.client.HasBlob(t.Context(), digest)
	require.NoError(t, err)
	require.False(t, there)
	require.NoError(t, d.client.PutBlob(t.Context(), digest, int64(len(content)), "text/csv", strings.NewReader(content)))
	there, err = d.client.HasBlob(t.Context(), digest)
	require.NoError(t, err)
	require.True(t, there)
	r, err := d.client.OpenBlob(t.Context(), digest)
	require.NoError(t, err)
	defer r.Close()
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, content, string(got))
}

func TestBlobThatIsThereIsNotReadAgain(t *testing.T) {
	t.Parallel()
	d := deploy(t, nil)
	ref, err := d.store.PutBytes(t.Context(), []byte("here"), "")
	require.NoError(t, err)
	// A body that fails when it is read shows that nobody reads it.
	require.NoError(t, d.client.PutBlob(t.Context(), string(ref.Digest), ref.Size, "", unreadable{}))
}

type unreadable struct{}

func (unreadable) Read([]byte) (int, error) { return 0, errors.New("the body was read") }

func TestBlobOfAnotherDigestIsRefused(t *testing.T) {
	t.Parallel()
	d := deploy(t, nil)
	digest := artifacts.DigestOf([]byte("the right bytes"))
	err := d.client.PutBlob(t.Context(), string(digest), 9, "", strings.NewReader("the wrong"))
	require.ErrorContains(t, err, "does not match")
	_, err = d.store.Stat(t.Context(), digest)
	require.ErrorIs(t, err, artifacts.ErrNotFound)
}

func TestBlobThatIsTooLargeIsRefused(t *testing.T) {
	t.Parallel()
	d := deploy(t, func(c *control.Config) { c.MaxUpload = 8 })
	big := "more than eight bytes"
	digest := artifacts.DigestOf([]byte(big))
	err := d.client.PutBlob(t.Context(), string(digest), int64(len(big)), "", strings.NewReader(big))
	require.ErrorContains(t, err, "at most 8")
	// One that does not say how large it is.
	err = d.client.PutBlob(t.Context(), string(digest), -1, "", io.MultiReader(strings.NewReader(big)))
	require.ErrorContains(t, err, "more than 8 bytes")
	_, err = d.store.Stat(t.Context(), digest)
	require.ErrorIs(t, err, artifacts.ErrNotFound)
}

func TestDamagedBlobBreaksTheConnection(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store, err := artifacts.Open(t.Context(), dir)
	require.NoError(t, err)
	defer store.Close()
	d := deploy(t, func(c *control.Config) { c.Store = store })
	ref, err := store.PutBytes(t.Context(), []byte("precious"), "")
	require.NoError(t, err)
	hex := ref.Digest.Hex()
	path := filepath.Join(dir, "cas", "sha256", hex[:2], hex[2:4], hex)
	require.NoError(t, os.Chmod(path, 0o600))
	require.NoError(t, os.WriteFile(path, []byte("pRecious"), 0o600))
	r, err := d.client.OpenBlob(t.Context(), string(ref.Digest))
	if err == nil { // the break may come before or after the header
		defer r.Close()
		_, err = io.ReadAll(r)
	}
	require.Error(t, err)
}

// Whatever stands in the path: it is a blob that there is, or a clear answer, never a failure.
func FuzzBlobPath(f *testing.F) {
	store, err := artifacts.Open(f.Context(), "mem://")
	require.NoError(f, err)
	f.Cleanup(func() { store.Close() })
	there, err := store.PutBytes(f.Context(), []byte("{}"), "")
	require.NoError(f, err)
	cat, err := catalog.Open(f.Context(), filepath.Join(f.TempDir(), "slipway.db"))
	require.NoError(f, err)
	f.Cleanup(func() { cat.Close() })
	api, err := control.New(control.Config{Catalog: cat, Store: store, Data: library(f, cat, store), Log: slog.New(slog.DiscardHandler)})
	require.NoError(f, err)
	handler := api.Handler()
	for _, seed := range []string{string(there.Digest), "sha256:" + strings.Repeat("a", 64), "sha256:../../../etc/passwd", "sha256:" + strings.Repeat("A", 64), "..", "%2e", "a/b", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, path := range []string{"/api/v1/blobs/", "/reports/"} {
			r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1"+path+url.PathEscape(text), http.NoBody)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code >= 500 || w.Code == http.StatusOK && text != string(there.Digest) {
				t.Fatalf("%q answers %d: %s", text, w.Code, w.Body)
			}
		}
	})
}
