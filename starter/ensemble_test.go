package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const fileEnsemble = `kind: ensemble
steps:
  - {name: narrow, model: {file: narrow.onnx}}
  - {name: wide, model: {file: wide.onnx}}
  - {name: mean, model: {file: mean.onnx}, inputs: {first: narrow.probabilities, second: wide.probabilities}}
outputs: [{name: label, from: mean.label}, {name: probabilities, from: mean.probabilities}]
`

// ensembleFolder has a document and its members.
func ensembleFolder(t *testing.T, document string) string {
	t.Helper()
	dir := t.TempDir()
	for name, from := range map[string]string{"narrow": creditRisk + "models/1.0.0.onnx", "wide": creditRisk + "models/1.1.0.onnx", "mean": "../examples/ensemble/mean.onnx"} {
		b, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".onnx"), b, 0o600))
	}
	path := filepath.Join(dir, "pipeline.yaml")
	require.NoError(t, os.WriteFile(path, []byte(document), 0o600))
	return path
}

// An ensemble of files is tested with no server, also against one model of it in production.
func TestModelTestOfAnEnsemble(t *testing.T) {
	t.Parallel()
	path := ensembleFolder(t, fileEnsemble)
	out, errs, code := cli(t, "model", "test", path, "--spec", creditRisk+"release-1.1.0.yaml", "--device", "cpu", "--production", filepath.Join(filepath.Dir(path), "wide.onnx"))
	require.Equal(t, codeOK, code, "%s%s", out, errs)
	require.Regexp(t, `batch_invariance +passed`, out)
	require.Regexp(t, `accuracy_against_production +passed`, out)
	out, errs, code = cli(t, "model", "test", filepath.Join(filepath.Dir(path), "wide.onnx"), "--spec", creditRisk+"release-1.1.0.yaml", "--device", "cpu", "--production", path)
	require.Equal(t, codeOK, code, "%s%s", out, errs)
	require.Regexp(t, `accuracy_against_production +passed`, out)
}

func TestEnsembleRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ old, new, want string }{
		"no such file":  {"wide.onnx", "wider.onnx", "ensemble: step wide: open "},
		"other content": {"{file: wide.onnx}", "{file: wide.onnx, digest: sha256:" + strings.Repeat("0", 64) + "}", "ensemble: step wide: wide.onnx has the digest sha256:"},
		"cycle":         {"{file: narrow.onnx}}", "{file: narrow.onnx}, inputs: {age: mean.label}}", "ensemble: steps wait for each other"},
		"no server":     {"{file: wide.onnx}", "{name: credit-risk, version: 1.0.0}", "ensemble: step wide: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := ensembleFolder(t, strings.Replace(fileEnsemble, c.old, c.new, 1))
			_, errs, code := cli(t, "model", "test", path, "--spec", creditRisk+"release-1.1.0.yaml", "--device", "cpu", "--control", "http://127.0.0.1:1")
			require.Equal(t, codeError, code)
			require.Contains(t, errs, c.want)
		})
	}
	path := ensembleFolder(t, fileEnsemble)
	a := &app{}
	require.NoError(t, a.packEnsemble(t.Context(), path, filepath.Join(filepath.Dir(path), "inner.tar")))
	outer := filepath.Join(filepath.Dir(path), "outer.yaml")
	require.NoError(t, os.WriteFile(outer, []byte("kind: ensemble\nsteps: [{name: a, model: {file: inner.tar}}]\noutputs: [{name: label, from: a.label}]"), 0o600))
	_, errs, code := cli(t, "model", "test", outer, "--spec", creditRisk+"release-1.1.0.yaml", "--device", "cpu")
	require.Equal(t, codeError, code)
	require.Contains(t, errs, "it is an ensemble itself")
}

// What the document alone tells is told before anything is looked up.
func TestValidateAnEnsemble(t *testing.T) {
	t.Parallel()
	spec, err := os.ReadFile(creditRisk + "release-1.1.0.yaml")
	require.NoError(t, err)
	validate := func(document string) (out, errs string, code int) {
		path := ensembleFolder(t, document)
		root, err := filepath.Abs(creditRisk)
		require.NoError(t, err)
		for _, name := range []string{"data", "schema.yaml", "model_card.md", "training_data.md", "evaluation.md"} {
			require.NoError(t, os.Symlink(filepath.Join(root, name), filepath.Join(filepath.Dir(path), name)))
		}
		release := filepath.Join(filepath.Dir(path), "release.yaml")
		require.NoError(t, os.WriteFile(release, []byte(strings.Replace(string(spec), "models/1.1.0.onnx", "pipeline.yaml", 1)), 0o600))
		return cli(t, "release", "validate", "-f", release)
	}
	_, errs, code := validate(fileEnsemble)
	require.Equal(t, codeOK, code, errs)
	out, _, code := validate(strings.Replace(fileEnsemble, "mean.label", "mena.label", 1))
	require.Equal(t, codeError, code)
	require.Contains(t, out, `model.artifact: pipeline.yaml: ensemble: output label is from "mena.label", which no step makes`)
}
