package modeltest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/modeltest"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/spec"
)

func start(t testing.TB) *onnx.Runtime {
	t.Helper()
	library, err := onnx.FindLibrary()
	require.NoError(t, err)
	r, err := onnx.Start(library)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func model(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "onnx", "testdata", name+".onnx"))
	require.NoError(t, err)
	return b
}

func table(t testing.TB, path string) *dataset.Table {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	out, err := dataset.ReadCSV(f, filepath.Base(path), dataset.CSVOptions{})
	require.NoError(t, err)
	return out
}

// input is a test of one of the models in onnx/testdata on the rows that go
// with them. The latency limit is far away: no test depends on the clock.
func input(t testing.TB, name string) modeltest.Input {
	t.Helper()
	drop := 0.05
	return modeltest.Input{
		Model: model(t, name),
		Spec:  spec.Model{Name: "toy", Version: "1", Task: spec.Classification, Deployment: spec.Deployment{BatchSize: 32}},
		Data:  spec.Data{Label: "label"},
		Tests: spec.Tests{
			LatencyMS: 1e6, MemoryMB: 1e6, Tolerance: 1e-6, MinAccuracy: 0.8,
			AgainstProduction: spec.Against{MaxAccuracyDrop: &drop, Alpha: 0.05},
		},
		Test:   table(t, filepath.Join("..", "onnx", "testdata", "rows.csv")),
		Device: onnx.DeviceCPU,
	}
}

// run tests and checks what holds for every report.
func run(t testing.TB, in modeltest.Input) modeltest.Report {
	t.Helper()
	report, err := modeltest.Run(t.Context(), start(t), in, nil)
	require.NoError(t, err)
	require.Len(t, report.Tests, 15)
	passed := true
	for _, test := range report.Tests {
		passed = passed && test.Status != modeltest.StatusFailed
		require.Equal(t, test.Passed, test.Status == modeltest.StatusPassed, test.Name)
		require.Equal(t, test.Passed, test.Error == "", "%s: a test that did not pass, and only that, says why", test.Name)
	}
	require.Equal(t, passed, report.Passed)
	_, err = json.Marshal(report)
	require.NoError(t, err)
	page, err := report.HTML()
	require.NoError(t, err)
	require.NotContains(t, string(page), "ZgotmplZ")
	return report
}

func named(t testing.TB, r modeltest.Report, name string) modeltest.Test {
	t.Helper()
	for _, test := range r.Tests {
		if test.Name == name {
			return test
		}
	}
	t.Fatalf("no test %s", name)
	return modeltest.Test{}
}

// failures lists the tests that failed.
func failures(r modeltest.Report) []string {
	out := []string{}
	for _, test := range r.Tests {
		if test.Status == modeltest.StatusFailed {
			out = append(out, test.Name)
		}
	}
	return out
}

func TestGoodModelPasses(t *testing.T) {
	t.Parallel()
	r := run(t, input(t, "good"))
	require.Empty(t, failures(r))
	require.Equal(t, "11 passed, 4 skipped", r.Summary(), "there is no production to compare with, and there are no training rows")
	require.Equal(t, "cpu", r.Device)
	require.True(t, strings.HasPrefix(r.Digest, "sha256:"))
	require.InDelta(t, 0.9, r.Metrics["accuracy"], 1e-12, "one label in ten is wrong")
	require.Contains(t, named(t, r, "accuracy").Detail, "180 of 200 rows right, 95 % interval 0.85")
	require.Equal(t, int64(23), named(t, r, "parameter_count").Value)
	require.Equal(t, "label int64[32], probabilities float32[32 2]", named(t, r, "forward_pass").Value)
	require.Equal(t, "2 of 2 layers respond", named(t, r, "gradient_computation").Value)
	require.Equal(t, modeltest.StatusSkipped, named(t, r, "accuracy_against_production").Status)
	require.Contains(t, named(t, r, "accuracy_against_production").Error, "no version is in production")
	require.Equal(t, "5 nodes of 4 operators", named(t, r, "operators").Value)
	require.Equal(t, int64(23), r.Graph.Parameters)
	require.Equal(t, []string{"0", "1"}, r.Confusion.Classes)
	require.Len(t, r.Latencies, 100)
	for _, name := range []string{
		"accuracy", "precision", "recall", "f1", "auc", "log_loss", "latency_mean_ms", "latency_p50_ms", "latency_p95_ms", "latency_p99_ms",
		"memory_growth_mb", "memory_peak_mb", "throughput_1", "throughput_8", "throughput_32", "parameters", "model_bytes",
	} {
		require.Contains(t, r.Metrics, name)
	}
	page, err := r.HTML()
	require.NoError(t, err)
	require.Contains(t, string(page), "Passed</span>: toy 1")
	require.Contains(t, string(page), "<svg")
}

