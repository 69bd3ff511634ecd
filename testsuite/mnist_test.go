package testsuite

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMNIST releases the model with one matrix input and asks it for the digits of its test rows by our CLI.
func TestMNIST(t *testing.T) {
	t.Parallel()
	c := startCluster(t, "", "")
	root, err := filepath.Abs("../examples/mnist")
	require.NoError(t, err)
	dir := t.TempDir()
	for _, name := range []string{"models", "data", "schema.yaml"} {
		require.NoError(t, os.Symlink(filepath.Join(root, name), filepath.Join(dir, name)))
	}
	spec, err := os.ReadFile(filepath.Join(root, "release-1.0.0.yaml"))
	require.NoError(t, err)
	path := filepath.Join(dir, "release.yaml")
	require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(spec), "duration: 30s", "duration: 1s")), 0o600))
	out, errs, code := c.slipway("release", "start", "-f", path, "--as", "alice", "--watch")
	require.Zero(t, code, "%s%s", out, errs)

	f, err := os.Open(filepath.Join(root, "data", "test.csv"))
	require.NoError(t, err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	var input [][]float64
	var truth []string
	for _, row := range rows[1:51] {
		pixels := make([]float64, 784)
		for i := range pixels {
			pixels[i], err = strconv.ParseFloat(row[i], 64)
			require.NoError(t, err)
		}
		input, truth = append(input, pixels), append(truth, row[784])
	}
	b, err := json.Marshal(input)
	require.NoError(t, err)
	file := filepath.Join(dir, "input.json")
	require.NoError(t, os.WriteFile(file, b, 0o600))
	out, errs, code = c.slipway("predict", "--model", "mnist", "--input", "@"+file, "-o", "json")
	require.Zero(t, code, errs)
	var answer struct {
		Prediction []int  `json:"prediction"`
		Version    string `json:"version"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &answer), out)
	require.Equal(t, "1.0.0", answer.Version)
	require.Len(t, answer.Prediction, len(truth))
	right := 0
	for i, digit := range answer.Prediction {
		if strconv.Itoa(digit) == truth[i] {
			right++
		}
	}
	require.GreaterOrEqual(t, right, 45, "of 50 digits")
}
