package testsuite

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// gpuCheck runs scripts/gpu-check.sh as part of a bundle of these files.
func gpuCheck(t *testing.T, sums string, args ...string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	script, err := os.ReadFile(filepath.Join("..", "scripts", "gpu-check.sh"))
	require.NoError(t, err)
	for name, content := range map[string][]byte{"gpu-check": script, "VERSIONS": []byte("slipway test\n"), "SHA256SUMS": []byte(sums)} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o700)) //nolint:gosec // a program
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "gpu-check"), args...).CombinedOutput()
	return string(out), err
}

// Without a device gpu-check says so and is content, before it looks at anything else; a bundle that was damaged on
// its way is not run.
func TestGPUCheck(t *testing.T) {
	t.Parallel()
	const versions = "slipway test\n"
	damaged := fmt.Sprintf("%x  VERSIONS\n", sha256.Sum256([]byte("other\n")))
	devices, err := filepath.Glob("/dev/nvidia[0-9]*")
	require.NoError(t, err)
	if len(devices) == 0 {
		out, err := gpuCheck(t, damaged)
		require.NoError(t, err, out)
		require.Equal(t, "skipped: no CUDA device\n", out)
	}
	out, err := gpuCheck(t, damaged, "--device", "cpu")
	require.Error(t, err)
	require.Contains(t, out, "the bundle is not as it was made")
	require.NotContains(t, out, versions)
	out, err = gpuCheck(t, fmt.Sprintf("%x  VERSIONS\n", sha256.Sum256([]byte(versions))), "--device", "cpu")
	require.Error(t, err, "there is nothing in it")
	require.Contains(t, out, versions)
}
