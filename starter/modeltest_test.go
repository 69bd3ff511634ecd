package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/modeltest"
)

func TestModelTest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	page, xml, card := filepath.Join(dir, "r.html"), filepath.Join(dir, "r.xml"), filepath.Join(dir, "card.md")
	out, errs, code := cli(t, "model", "test", creditRisk+"models/1.1.0.onnx", "--spec", creditRisk+"release-1.1.0.yaml", "--device", "cpu",
		"--production", creditRisk+"models/1.0.0.onnx", "--html", page, "--junit", xml, "--card", card)
	require.Equal(t, codeOK, code, errs)
	require.Contains(t, out, "the model passed its tests: ")
	require.Contains(t, out, "accuracy_against_production")
	for path, want := range map[string]string{page: "<!doctype html>", xml: "<testsuites", card: "# Model card: credit-risk 1.1.0"} {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Contains(t, string(b), want)
	}

	out, errs, code = cli(t, "model", "test", creditRisk+"models/1.2.0.onnx", "--data", creditRisk+"data/test.csv", "--train", creditRisk+"data/train.csv",
		"--label", "risk", "--device", "cpu", "-o", "json")
	require.Equal(t, codeStopped, code, errs)
	var report modeltest.Report
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	require.False(t, report.Passed)
	require.Contains(t, report.Summary(), "simple_baseline", "trained on shuffled labels")
	require.True(t, report.Process.Isolated)
}

func TestModelTestUsage(t *testing.T) {
	t.Parallel()
	model := creditRisk + "models/1.1.0.onnx"
	for name, c := range map[string]struct {
		args  []string
		code  int
		words string
	}{
		"no model":     {nil, codeUsage, "takes MODEL"},
		"no label":     {[]string{model, "--data", creditRisk + "data/test.csv"}, codeUsage, "--label is missing"},
		"no data":      {[]string{model, "--label", "risk"}, codeUsage, "--data is missing"},
		"task":         {[]string{model, "--data", "x.csv", "--label", "risk", "--task", "guess"}, codeUsage, "want classification or regression"},
		"no such file": {[]string{"missing.onnx", "--data", creditRisk + "data/test.csv", "--label", "risk"}, codeError, "missing.onnx"},
		"bad spec":     {[]string{model, "--spec", "missing.yaml"}, codeError, "missing.yaml"},
		"bad device":   {[]string{model, "--data", creditRisk + "data/test.csv", "--label", "risk", "--device", "tpu"}, codeError, "tpu"},
	} {
		_, errs, code := cli(t, append([]string{"model", "test"}, c.args...)...)
		require.Equal(t, c.code, code, "%s: %s", name, errs)
		require.Contains(t, errs, c.words, name)
	}
}

func TestModelCard(t *testing.T) {
	t.Parallel()
	w := running(t)
	ref, err := w.store.PutBytes(t.Context(), []byte("# Model card: carded"), "text/markdown")
	require.NoError(t, err)
	register := func(version string, evidence ...catalog.Evidence) {
		_, _, err := w.catalog.RegisterModel(t.Context(), catalog.Model{Name: "carded", Version: version, Digest: digest("m"), CreatedBy: "alice"},
			evidence, catalog.Mark{Key: "carded " + version, Actor: "alice"})
		require.NoError(t, err)
	}
	register("1.0.0", catalog.Evidence{Suite: "model", Passed: true, Report: digest("r")}, catalog.Evidence{Suite: contract.SuiteModelCard, Passed: true, Report: string(ref.Digest)})
	register("0.9.0", catalog.Evidence{Suite: "model", Passed: true, Report: digest("r")})
	out, errs, code := w.cli(t, "model", "card", "carded/1.0.0")
	require.Zero(t, code, errs)
	require.Equal(t, "# Model card: carded", out)
	out, errs, code = w.cli(t, "model", "card", "carded/1.0.0", "-o", "json")
	require.Zero(t, code, errs)
	require.Contains(t, out, string(ref.Digest))
	_, errs, code = w.cli(t, "model", "card", "carded/0.9.0")
	require.Equal(t, codeError, code)
	require.Contains(t, errs, "has no model card")
}

// An interrupted test leaves nothing behind, and says so.
func TestModelTestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	code := run(ctx, []string{"model", "test", creditRisk + "models/1.1.0.onnx", "--spec", creditRisk + "release-1.1.0.yaml"}, strings.NewReader(""), &out, &errs)
	require.Equal(t, codeError, code)
	require.Contains(t, errs.String(), "slipway: interrupted")
}
