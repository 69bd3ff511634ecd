package gateway

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// packed is n spaces, compressed.
func packed(t testing.TB, n int, compress func(io.Writer) io.WriteCloser) string {
	t.Helper()
	var b bytes.Buffer
	z := compress(&b)
	_, err := z.Write(bytes.Repeat([]byte{' '}, n))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.String()
}

// What a small body becomes when it is read counts before it is there: what it is decompressed to, and the values of its JSON.
func TestWhatRequestsBecomeIsBounded(t *testing.T) {
	t.Parallel()
	const limit = 2 << 20
	w := newWorld(t)
	w.promote(t, w.stage(t, "1.0.0"))
	g := w.start(t, t.TempDir(), func(c *Config) { c.MaxHeld = limit })
	g.await(t, "1.0.0", 0)
	gzipped := packed(t, limit+1, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })
	deflated := packed(t, limit+1, func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) })
	pairs := strings.Repeat(`"key":1,`, limit/100)
	for name, c := range map[string]struct {
		path, body string
		header     []string
		status     int
		words      string
	}{
		"gzip":            {inferPath, gzipped, []string{"Content-Encoding", "gzip"}, 503, "hold as much memory"},
		"deflate":         {inferPath, deflated, []string{"Content-Encoding", "deflate"}, 503, "hold as much memory"},
		"fits":            {inferPath, packed(t, limit/2, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }), []string{"Content-Encoding", "gzip"}, 400, "JSON"},
		"columns":         {"/predict", `{"input":{` + pairs + `"k":1}}`, nil, 413, "too many values"},
		"rows":            {"/predict", `{"input":[` + strings.Repeat("[],", limit/96) + `[]]}`, nil, 413, "too many values"},
		"parameters":      {inferPath, `{"parameters":{` + pairs + `"k":1}}`, nil, 413, "too many values"},
		"tensors":         {inferPath, `{"inputs":[` + strings.Repeat("{},", limit/256) + `{}]}`, nil, 413, "too many values"},
		"tensors, header": {inferPath, `{"inputs":[` + strings.Repeat("{},", limit/256) + `{}]}`, []string{"Inference-Header-Content-Length", "16"}, 400, "JSON"},
	} {
		got := g.send(t, c.path, c.body, c.header...)
		require.Equal(t, c.status, got.status, "%s: %v", name, got.body)
		require.Contains(t, got.body["error"], c.words, name)
		require.Eventually(t, func() bool { return g.budget.held.Load() == 0 }, patience, time.Millisecond, name)
	}
	require.Equal(t, 200, g.post(t, map[string]any{"input": rows(t, "test.csv")[:50]}).status)
	require.Equal(t, 200, g.send(t, inferPath, text(t, wire(rows(t, "test.csv")[:32]))).status)
}
