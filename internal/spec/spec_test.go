package spec_test

import (
	"encoding/base64"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/spec"
)

var update = flag.Bool("update", false, "write golden files and the JSON Schema anew")

// valid is a small spec that each bad one differs from in one place.
const valid = `apiVersion: slipway/v1
model:
  name: credit
  version: 1.0.0
  artifact: model.onnx
  task: classification
data:
  train: train.csv
  test: test.csv
  label: risk
  schema: schema.yaml
`

func key(seed byte) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune('a'+seed)), 32)))
}

// badSpecs are edits of valid: the text to replace (or the end of the text) and what to put there.
var badSpecs = []struct{ name, old, with string }{
	{"empty", valid, ""},
	{"only a comment", valid, "# nothing\n"},
	{"null", valid, "null\n"},
	{"a list", valid, "- a\n- b\n"},
	{"a string", valid, "hello\n"},
	{"tab", "  name: credit", "\tname: credit"},
	{"unclosed", "name: credit", "name: [credit"},
	{"two documents", "", "---\nmodel: {}\n"},
	{"broken second document", "", "---\na: [\n"},
	{"not utf-8", "name: credit", "name: \xff\xfe"},
	{"duplicate key", "  name: credit", "  name: credit\n  name: other"},
	{"merge key", "model:\n", "base: &b {name: x}\nmodel:\n  <<: *b\n"},
	{"unknown top field", "model:\n", "modle:\n"},
	{"unknown field", "  version: 1.0.0", "  version: 1.0.0\n  artefact: m.onnx"},
	{"unknown field, other spelling", "  version: 1.0.0", "  version: 1.0.0\n  Hyper-Parameters: {}"},
	{"unknown field, nothing near", "  version: 1.0.0", "  version: 1.0.0\n  colour: red"},
	{"api version", "slipway/v1", "slipway/v2"},
	{"no api version", "apiVersion: slipway/v1\n", ""},
	{"model missing", valid[:strings.Index(valid, "data:")], "apiVersion: slipway/v1\n"},
	{"model not a mapping", valid[strings.Index(valid, "model:"):strings.Index(valid, "data:")], "model: 3\n"},
	{"name upper case", "name: credit", "name: Credit"},
	{"name too long", "name: credit", "name: " + strings.Repeat("a", 64)},
	{"name with slash", "name: credit", "name: a/b"},
	{"name null", "name: credit", "name: ~"},
	{"version a number", "1.0.0", "1.0"},
	{"version a mapping", "1.0.0", "{major: 1}"},
	{"task", "task: classification", "task: clasification"},
	{"artifact a mapping", "artifact: model.onnx", "artifact: {path: model.onnx}"},
	{"artifact empty", "artifact: model.onnx", `artifact: ""`},
	{"artifact with control character", "artifact: model.onnx", `artifact: "a\u0007b"`},
	{"hyperparameter nan", "  task:", "  hyperparameters: {a: {b: [1, .nan]}}\n  task:"},
	{"deployment", "  task:", "  deployment: {kind: offline, batch_size: 5000, max_latency_ms: 0, max_throughput: -1, auto_scaling: yes, health_check_interval: 0s}\n  task:"},
	{"response cache", "  task:", "  deployment: {response_cache_mb: -1}\n  task:"},
	{"resources", "  task:", "  deployment: {resources: {gpu: 0, -x: 1}, priority: 2000}\n  task:"},
	{"resources, too many of one", "  task:", "  deployment: {resources: {gpu: 1025}}\n  task:"},
	{"resources not counted", "  task:", "  deployment: {resources: [gpu]}\n  task:"},
	{"many resources", "  task:", "  deployment: {resources: {a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1, h: 1, i: 1}}\n  task:"},
	{"batch size a float", "  task:", "  deployment: {batch_size: 32.5}\n  task:"},
	{"batch size too big", "  task:", "  deployment: {batch_size: 99999999999999999999}\n  task:"},
	{"document kinds", "  task:", "  documents: {Model Card: card.md, model_card: \"\"}\n  task:"},
	{"label missing", "  label: risk\n", ""},
	{"stored version", "  train: train.csv\n  test: test.csv\n", "  version: credit@0\n  name: mine\n  train: /etc/train.csv\n  test: ../test.csv\n"},
	{"stored version with a space", "  train: train.csv", "  version: \"my data\"\n  train: ."},
	{"stored version a number", "  train: train.csv", "  version: 12345678\n  train: a//b"},
	{"columns", "", "  sensitive: [age, age, risk]\n  exclude: [risk, \"\", 3]\n"},
	{"columns not a list", "", "  sensitive: age\n"},
	{"tests", "", "tests: {latency_ms: 0, memory_mb: -1, tolerance: .nan, min_accuracy: 1.5, max_rmse: .inf}\n"},
	{"tests not numbers", "", "tests: {latency_ms: fast, memory_mb: [1]}\n"},
	{"rmse of a classification", "", "tests: {max_rmse: 3}\n"},
	{"against production", "", "tests: {against_production: {max_accuracy_drop: -0.1, alpha: 0.6}}\n"},
	{"negative flips", "", "tests: {against_production: {max_negative_flip_rate: 1.5, max_negative_flips: -1}}\n"},
	{"limits", "", "tests: {limits: [{metric: auc}, {min: 1}, {metric: f1, min: 2, max: 1}, {metric: f1, min: .nan}]}\n"},
	{"intervals", "", "tests: {intervals: {level: 1, resamples: 10}, calibration: {bins: 1, max_ece: 2, max_brier: -1}}\n"},
	{"slices", "", `tests:
  slices:
    min_rows: 1
    alpha: 0
    weak: warn
    given:
      - {name: a, where: age > 3, max_rmse: 1}
      - {name: a, where: age < 3, min_accuracy: 2}
      - {where: ""}
`},
	{"metamorphic", "", `tests:
  metamorphic:
    - {name: a, kind: monotone, columns: [x, y]}
    - {name: a, kind: monotone, columns: [x], direction: up, noise: 1}
    - {name: b, kind: indifferent, direction: increasing}
    - {name: c, kind: stabel, noise: 2, tolerance: -1, max_violations: 2}
    - {kind: stable, columns: [x, x]}
`},
	{"quality of a regression", "task: classification", `task: regression
tests:
  calibration: {max_ece: 0.1}
  slices: {given: [{name: a, where: x > 1, min_accuracy: 0.5}]}
  metamorphic: [{name: a, kind: stable, class: "1"}]
monitor:`},
	{"leakage and baseline", "", "tests: {leakage: {max_overlap: 2, max_score: -1}, baseline: {require: beat, alpha: 0}}\n"},
	{"policy type", "", "policies: [{name: a, type: performance}, {name: b}]\n"},
	{"policy names", "", "policies: [{name: a, type: data_quality}, {name: a, type: data_quality}, {type: data_quality}]\n"},
	{"policy limits", "", "policies: [{name: a, type: performance_threshold, min_accuracy: 2, max_latency_ms: 0}]\n"},
	{"foreign policy fields", "", `policies:
  - {name: a, type: performance_threshold, required: [validity], min_score: 1}
  - {name: b, type: data_quality, min_accuracy: 1, max_latency_ms: 3}
  - {name: c, type: model_documentation, min_score: 1}
`},
	{"required checks", "", "policies: [{name: a, type: data_quality, required: [valid, validity, validity]}, {name: b, type: model_documentation, required: []}]\n"},
	{"performance of a regression", "task: classification", "task: regression\n  hyperparameters: {}\npolicies: [{name: a, type: performance_threshold}]\ntests: {min_accuracy: 0.5}\nmonitor:"},
	{"too few approvers", "", "approvals:\n  required: 2\n  approvers: [{name: ann}]\n"},
	{"nobody may approve", "", "approvals: {required: 1}\n"},
	{"negative approvals", "", "approvals: {required: -1}\n"},
	{"people", "", fmt.Sprintf("approvals:\n  approvers: [{name: ann, key: %q}, {name: Ann}, {name: bob, key: %q}, {name: eve, key: short}, {key: x}]\n", key(0), key(0))},
	{"operator with the key of an approver", "", fmt.Sprintf("approvals:\n  approvers: [{name: ann, key: %q}]\n  operators: [{name: bob, key: %q}, {name: ann, key: %q}]\n", key(0), key(0), key(1))},
	{"deadlines", "", "approvals: {deadline: 0s, escalate_after: 90000h}\n"},
	{"durations", "", "canary: {warm_up: 60, analysis: {interval: soon, hold_deadline: -1m}}\n"},
	{"steps not rising", "", "canary:\n  steps:\n    - {weight: 50, duration: 1s}\n    - {weight: 50, duration: 1s}\n    - {weight: 0, duration: 1s}\n"},
	{"step values", "", "canary:\n  steps:\n    - {weight: 0.05, duration: 1s}\n    - {weight: 120, duration: 0s}\n    - {}\n"},
	{"steps end early", "", "canary: {steps: [{weight: 50, duration: 1s}]}\n"},
	{"no steps", "", "canary: {steps: []}\n"},
	{"analysis", "", "canary: {analysis: {min_samples: 0, alpha: 0, max_error_rate: 0, max_latency_ratio: 0.5, latency_quantile: 1, latency_floor_ms: 0}}\n"},
	{"monitor", "", "monitor: {interval: 0s, window: 5, min_samples: 10, ks_alpha: 0.9, psi_limit: 0, psi_bins: 1}\n"},
	{"alias bomb", "  task:", bomb() + "  task:"},
	{"alias cycle", "  task:", "  training: &x {again: *x}\n  task:"},
	{"deep", "  task:", "  training: {a: " + strings.Repeat("[", 80) + strings.Repeat("]", 80) + "}\n  task:"},
	{"keys that are no strings", "  task:", "  training: {1: a, [b]: c, true: d}\n  task:"},
	{"binary", "  task:", "  training: {a: !!binary aGk=, b: !mine x, c: .inf}\n  task:"},
}

// bomb is a few lines that mean a billion values.
func bomb() string {
	b := "  hyperparameters:\n    a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 9; i++ {
		b += fmt.Sprintf("    a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	return b
}

// edit is valid with one place changed, or with something at its end.
func edit(old, with string) string {
	if old == "" {
		return valid + with
	}
	return strings.Replace(valid, old, with, 1)
}

func TestParseTellsEveryProblem(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	for _, tc := range badSpecs {
		require.Contains(t, valid, tc.old, tc.name)
		_, err := spec.Parse("release.yaml", []byte(edit(tc.old, tc.with)))
		require.Error(t, err, tc.name)
		var problems spec.Problems
		require.ErrorAs(t, err, &problems, tc.name)
		fmt.Fprintf(&got, "# %s\n%s\n\n", tc.name, err)
	}
	golden(t, filepath.Join("testdata", "problems.golden"), got.String())
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}
