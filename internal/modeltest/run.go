package modeltest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/spec"
)

// Input is a model, what is said of it, and what to test it with.
type Input struct {
	Model []byte // ONNX
	Spec  spec.Model
	Data  spec.Data
	Tests spec.Tests
	Test  *dataset.Table // rows that the model has not seen, with the label
	// Train are the rows that the model has seen, read once; nil if they are not
	// at hand. Its cells may still be text, as in CSV.
	Train dataset.Source
	// Personal are columns, beside Data.Sensitive, whose values no report may hold.
	Personal []string
	// Production is the model in production; nil if there is none.
	Production        []byte
	ProductionVersion string
	Device            onnx.Device
}

// check is one test of the suite. Unless it can run on a model that does not
// answer, it is skipped once forward_pass has failed.
type check struct {
	id, name string
	alone    bool
	run      func(*suite) Test
}

func checks(task spec.Task) []check {
	list := []check{
		{"C1", "parameter_count", true, (*suite).parameterCount},
		{"C1", "forward_pass", true, (*suite).forwardPass},
		{"C1", "gradient_computation", false, (*suite).gradients},
		{"C2", "batch_inference", false, (*suite).batches},
		{"C2", "output_consistency", false, (*suite).consistency},
		{"C2", "batch_invariance", false, (*suite).invariance},
		{"C3", "inference_latency", false, (*suite).latency},
		{"C3", "memory_usage", false, (*suite).memory},
	}
	if task == spec.Regression {
		return append(list,
			check{"C4", "rmse", false, (*suite).regression},
			check{"C4", "error_against_production", false, (*suite).regressionAgainstProduction})
	}
	return append(list,
		check{"C4", "accuracy", false, (*suite).classification},
		check{"C4", "accuracy_against_production", false, (*suite).classificationAgainstProduction})
}

// suite is one run of the tests and what they hand on to each other.
type suite struct {
	ctx     context.Context
	in      Input
	runtime *onnx.Runtime
	report  *Report
	batch   int // rows, at least 1

	graph    *onnx.Graph // nil until parameter_count has read it
	session  *onnx.Session
	mapper   *feature.Mapper
	answered bool // forward_pass has passed
	scored   *scored
}

// Run tests a model. The error is for what is not the model's fault: ctx ended,
// or the device is not there. progress may be nil; it is called before each
// test with its place and once at the end, and must return soon.
func Run(ctx context.Context, rt *onnx.Runtime, in Input, progress func(done, total int, name string)) (_ Report, err error) {
	started := time.Now()
	report := Report{
		Model: in.Spec.Name, Version: in.Spec.Version,
		Digest:  fmt.Sprintf("sha256:%x", sha256.Sum256(in.Model)),
		Runtime: "ONNX Runtime " + rt.Version(),
		Rows:    in.Test.Rows(), Passed: true,
		Metrics: map[string]float64{"model_bytes": float64(len(in.Model))},
		Started: started.UTC(),
	}
	s := &suite{ctx: ctx, in: in, runtime: rt, report: &report, batch: max(1, in.Spec.Deployment.BatchSize)}
	s.session, err = rt.Open(in.Model, onnx.Options{Device: in.Device})
	switch {
	case err == nil:
		report.Device = s.session.Device()
		defer func() { err = errors.Join(err, s.session.Close()) }()
	case !errors.Is(err, onnx.ErrInvalidModel):
		return Report{}, fmt.Errorf("test model %s/%s: %w", report.Model, report.Version, err)
	}
	broken := err

	list := checks(in.Spec.Task)
	for i, c := range list {
		if progress != nil {
			progress(i, len(list), c.name)
		}
		t := s.one(c, broken)
		if err := ctx.Err(); err != nil {
			return Report{}, fmt.Errorf("test model %s/%s: %s: %w", report.Model, report.Version, c.name, err)
		}
		t.ID, t.Name = c.id, c.name
		report.Tests = append(report.Tests, t)
		report.Passed = report.Passed && (t.Passed || t.Status == StatusSkipped && in.Tests.Skipped != spec.SkippedFails)
	}
	if progress != nil {
		progress(len(list), len(list), "")
	}
	report.Seconds = time.Since(started).Seconds()
	return report, nil
}

// one runs a test, or says why it could not run. broken is why the model could not be opened.
func (s *suite) one(c check, broken error) Test {
	if c.name == "forward_pass" && broken != nil {
		if s.graph == nil {
			return skip("not run: the model could not be read, see above")
		}
		return fail(nil, nil, "%s", broken)
	}
	if !c.alone && !s.answered {
		return skip("not run: the model gives no usable answers, see above")
	}
	return c.run(s)
}

// answers runs rows lo to hi-1 of the test table.
func (s *suite) answers(lo, hi int) ([]onnx.Tensor, error) {
	in, err := s.inputs(lo, hi)
	if err != nil {
		return nil, err
	}
	return s.session.Run(s.ctx, in)
}

func (s *suite) inputs(lo, hi int) ([]onnx.Tensor, error) {
	return s.mapper.FromTable(s.in.Test, s.in.Data.Label, s.in.Data.Exclude, lo, hi)
}

// lines names rows lo to hi-1 as the lines of the test file.
func (s *suite) lines(lo, hi int) string {
	first, last := s.in.Test.Line(lo), s.in.Test.Line(hi-1)
	if first == last {
		return fmt.Sprintf("line %d of %s", first, s.in.Test.Name())
	}
	return fmt.Sprintf("lines %d to %d of %s", first, last, s.in.Test.Name())
}