func TestBadModelsFailWithAReason(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*modeltest.Input)
		failed []string
		in     string // the test that says why
		reason string
	}{
		"dead_relu":        {failed: []string{"gradient_computation", "accuracy"}, in: "gradient_computation", reason: "dead layers, whose parameters do not move the loss: first"},
		"dead_branch":      {failed: []string{"gradient_computation"}, in: "gradient_computation", reason: "side_branch"},
		"subgraph":         {failed: nil, in: "gradient_computation", reason: "gemm_then"}, // the branch that these rows never take
		"nan_weight":       {failed: nil, in: "gradient_computation", reason: "layer first: parameter w1 is not finite: number 7 is NaN"},
		"nan_output":       {failed: nil, in: "forward_pass", reason: "output probabilities of row 1 is not finite"},
		"no_parameters":    {failed: nil, in: "parameter_count", reason: "no learned numbers"},
		"batch_dependent":  {failed: []string{"batch_invariance"}, in: "batch_invariance", reason: "a row answered alone and in a batch differs"},
		"random":           {failed: []string{"output_consistency", "batch_invariance"}, in: "output_consistency", reason: "the same rows answered twice differ"},
		"fails_on_rows":    {failed: []string{"forward_pass"}, in: "forward_pass", reason: "look_up"},
		"fixed_batch":      {failed: []string{"forward_pass"}, in: "forward_pass", reason: "takes batches of exactly 1"},
		"columns":          {failed: []string{"forward_pass"}, in: "forward_pass", reason: "the model wants columns that are missing: colour (string), size (float32), weight (float32)"},
		"exploding_weight": {failed: nil, in: "gradient_computation", reason: "layer first explodes: number 5 of parameter w1 is 3e+20, the limit is 1e+12"},
		"contrib":          {failed: []string{"operators"}, in: "operators", reason: "operators of other domains: com.microsoft"},
		"worse":            {failed: []string{"accuracy"}, in: "accuracy", reason: "is below the limit 0.8000"},
		"external":         {failed: []string{"parameter_count"}, in: "parameter_count", reason: "single file"},
		"half_input":       {failed: []string{"parameter_count", "forward_pass"}, in: "forward_pass", reason: "input x float16[?,2] wants 2 columns"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := input(t, name)
			r := run(t, in)
			require.False(t, r.Passed)
			if c.failed != nil {
				require.Equal(t, c.failed, failures(r), r.Summary())
			}
			require.Contains(t, named(t, r, c.in).Error, c.reason)
		})
	}
	t.Run("corrupt", func(t *testing.T) {
		t.Parallel()
		in := input(t, "good")
		in.Model = in.Model[:len(in.Model)/2]
		r := run(t, in)
		require.Equal(t, []string{"parameter_count"}, failures(r))
		require.Contains(t, r.Summary(), "parameter_count: not a usable ONNX model")
		require.Contains(t, r.Summary(), "1 failed, 0 passed, 14 skipped")
		require.Equal(t, modeltest.StatusSkipped, named(t, r, "accuracy").Status)
		require.Contains(t, named(t, r, "accuracy").Error, "not run")
	})
}

func TestDataThatDoesNotFit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		csv, in, reason string
	}{
		"column less":    {"a,b,c,label\n1,2,3,0\n", "forward_pass", "wants 4 columns, there are 3"},
		"text":           {"a,b,c,d,label\n1,2,3,x,0\n", "forward_pass", "column d is string"},
		"no label":       {"a,b,c,d\n1,2,3,4\n", "accuracy", `has no column "label"`},
		"empty label":    {"a,b,c,d,label\n1,2,3,4,1\n1,2,3,4,\n", "accuracy", "line 3: the label \"label\" is empty"},
		"label of words": {"a,b,c,d,label\n1,2,3,4,good\n", "accuracy", "the label is text, the model answers whole numbers"},
		"fractions":      {"a,b,c,d,label\n1,2,3,4,0.5\n", "accuracy", "is the task a regression?"},
		"null":           {"a,b,c,d,label\n1,2,3,4,0\n1,,3,4,0\n", "forward_pass", "is not finite"},
		"no rows":        {"a,b,c,d,label\n", "forward_pass", "holds no rows"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := input(t, "good")
			var err error
			in.Test, err = dataset.ReadCSV(strings.NewReader(c.csv), "odd.csv", dataset.CSVOptions{})
			require.NoError(t, err)
			r := run(t, in)
			require.False(t, r.Passed)
			require.Contains(t, named(t, r, c.in).Error, c.reason)
		})
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	in := input(t, "good")
	in.Tests.LatencyMS, in.Tests.MemoryMB = 0, -1
	r := run(t, in)
	require.Equal(t, []string{"inference_latency", "memory_usage"}, failures(r))
	require.Contains(t, named(t, r, "inference_latency").Error, "raise tests.latency_ms")
}

