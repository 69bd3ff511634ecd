package testsuite

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/serving/runtimetest"
)

const torchModels = "../examples/torch/models"

// The Python of the runtimes has tests of its own.
func TestPythonRuntimes(t *testing.T) {
	t.Parallel()
	for _, of := range []string{"python", "torch"} {
		t.Run(of, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), need(t, "TORCH_PYTHON"), "-W", "error::ResourceWarning", "-m", "unittest", "discover", "-s", filepath.Join("..", "runtimes", of, "tests"))
			cmd.Env = append(os.Environ(), "PYTHONPATH="+pythonPath(t), "PYTHONDONTWRITEBYTECODE=1")
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", tail(out, 6000))
		})
	}
}

func pythonPath(t testing.TB) string {
	t.Helper()
	root, err := filepath.Abs("../runtimes")
	require.NoError(t, err)
	return filepath.Join(root, "python") + string(os.PathListSeparator) + filepath.Join(root, "torch")
}

// Both kinds of PyTorch model are served by the contract, with the answers of
// torch itself, which the script that trained them wrote beside them.
func TestTorchRuntimeConforms(t *testing.T) {
	t.Parallel()
	command := []string{need(t, "TORCH_PYTHON"), abs(t, "../runtimes/torch/server.py")}
	t.Run("start", func(t *testing.T) {
		t.Parallel()
		runtimetest.ConformStart(t, command, filepath.Join(torchModels, "credit-risk.pt"))
	})
	for name, read := range map[string]func(testing.TB, int) []runtimetest.Tensor{"credit-risk": creditColumns, "mnist": pixels} {
		output := expected(t, name)
		input := read(t, int(output[0].Shape[0]))
		for _, kind := range []string{".pt", ".zip"} {
			t.Run(name+kind, func(t *testing.T) {
				t.Parallel()
				runtimetest.Conform(t, runtimetest.Case{
					Command: command, Artifact: filepath.Join(torchModels, name+kind), Input: input, Output: output, Tolerance: 1e-6, Alone: 1e-5,
				})
			})
		}
	}
}

// The runtime that the documents show as an example keeps the contract, with a protobuf of today.
func TestExampleRuntimeConforms(t *testing.T) {
	t.Parallel()
	python := need(t, "MLFLOW_PYTHON")
	artifact := filepath.Join(t.TempDir(), "model.pkl")
	out, err := exec.CommandContext(t.Context(), python, filepath.Join("testdata", "runtime", "make_sklearn.py"), artifact).Output()
	require.NoError(t, err)
	var made struct {
		Rows          []float64
		Width         int64
		Label         []int64
		Probabilities []float64
	}
	require.NoError(t, json.Unmarshal(out, &made))
	rows := int64(len(made.Label))
	command := []string{python, abs(t, "../examples/runtimes/sklearn_server.py")}
	runtimetest.ConformStart(t, command, artifact)
	runtimetest.Conform(t, runtimetest.Case{
		Command: command, Artifact: artifact, Tolerance: 1e-12,
		Input: []runtimetest.Tensor{runtimetest.FP64("features", []int64{rows, made.Width}, made.Rows...)},
		Output: []runtimetest.Tensor{
			runtimetest.INT64("label", []int64{rows}, made.Label...),
			runtimetest.FP64("probabilities", []int64{rows, int64(len(made.Probabilities)) / rows}, made.Probabilities...),
		},
	})
}

func abs(t testing.TB, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	require.NoError(t, err)
	return path
}

// answers are what torch answered to the first test rows.
type answers struct {
	Label         []int64
	Probabilities [][]float64
}

func torchAnswers(t testing.TB, name string) answers {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(torchModels, "expected.json"))
	require.NoError(t, err)
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(b, &all))
	var out answers
	require.NoError(t, json.Unmarshal(all[name], &out))
	return out
}

// expected are the answers as tensors.
func expected(t testing.TB, name string) []runtimetest.Tensor {
	t.Helper()
	answers := torchAnswers(t, name)
	var flat []float32
	for _, row := range answers.Probabilities {
		for _, v := range row {
			flat = append(flat, float32(v))
		}
	}
	rows := int64(len(answers.Label))
	return []runtimetest.Tensor{
		runtimetest.INT64("label", []int64{rows}, answers.Label...),
		runtimetest.FP32("probabilities", []int64{rows, int64(len(answers.Probabilities[0]))}, flat...),
	}
}

func testRows(t testing.TB, example string, rows int) (header []string, data [][]string) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "examples", example, "data", "test.csv"))
	require.NoError(t, err)
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	return all[0], all[1 : rows+1]
}

// creditColumns has one tensor a column.
func creditColumns(t testing.TB, rows int) []runtimetest.Tensor {
	header, data := testRows(t, model, rows)
	var out []runtimetest.Tensor
	for i, column := range header[:len(header)-1] {
		shape := []int64{int64(rows), 1}
		var texts []string
		var numbers []float32
		for _, row := range data {
			texts = append(texts, row[i])
			if v, err := strconv.ParseFloat(row[i], 32); err == nil {
				numbers = append(numbers, float32(v))
			}
		}
		if len(numbers) == rows {
			out = append(out, runtimetest.FP32(column, shape, numbers...))
		} else {
			out = append(out, runtimetest.BYTES(column, shape, texts...))
		}
	}
	return out
}

// pixels has one tensor of them all.
func pixels(t testing.TB, rows int) []runtimetest.Tensor {
	header, data := testRows(t, "mnist", rows)
	var flat []float32
	for _, row := range data {
		for _, text := range row[:len(row)-1] {
			v, err := strconv.ParseFloat(text, 32)
			require.NoError(t, err)
			flat = append(flat, float32(v))
		}
	}
	return []runtimetest.Tensor{runtimetest.FP32("pixels", []int64{int64(rows), int64(len(header) - 1)}, flat...)}
}
