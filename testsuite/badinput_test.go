package testsuite

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/contract"
)

// TestBadInput gives the stack what it can't use: each time one clear error
// that says what to do, and the daemon lives on.
func TestBadInput(t *testing.T) {
	t.Parallel()
	c := startCluster(t, "", "")
	table, err := os.ReadFile(filepath.Join(examples, "data", "test.csv"))
	require.NoError(t, err)
	schema, err := os.ReadFile(filepath.Join(examples, "schema.yaml"))
	require.NoError(t, err)
	onnx, err := os.ReadFile(filepath.Join(examples, "models", "1.1.0.onnx"))
	require.NoError(t, err)
	nan, err := os.ReadFile(filepath.Join("testdata", "nan.onnx"))
	require.NoError(t, err)

	ragged := append(bytes.Clone(table), []byte("male,30,yes\n")...)
	renamed := bytes.Replace(table, []byte("credit_amount"), []byte("amount"), 1)
	renamedSchema := bytes.Replace(schema, []byte("name: credit_amount"), []byte("name: amount"), 1)
	for version, s := range map[string]struct {
		change func(*release)
		want   []string
	}{
		"0.0.1": {func(r *release) { r.Artifact = r.with(t, "corrupt.onnx", onnx[:len(onnx)/2]) }, []string{"ONNX model", "complete"}},
		"0.0.2": {func(r *release) { r.Test = r.with(t, "ragged.csv", ragged) }, []string{"line 202", "3", "21"}},
		"0.0.3": {func(r *release) {
			r.Test, r.Train = r.with(t, "renamed.csv", renamed), r.with(t, "renamed-too.csv", renamed)
			r.Schema = r.with(t, "schema.yaml", renamedSchema)
		}, []string{"credit_amount"}},
		"0.0.4": {func(r *release) { r.Artifact = r.with(t, "nan.onnx", nan) }, []string{"finite"}},
		"0.0.5": {func(r *release) { r.Artifact = r.with(t, "notes.onnx", []byte("these are notes, no model")) }, []string{"model"}},
	} {
		r := credit(version)
		s.change(&r)
		c.start(r)
		status, code := c.watch(version)
		require.Equal(t, 3, code, version)
		require.Equal(t, contract.OutcomeFailed, status.Outcome, version)
		for _, word := range s.want {
			require.Contains(t, status.Reason, word, version)
		}
	}
	c.testMissingBlob(t)
	c.testHugeSpec(t)
	require.True(t, c.daemon.alive(), "the daemon died")
	require.True(t, c.gateway.alive(), "the gateway died")
	c.promote(credit("1.0.0"))
}

// testMissingBlob starts a release whose test rows are not in the store.
func (c *cluster) testMissingBlob(t *testing.T) {
	r := credit("0.1.0")
	input, errs, code := c.slipway("release", "start", "-f", r.write(t), "--as", "alice", "--dry-run", "-o", "json")
	require.Zero(t, code, errs)
	gone := "sha256:" + strings.Repeat("ab", 32)
	var digest string
	_, rest, found := strings.Cut(input, `data/test.csv"`)
	require.True(t, found)
	digest = "sha256:" + strings.SplitN(strings.SplitN(rest, "sha256:", 2)[1], `"`, 2)[0]
	out, errs, _ := c.cli("workflow", "execute", "--type", contract.WorkflowRelease, "--task-queue", contract.QueueControl,
		"--workflow-id", contract.ReleaseID(model, r.Version), "--input", strings.ReplaceAll(input, digest, gone))
	require.Contains(t, out+errs, "data.test (data/test.csv)")
	require.Contains(t, out+errs, gone)
}

// testHugeSpec gives the CLI a spec of 2 GB; nothing of that size is read.
func (c *cluster) testHugeSpec(t *testing.T) {
	path := filepath.Join(t.TempDir(), "release.yaml")
	f, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, f.Truncate(2<<30))
	require.NoError(t, f.Close())
	_, errs, code := c.slipway("release", "start", "-f", path)
	require.NotZero(t, code)
	require.Contains(t, errs, path)
	require.Contains(t, errs, "1048576 bytes")
}

// TestPortsInUse starts a gateway where another program listens.
func TestPortsInUse(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, errs, code := command(t, filepath.Join(need(t, "SLIPWAY_BIN"), "slipwayd"), "run", "--roles", "gateway", "--state", t.TempDir(), "--gateway-http", l.Addr().String())
	require.Equal(t, 1, code)
	require.Contains(t, errs, l.Addr().String())
	require.Contains(t, errs, "--gateway-http")
}

// TestNoONNXRuntime runs a release on workers that find no ONNX Runtime.
func TestNoONNXRuntime(t *testing.T) {
	t.Parallel()
	c := startClusterWith(t, "", "", "ONNXRUNTIME_LIB="+filepath.Join(t.TempDir(), "none.so"))
	r := credit("1.0.0")
	c.start(r)
	status, code := c.watch(r.Version)
	require.Equal(t, 3, code)
	require.Contains(t, status.Reason, "ONNX Runtime")
	require.Contains(t, status.Reason, "make deps")
	require.True(t, c.daemon.alive())
	require.True(t, c.gateway.alive())
}

// TestOpenBeyondLoopbackNeedsToken makes sure that nothing listens for the world without a token.
func TestOpenBeyondLoopbackNeedsToken(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--roles", "gateway", "--gateway-http", ":0"},
		{"--roles", "control", "--control-listen", "0.0.0.0:0"},
	} {
		_, errs, code := command(t, filepath.Join(need(t, "SLIPWAY_BIN"), "slipwayd"), append([]string{"run", "--state", t.TempDir()}, args...)...)
		require.Equal(t, 1, code)
		require.Contains(t, errs, "--token-file")
	}
}
