package artifacts

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/artifacts/blobindex"
)

// A slow or failing S3 server makes a clear error, and success when it is well again.
func TestRepositoryOnFaultyS3(t *testing.T) {
	t.Parallel()
	f := startFaultyS3(t)
	keeper := WithKeepers(testKeeper(t, 1))
	patient := openRepository(t, openStore(t, f.url, keeper), blobindex.NewMemory(), Options{})
	r := openRepository(t, openStore(t, f.url, keeper, WithStallTimeout(2*time.Second)), patient.index, patient.opts)
	kept := map[string][]byte{"a": noise(1, 1000)}
	old := add(t, patient, kept)
	fresh := openRepository(t, r.store, r.index, r.opts)
	files := sample()
	dir := folderOf(t, files)
	for says, fault := range map[string]faultyTransport{
		"moved no byte for 2s": func(r *http.Request) (*http.Response, error) {
			if r.Body != nil { // or the proxy does not see that the client has gone
				_, _ = io.Copy(io.Discard, r.Body)
			}
			<-r.Context().Done()
			return nil, r.Context().Err()
		},
		"StatusCode: 403": func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
		},
	} {
		f.fail(fault)
		_, err := r.Add(t.Context(), dir, nil)
		require.ErrorContains(t, err, says)
		require.ErrorContains(t, err, "s3://")
		require.ErrorContains(t, fresh.Get(t.Context(), old.Digest, nil, t.TempDir(), nil), says)
		_, err = fresh.Verify(t.Context(), roots(old.Digest), func(d Damage) { t.Errorf("not to be reached is no damage: %v", d.Err) }, nil)
		require.ErrorContains(t, err, says)
		_, err = fresh.GC(t.Context(), roots(old.Digest), GCOptions{Grace: -1})
		require.ErrorContains(t, err, says)
	}
	f.fault.Store(nil)
	requireTree(t, patient, old.Digest, kept)
	tree, err := patient.Add(t.Context(), dir, nil)
	require.NoError(t, err)
	requireTree(t, patient, tree.Digest, files)
	requireSound(t, patient, old.Digest, tree.Digest)
}
