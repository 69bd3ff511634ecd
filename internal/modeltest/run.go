package modeltest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/internal/dataset"
	"github.com/slipway-ml/slipway/internal/feature"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/sandbox"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// Input is a model, what is said of it, and what to test it with.
type Input struct {
	Model []byte // ONNX, or what Runtime loads
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
	// Runtime loads models that are not ONNX, each into a process of its own; nil
	// where there is none: then only ONNX models can be tested.
	Runtime serving.Runtime

	answered *answers // of production, if it was asked before
}

// check is one test of the suite. Unless it can run on a model that does not
// answer, it is skipped once the one that opens the model has failed.
type check struct {
	id, name string
	needs    need
	run      func(*suite) Test
}

// need is what a check cannot do without.
type need int

const (
	needsAnswers  need = iota // of an open model
	needsRows                 // no model at all
	needsBytes                // of an ONNX model
	needsGraph                // of an ONNX model, that was read
	needsGradient             // answers and the graph of an ONNX model
	needsToOpen               // the graph if it is ONNX, and opens the model first
)

// checks lists the tests that a model gets; what an older version left out of the spec has its default.
func checks(in Input) []check {
	in.Tests.SetQualityDefaults()
	list := []check{
		{"C1", "parameter_count", needsBytes, (*suite).parameterCount},
		{"C1", "operators", needsGraph, (*suite).operators},
		{"C1", "forward_pass", needsToOpen, (*suite).forwardPass},
		{"C1", "gradient_computation", needsGradient, (*suite).gradients},
		{"C2", "batch_inference", needsAnswers, (*suite).batches},
		{"C2", "output_consistency", needsAnswers, (*suite).consistency},
		{"C2", "batch_invariance", needsAnswers, (*suite).invariance},
		{"C3", "inference_latency", needsAnswers, (*suite).latency},
		{"C3", "memory_usage", needsAnswers, (*suite).memoryUsage},
	}
	return append(list, qualityChecks(in.Spec.Task, in.Tests)...)
}

// suite is one run of the tests and what they hand on to each other.
type suite struct {
	ctx     context.Context
	in      Input
	runtime *onnx.Runtime // nil where models run in processes of their own
	memory  memory
	spent   func(error) // ends the tests of a model whose process has no processor time left; nil: no such process
	report  *Report
	batch   int // rows, at least 1

	graph    *onnx.Graph // nil until parameter_count has read it
	session  session
	mapper   *feature.Mapper
	answered bool // forward_pass has passed
	// What the quality tests hand on; nil until the rows are scored.
	scored      *scored
	classified  *classified
	regressed   *regressed
	training    *training // nil until the training rows are read
	trainingErr error
}

// Run tests an ONNX model in this process. The error is for what is not the model's
// fault: ctx ended, or the device is not there. progress may be nil; it is
// called before each test with its place and once at the end, and must return
// soon. Models from outside are tested by Isolated.
func Run(ctx context.Context, rt *onnx.Runtime, in Input, progress func(done, total int, name string)) (_ Report, err error) {
	memory, err := sandbox.OpenMemory()
	if err != nil {
		return Report{}, fmt.Errorf("test model %s/%s: %w", in.Spec.Name, in.Spec.Version, err)
	}
	defer func() { err = errors.Join(err, memory.Close()) }()
	return run(ctx, rt, memory, in, func(p step) error {
		if progress != nil {
			progress(p.Done, p.Total, p.Name)
		}
		return nil
	})
}

// step is where a run of the tests stands: Done tests of Total are over and
// Name comes next, "" at the end. Report is what is known so far.
type step struct {
	Done   int    `json:"done"`
	Total  int    `json:"total"`
	Name   string `json:"name"`
	Report Report `json:"report"`
}

// run is Run with what a child process brings along. An error of tell ends it.
func run(ctx context.Context, rt *onnx.Runtime, memory memory, in Input, tell func(step) error) (Report, error) {
	s := &suite{ctx: ctx, in: in, runtime: rt, memory: memory, batch: max(1, in.Spec.Deployment.BatchSize)}
	return s.all("ONNX Runtime "+rt.Version(), tell)
}

// all runs the tests one after the other.
func (s *suite) all(runtime string, tell func(step) error) (_ Report, err error) {
	ctx, in, started := s.ctx, s.in, time.Now()
	in.Tests.SetQualityDefaults()
	report := newReport(in, started)
	report.Runtime = runtime
	s.report, s.in = &report, in
	defer func() { err = errors.Join(err, s.close()) }()

	list := checks(in)
	for i, c := range list {
		if err := tell(step{i, len(list), c.name, report}); err != nil {
			return Report{}, err
		}
		t, err := s.one(c)
		if err := errors.Join(err, ctx.Err()); err != nil {
			return Report{}, fmt.Errorf("test model %s/%s: %s: %w", report.Model, report.Version, c.name, err)
		}
		report.add(c, t, in.Tests.Skipped)
	}
	if err := s.measureProcess(); err != nil {
		return Report{}, fmt.Errorf("test model %s/%s: %w", report.Model, report.Version, err)
	}
	report.Seconds = time.Since(started).Seconds()
	return report, tell(step{len(list), len(list), "", report})
}

// newReport is the report of a run whose first test is yet to come.
func newReport(in Input, started time.Time) Report {
	return Report{
		Model: in.Spec.Name, Version: in.Spec.Version,
		Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(in.Model)),
		Rows:   in.Test.Rows(), Passed: true,
		Metrics: map[string]float64{"model_bytes": float64(len(in.Model))},
		Started: started.UTC(),
	}
}

// add puts a finished test into the report.
func (r *Report) add(c check, t Test, skipped spec.Skipped) {
	t.ID, t.Name = c.id, c.name
	t.Error, t.Detail = clip(t.Error), clip(t.Detail)
	if v, ok := t.Value.(string); ok {
		t.Value = clip(v)
	}
	r.Tests = append(r.Tests, t)
	r.Passed = r.Passed && (t.Passed || t.Status == StatusSkipped && skipped != spec.SkippedFails)
}

// one runs a test, or says why it could not run. The error is for what is not the model's fault.
func (s *suite) one(c check) (Test, error) {
	switch {
	case s.foreign() && (c.needs == needsBytes || c.needs == needsGraph || c.needs == needsGradient):
		return skip("not run: it looks into the graph of an ONNX model, and this one runs on %s", s.in.runtimeName()), nil
	case (c.needs == needsAnswers || c.needs == needsGradient) && !s.answered:
		return skip("not run: the model gives no usable answers, see above"), nil
	case (c.needs == needsGraph || c.needs == needsToOpen) && !s.foreign() && s.graph == nil:
		return skip("not run: the model could not be read, see above"), nil
	case c.needs == needsToOpen:
		err := s.open()
		switch {
		case errors.Is(err, onnx.ErrInvalidModel), errors.Is(err, errUnloadable):
			return fail(nil, nil, "%s", err), nil
		case err != nil:
			return Test{}, err
		}
	}
	return c.run(s), nil
}

// open loads the model onto its device.
func (s *suite) open() error {
	opened, err := s.load(s.in.Model, s.in.Spec)
	if err != nil {
		return err
	}
	if model, ok := opened.(served); ok {
		model.spent = s.spent
		opened = model
	}
	s.session, s.report.Device = opened, opened.Device()
	return nil
}

func (s *suite) close() error {
	if s.session == nil {
		return nil
	}
	return s.session.Close()
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

// clip keeps what a model says of itself from flooding reports and histories.
func clip(text string) string {
	const most = 2000 // bytes
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