func TestAgainstProduction(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		candidate, production string
		passed                bool
		want                  string
	}{
		"equal":             {"good", "good", true, "accuracy 0.9000, version 0 in production 0.9000; right alone: candidate 0 rows, production 0 rows"},
		"better":            {"good", "worse", true, "candidate"},
		"much worse":        {"worse", "good", false, "the difference is no chance"},
		"other inputs":      {"good", "columns", false, "not compared: version 0 in production cannot answer these rows"},
		"broken production": {"good", "external", false, "not compared"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := input(t, c.candidate)
			in.Production, in.ProductionVersion = model(t, c.production), "0"
			got := named(t, run(t, in), "accuracy_against_production")
			require.Equal(t, c.passed, got.Passed, got.Error)
			require.Contains(t, got.Error+got.Detail, c.want)
		})
	}
	t.Run("what is skipped may stop a release", func(t *testing.T) {
		t.Parallel()
		in := input(t, "good")
		in.Tests.Skipped = spec.SkippedFails
		report, err := modeltest.Run(t.Context(), start(t), in, nil)
		require.NoError(t, err)
		require.False(t, report.Passed)
		require.Equal(t, "accuracy_against_production: no version is in production (11 passed, 4 skipped)", report.Summary())
	})
	t.Run("only the drop", func(t *testing.T) {
		t.Parallel()
		in := input(t, "slightly_worse")
		in.Production, in.ProductionVersion, in.Tests.AgainstProduction.Alpha = model(t, "good"), "0", 1e-99
		zero := 0.0
		in.Tests.AgainstProduction.MaxAccuracyDrop = &zero
		got := named(t, run(t, in), "accuracy_against_production")
		require.False(t, got.Passed)
		require.Contains(t, got.Error, "accuracy drops by")
		require.NotContains(t, got.Error, "no chance")
	})
}

func TestOtherKindsOfModel(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"logits", "zipmap", "forest", "float16_raw", "float16_data"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := input(t, name)
			in.Tests.MinAccuracy = 0.5
			r := run(t, in)
			require.Empty(t, failures(r), r.Summary())
			require.Contains(t, r.Metrics, "log_loss")
		})
	}
	t.Run("contrib", func(t *testing.T) {
		t.Parallel()
		in := input(t, "contrib")
		in.Spec.OperatorDomains = []string{"com.microsoft"}
		require.NotContains(t, failures(run(t, in)), "operators")
	})
	t.Run("zipmap_words", func(t *testing.T) {
		t.Parallel()
		in := input(t, "zipmap_words")
		csv := "a,b,c,d,label\n"
		for i := range in.Test.Rows() {
			csv += fmt.Sprintf("%v,%v,%v,%v,%s\n", in.Test.Value("a", i), in.Test.Value("b", i), in.Test.Value("c", i), in.Test.Value("d", i),
				map[any]string{int64(0): "no", int64(1): "yes"}[in.Test.Value("label", i)])
		}
		var err error
		in.Test, err = dataset.ReadCSV(strings.NewReader(csv), "words.csv", dataset.CSVOptions{})
		require.NoError(t, err)
		r := run(t, in)
		require.Empty(t, failures(r), r.Summary())
		require.InDelta(t, 0.9, r.Metrics["accuracy"], 1e-12)
		require.Contains(t, r.Metrics, "log_loss")
	})
	t.Run("svm", func(t *testing.T) {
		t.Parallel()
		r := run(t, input(t, "svm"))
		require.Empty(t, failures(r), r.Summary())
	})
}

