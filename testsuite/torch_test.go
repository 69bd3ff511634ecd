package testsuite

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/contract"
)

// A TorchScript model goes from its spec to production: tested, warmed up and served
// by the torch runtime, after a version in ONNX and before one that is a bundle, which
// predicts a whole data version, too.
func TestTorchRelease(t *testing.T) {
	t.Parallel()
	c := startClusterWith(t, "", "", "SLIPWAY_RUNTIMES="+runtimesFile(t))
	c.promote(credit("1.0.0"))
	l, _ := c.traffic(50)

	script := credit("2.0.0")
	script.Artifact = abs(t, filepath.Join(torchModels, "credit-risk.pt"))
	status := c.promote(script)
	for _, g := range status.Gates {
		if g.Gate == contract.GateTests {
			require.Contains(t, g.Summary, "3 skipped", "what looks into an ONNX graph")
		}
	}
	requireServes(t, c, "2.0.0")

	var config struct{ Platform, Backend string }
	getJSON(t, c.predict+"/v2/models/"+model+"/versions/2.0.0/config", &config)
	require.Equal(t, "pytorch_libtorch pytorch", config.Platform+" "+config.Backend)

	bundle := credit("2.1.0")
	bundle.Artifact = abs(t, filepath.Join(torchModels, "credit-risk.zip"))
	c.promote(bundle)
	requireServes(t, c, "2.1.0")
	table, rows := applicants(t, 500, nil)
	c.dataJSON(new(any), "add", filepath.Join(folderOf(t, map[string][]byte{"applicants.csv": table}), "applicants.csv"), "--name", "applicants")
	out, errs, code := c.slipway("batch", "start", model, "--data", "applicants", "--keys", "id", "--shard-rows", "300", "--watch")
	require.Zero(t, code, "%s%s", out, errs)
	c.requireAnswersOf(t, model+"-predictions", rows)

	broken := credit("2.2.0")
	broken.Artifact = broken.with(t, "weights.pt", []byte("PK\x03\x04 and nothing else"))
	c.start(broken)
	status, code = c.watch("2.2.0")
	require.Equal(t, 3, code)
	require.Contains(t, status.Reason, "forward_pass")
	require.Contains(t, status.Reason, "zip archives")
	requireServes(t, c, "2.1.0")
	require.Zero(t, l.Total().Failed, l.LastError())
	folder := filepath.Join(t.TempDir(), "model")
	out, errs, code = c.slipway("model", "get", model+"@2.1.0", folder)
	require.Zero(t, code, "%s%s", out, errs)
	require.FileExists(t, filepath.Join(folder, model+"-2.1.0.zip"))
}

// requireServes asks the gateway for the first test rows: it answers as torch itself does.
func requireServes(t *testing.T, c *cluster, version string) {
	t.Helper()
	const rows = 8
	want := torchAnswers(t, model)
	header, data := testRows(t, model, rows)
	input := make([]map[string]any, rows)
	for i, row := range data {
		input[i] = map[string]any{}
		for j, column := range header[:len(header)-1] {
			input[i][column] = value(row[j])
		}
	}
	b, err := json.Marshal(input)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "input.json")
	require.NoError(t, os.WriteFile(file, b, 0o600))
	out, errs, code := c.slipway("predict", "--model", model, "--input", "@"+file, "-o", "json")
	require.Zero(t, code, errs)
	var got struct {
		Prediction    []int64
		Probabilities [][]float64
		Version       string
	}
	require.NoError(t, json.Unmarshal([]byte(out), &got), out)
	require.Equal(t, version, got.Version)
	require.Equal(t, want.Label[:rows], got.Prediction)
	for i, row := range got.Probabilities {
		require.InDeltaSlice(t, want.Probabilities[i], row, 1e-6)
	}
}

func getJSON(t testing.TB, url string, into any) {
	t.Helper()
	resp, err := http.Get(url) //nolint:noctx // a test
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.NoError(t, json.NewDecoder(resp.Body).Decode(into))
}

func value(text string) any {
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return text
	}
	return v
}

// runtimesFile names the torch runtime with the Python of the tests.
func runtimesFile(t testing.TB) string {
	t.Helper()
	python, err := filepath.EvalSymlinks(need(t, "TORCH_PYTHON"))
	require.NoError(t, err)
	b, err := os.ReadFile("../runtimes/runtimes.yaml")
	require.NoError(t, err)
	text := strings.ReplaceAll(string(b), "/usr/bin/python3", python)
	text = strings.ReplaceAll(text, "./", abs(t, "../runtimes")+"/")
	path := filepath.Join(t.TempDir(), "runtimes.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}
