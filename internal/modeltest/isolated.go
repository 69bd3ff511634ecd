package modeltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/sandbox"
	"github.com/slipway-ml/slipway/internal/spec"
)

// File is the content of a file and its name, for messages.
type File struct {
	Name    string
	Content []byte
}

// Isolated is Run in a child process with the limits of in.Tests.Process, so
// that a model that crashes, eats memory or hangs fails its test and nothing
// else. The program must serve ChildName. train is the file with the training
// rows, nil without them; in.Train is not used. A model that is not ONNX is in a
// process of in.Runtime instead.
func Isolated(ctx context.Context, in Input, train *File, progress func(done, total int, name string)) (Report, error) {
	started := time.Now()
	p := &parent{in: in, progress: progress, last: step{Name: checks(in)[0].name, Report: newReport(in, started)}}
	if in.runtimeName() != spec.RuntimeONNX {
		report, err := hosted(ctx, p, train)
		if err != nil {
			return Report{}, fmt.Errorf("test model %s/%s: %w", in.Spec.Name, in.Spec.Version, err)
		}
		return report, nil
	}
	command, err := p.command(ctx, train)
	if err != nil {
		return Report{}, fmt.Errorf("test model %s/%s: %w", in.Spec.Name, in.Spec.Version, err)
	}
	usage, err := sandbox.Run(ctx, command)
	var death *sandbox.Death
	switch {
	case errors.As(err, &death):
		p.bury("the model broke its process: " + death.Error())
	case err != nil:
		return Report{}, fmt.Errorf("test model %s/%s: %w", in.Spec.Name, in.Spec.Version, err)
	case p.last.Name != "":
		return Report{}, fmt.Errorf("test model %s/%s: the tests stopped at %s without a reason", in.Spec.Name, in.Spec.Version, p.last.Name)
	}
	report := p.last.Report
	report.Process = &Process{
		Isolated: true, Barriers: usage.Barriers, PeakMemoryMB: float64(usage.PeakMemory) / megabyte, CPUSeconds: usage.CPU.Seconds(),
	}
	report.measure("memory_peak_mb", report.Process.PeakMemoryMB)
	report.Seconds = time.Since(started).Seconds()
	return report, nil
}

// parent follows one child.
type parent struct {
	in       Input
	progress func(done, total int, name string)
	last     step
}

// follow takes a message of the child.
func (p *parent) follow(body json.RawMessage) error {
	var s step
	if err := json.Unmarshal(body, &s); err != nil {
		return fmt.Errorf("read the child's message: %w", err)
	}
	if s.Report.Metrics == nil {
		s.Report.Metrics = map[string]float64{}
	}
	return p.step(s)
}

// step notes how far the tests are.
func (p *parent) step(s step) error {
	p.last = s
	if p.progress != nil {
		p.progress(s.Done, s.Total, s.Name)
	}
	return nil
}

// bury completes the report of a run that ended early: the test that was running
// failed for the reason, and the others could not run.
func (p *parent) bury(reason string) {
	report := &p.last.Report
	list := checks(p.in)
	for _, c := range list[min(len(report.Tests), len(list)):] {
		if c.name == p.last.Name {
			report.add(c, fail(nil, nil, "%s", reason), p.in.Tests.Skipped)
			continue
		}
		report.add(c, skip("not run: the tests ended early, see above"), p.in.Tests.Skipped)
	}
	report.Passed = false
}

// command is what the child is told. It gets nothing of the environment but
// what the native libraries are found and steered by.
func (p *parent) command(ctx context.Context, train *File) (sandbox.Command, error) {
	library, err := onnx.FindLibrary()
	if err != nil {
		return sandbox.Command{}, err
	}
	test, err := p.in.Test.MarshalBinary()
	if err != nil {
		return sandbox.Command{}, err
	}
	r := request{
		Spec: p.in.Spec, Data: p.in.Data, Tests: p.in.Tests, Personal: p.in.Personal, ProductionVersion: p.in.ProductionVersion,
		Compared: p.in.Production != nil, Device: p.in.Device,
	}
	blobs := make([][]byte, blobCount)
	blobs[blobModel], blobs[blobTest], blobs[blobProduction] = p.in.Model, test, p.in.Production
	if r.Asked = p.in.askedBefore(); r.Asked {
		if blobs[blobProduction], err = json.Marshal(askProduction(ctx, p.in)); err != nil {
			return sandbox.Command{}, fmt.Errorf("write the answers of production: %w", err)
		}
	}
	if train != nil {
		r.TrainName, blobs[blobTrain] = train.Name, train.Content
	}
	env := []string{onnx.LibraryVariable + "=" + library}
	for _, name := range []string{"LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "GOMAXPROCS"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	l := p.in.Tests.Process
	limits := sandbox.Limits{Memory: int64(l.MemoryMB * megabyte), CPU: l.CPUTime.D(), Time: l.Time.D(), OpenFiles: openFiles}
	for _, b := range blobs {
		limits.Memory += int64(len(b)) // what it is given is no fault of the model
	}
	if l.MemoryMB == 0 {
		limits.Memory = 0
	}
	return sandbox.Command{Entry: ChildName, Request: r, Blobs: blobs, Env: env, Limits: limits, Message: p.follow}, nil
}

// openFiles is enough for ONNX Runtime and CUDA.
const openFiles = 1024