// What is measured of speed and memory is there for every kind of input, in the child too, and in itself consistent.
func TestPerformanceOfAllInputKinds(t *testing.T) {
	t.Parallel()
	words := input(t, "columns") // text and numbers, an input for each column
	words.Test, words.Tests.MinAccuracy = csv(t, "test.csv", leakyRows(120, 2)), 0
	words.Data.Exclude = []string{"id", "leak"}
	doubles := regression(t, regressionRows(64, func(float64) float64 { return 0.1 }))
	short := input(t, "good") // fewer rows than the largest batch
	short.Test = csv(t, "test.csv", "a,b,c,d,label\n1,2,3,4,0\n0.5,1,1,1,1\n0.5,1,1,1,1\n-1,0,1,2,0\n")
	short.Tests.MinAccuracy = 0
	for name, c := range map[string]struct {
		in      modeltest.Input
		batches []int
	}{
		"one tensor": {input(t, "good"), []int{1, 8, 32}}, "columns of words": {words, []int{1, 8, 32}},
		"regression": {doubles, []int{1, 8, 32}}, "sequence of maps": {input(t, "zipmap"), []int{1, 8, 32}}, "few rows": {short, []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, r := range []modeltest.Report{tested(t, c.in), isolated(t, c.in)} {
				for _, test := range []string{"forward_pass", "batch_inference", "output_consistency", "batch_invariance", "inference_latency", "memory_usage"} {
					require.True(t, named(t, r, test).Passed, "%s: %s", test, named(t, r, test).Error)
				}
				var sizes []int
				for _, p := range r.Throughput {
					sizes = append(sizes, p.Batch)
					require.Positive(t, p.Rows)
					require.True(t, 0 < p.P50MS && p.P50MS <= p.P95MS && p.P95MS <= p.P99MS)
				}
				require.Equal(t, c.batches, sizes)
				m := r.Metrics
				require.True(t, m["latency_p50_ms"] <= m["latency_p95_ms"] && m["latency_p95_ms"] <= m["latency_p99_ms"])
				require.Len(t, r.Latencies, 100)
				require.Greater(t, m["memory_peak_mb"], 5.0, "the library alone is more")
			}
		})
	}
}

func TestRegression(t *testing.T) {
	t.Parallel()
	in := input(t, "regression")
	in.Spec.Task = spec.Regression
	csv := "a,b,c,d,label\n"
	for _, row := range []string{"1,2,3,4,1.75", "0,1,0,1,1.25", "2,2,2,2,4.75", "1,0,0,0,1.25"} { // the model's answers plus 0.25
		csv += row + "\n"
	}
	var err error
	in.Test, err = dataset.ReadCSV(strings.NewReader(csv), "test.csv", dataset.CSVOptions{})
	require.NoError(t, err)
	r := run(t, in)
	require.Empty(t, failures(r), r.Summary())
	require.InDelta(t, 0.25, r.Metrics["rmse"], 1e-6)
	require.InDelta(t, 0.25, r.Metrics["mae"], 1e-6)
	require.Contains(t, r.Metrics, "r2")

	exploding := input(t, "exploding_layer")
	exploding.Spec.Task, exploding.Test = spec.Regression, in.Test
	require.Contains(t, named(t, run(t, exploding), "gradient_computation").Error, "layer up explodes")

	in.Tests.MaxRMSE = 0.2
	in.Production, in.ProductionVersion = in.Model, "0"
	r = run(t, in)
	require.Equal(t, []string{"rmse"}, failures(r))
	require.Contains(t, named(t, r, "rmse").Error, "above the limit 0.2")
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var seen []string
	_, err := modeltest.Run(ctx, start(t), input(t, "good"), func(done, total int, name string) {
		require.Equal(t, 15, total)
		require.Len(t, seen, done)
		if seen = append(seen, name); name == "batch_inference" {
			cancel()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, "batch_inference", seen[len(seen)-1])

	r := start(t)
	if !r.CUDA() {
		in := input(t, "good")
		in.Device = onnx.DeviceCUDA
		_, err = modeltest.Run(t.Context(), r, in, nil)
		require.ErrorIs(t, err, onnx.ErrNoDevice, "the worker's fault, not the model's")
	}
}

// The examples behave as their README says: see examples/credit-risk and examples/mnist.
func TestExamples(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		folder, version, test, label string
		accuracy                     float64
		failed                       []string
	}{
		{"credit-risk", "1.0.0", "test.csv", "risk", 0.6, []string{}},
		{"credit-risk", "1.1.0", "test.csv", "risk", 0.6, []string{}},
		{"credit-risk", "1.2.0", "test.csv", "risk", 0.65, []string{"accuracy"}}, // trained on shuffled labels
		{"credit-risk", "1.3.0", "test-short.csv", "risk", 0.6, []string{}},      // fails only in service
		{"mnist", "1.0.0", "test.csv", "digit", 0.8, []string{}},
	} {
		base := filepath.Join("..", "..", "examples", c.folder)
		bytes, err := os.ReadFile(filepath.Join(base, "models", c.version+".onnx"))
		require.NoError(t, err)
		in := input(t, "good")
		in.Model, in.Spec.Name, in.Spec.Version = bytes, c.folder, c.version
		in.Data.Label, in.Tests.MinAccuracy = c.label, c.accuracy
		in.Test = table(t, filepath.Join(base, "data", c.test))
		r := run(t, in)
		require.Equal(t, c.failed, failures(r), "%s %s: %s", c.folder, c.version, r.Summary())
	}
}
